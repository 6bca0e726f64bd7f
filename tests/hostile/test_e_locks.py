"""E: locks. Who asks without end, who pretends to hold one, and who does not let go."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest

from hostile.bystander import Bystander
from hostile.conftest import LOCK_QUEUE
from hostile.wire import fetch
from support.raw import RawClient, joined
from support.servers import API_KEY, ServerProcess, wait_for

LOCK = "/attacked#title"


def _lock(server: ServerProcess) -> dict[str, Any]:
    """The lock as back ends see it; without the end of the lease, which is moved while it is held."""
    answer = json.loads(server.get(f"/api/v1/locks/{quote(LOCK, safe='')}")[1])
    del answer["expires_at"]
    return answer


def _check(server: ServerProcess, fence: Any) -> tuple[int, dict[str, Any]]:
    """What a back end is told that is about to save."""
    body = json.dumps({"fence": fence}).encode()
    headers = f"Authorization: Bearer {API_KEY}\r\nContent-Type: application/json\r\n"
    answer = fetch(server, f"/api/v1/locks/{quote(LOCK, safe='')}/check", "POST", headers, body)
    return answer.status, json.loads(answer.body)


def _acquired(client: RawClient) -> int:
    """The fence."""
    answer = client.call("lock:acquire", {"lock": LOCK})
    assert answer["status"] == "held", answer
    return answer["fence"]


def test_h91_one_who_queues_without_end(server: ServerProcess, bystander: Bystander) -> None:
    """One place for a person, however often they ask and in however many tabs."""
    with joined(server.url, visitor="holder-0001") as holder, bystander.attacker() as client:
        _acquired(holder)
        with joined(server.url, visitor="attacker-0001") as second_tab:
            for _ in range(50):
                for tab in (client, second_tab):
                    answer = tab.call("lock:acquire", {"lock": LOCK})
                    assert (answer["status"], answer["position"], answer["waiting"]) == ("queued", 1, 1)
        assert _lock(server)["waiting"] == 1


def test_h91_many_who_queue(server: ServerProcess, bystander: Bystander) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(joined(server.url, visitor=f"attacker-{n:04}")) for n in range(LOCK_QUEUE + 4)]
        answers = [client.call("lock:acquire", {"lock": LOCK}) for client in clients]
        assert [answer.get("status") for answer in answers] == ["held"] + ["queued"] * LOCK_QUEUE + [None] * 3
        assert {answer["error"]["code"] for answer in answers[1 + LOCK_QUEUE :]} == {"queue_full"}
        assert clients[-1].call("lock:request", {"lock": LOCK})["error"]["code"] == "queue_full"
        assert clients[-1].call("lock:acquire", {"lock": LOCK, "wait": False})["status"] == "refused"


def test_h91_one_who_takes_every_lock(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        answers = [client.call("lock:acquire", {"lock": f"/flood/{number}"}) for number in range(40)]
        assert [answer["ok"] for answer in answers] == [True] * 32 + [False] * 8
        assert {answer["error"]["code"] for answer in answers[32:]} == {"limit"}
        assert client.call("lock:release", {"lock": "/flood/0"})["ok"]
        assert client.call("lock:acquire", {"lock": "/flood/39"})["ok"]


FENCES = [0, -1, 1, 2**53, 2**63, -(2**63), 10**30, None]


@pytest.mark.parametrize("fence", FENCES, ids=str)
@pytest.mark.parametrize("command", ["release", "touch", "hand_over"])
def test_h92_a_lock_of_somebody_else(server: ServerProcess, bystander: Bystander, command: str, fence: int | None) -> None:
    with joined(server.url, visitor="holder-0001") as holder, bystander.attacker() as client:
        own = _acquired(holder)
        before = _lock(server)
        for forged in (fence, own):
            answer = client.call(f"lock:{command}", {"lock": LOCK, "fence": forged})
            assert answer["error"]["code"] == "not_holder"
        client.call("lock:acquire", {"lock": LOCK})  # one who waits is no holder either
        if command != "release":
            assert client.call(f"lock:{command}", {"lock": LOCK, "fence": own})["error"]["code"] == "not_holder"
        assert client.call("lock:release", {"lock": LOCK, "fence": own})["ok"], "which is their place in the queue"
        assert _lock(server) == before
        assert holder.call("lock:touch", {"lock": LOCK, "fence": own})["fence"] == own


@pytest.mark.parametrize("fence", [fence for fence in FENCES if fence is not None], ids=str)
def test_h92_forged_fences_of_the_holder(server: ServerProcess, bystander: Bystander, fence: int) -> None:
    """Of the past or of the future: only the lock's own is good, for the holder and for the back end that saves."""
    with bystander.attacker() as client:
        own = _acquired(client)
        for command in ("release", "touch", "hand_over"):
            assert client.call(f"lock:{command}", {"lock": LOCK, "fence": fence})["error"]["code"] == "not_holder"
        status, answer = _check(server, fence)
        assert status == 400 or not answer["valid"]
        assert _check(server, own) == (200, {**_check(server, own)[1], "valid": True})


@pytest.mark.parametrize("fence", ["1", 1.5, True, [1], {}, "NaN"], ids=str)
def test_h92_fences_that_are_none(server: ServerProcess, bystander: Bystander, fence: Any) -> None:
    with bystander.attacker() as client:
        own = _acquired(client)
        for command in ("release", "touch", "hand_over"):
            assert client.call(f"lock:{command}", {"lock": LOCK, "fence": fence})["error"]["code"] == "bad_request"
        assert _check(server, fence)[0] == 400
        assert client.call("lock:touch", {"lock": LOCK})["fence"] == own


def test_h92_taking_without_permission(server: ServerProcess, bystander: Bystander) -> None:
    """Taking is for those whom the application lets, and is in the audit; what was refused changes nothing and is not."""
    with joined(server.url, visitor="holder-0001") as holder, bystander.attacker() as client:
        _acquired(holder)
        before = _lock(server)
        assert client.call("lock:take", {"lock": LOCK, "why": "mine"})["error"]["code"] == "forbidden"
        assert client.call("lock:take", {"lock": LOCK, "why": "x" * 100_000})["error"]["code"] == "forbidden"
        assert _lock(server) == before
        assert json.loads(server.get(f"/api/v1/locks/{quote(LOCK, safe='')}/audit")[1]) == {"entries": []}


def test_h93_one_who_does_not_share(server: ServerProcess, bystander: Bystander) -> None:
    """Released and acquired at once, in one write: who waits comes first, and the greedy one is last."""
    with bystander.attacker() as client, joined(server.url, visitor="waiter-0001") as waiter:
        fences = [_acquired(client)]
        for _ in range(3):
            assert waiter.call("lock:acquire", {"lock": LOCK})["position"] == 1
            client.send(f'42["lock:release",{{"lock":"{LOCK}"}}]')
            client.send(f'421["lock:acquire",{{"lock":"{LOCK}"}}]')
            fences.append(waiter.event("lock:granted")[0]["fence"])
            while not (packet := client.receive()).startswith("431["):
                pass
            assert json.loads(packet[3:])[0]["status"] == "queued"
            assert waiter.call("lock:release", {"lock": LOCK})["ok"]
            fences.append(client.event("lock:granted")[0]["fence"])
        assert fences == sorted(set(fences)), "every grant has a larger one (L2)"


def test_h94_a_holder_who_comes_back_too_late(server: ServerProcess, bystander: Bystander) -> None:
    """H94 says `stale_token`; ours is `not_holder`. What counts: a save with the old fence is refused."""
    holder = joined(server.url, visitor="attacker-0001")
    old = _acquired(holder)
    with joined(server.url, visitor="waiter-0001") as waiter:
        waiter.call("lock:acquire", {"lock": LOCK})
        holder.socket.socket.close()  # without a word, as a process that was stopped
        new = waiter.event("lock:granted")[0]
        assert (new["fence"] > old, new["reason"]) == (True, "expired")
        with joined(server.url, visitor="attacker-0001") as late:
            for command in ("touch", "release", "hand_over"):
                assert late.call(f"lock:{command}", {"lock": LOCK, "fence": old})["error"]["code"] == "not_holder"
            status, answer = _check(server, old)
            assert (status, answer["valid"], answer["reason"]) == (200, False, "stale_fence")
            assert _check(server, new["fence"])[1]["valid"]
            assert late.call("lock:acquire", {"lock": LOCK})["status"] == "queued"


def test_h95_a_holder_who_does_not_answer(server: ServerProcess, bystander: Bystander) -> None:
    """Not offers that expire, but requests: who is asked has some time to save, and then the lock is the other's."""
    with bystander.attacker() as client, joined(server.url, visitor="asker-0001") as asker:
        _acquired(client)
        assert asker.call("lock:request", {"lock": LOCK})["status"] == "asked"
        assert client.event("lock:requested")
        granted = asker.event("lock:granted")[0]
        assert granted["reason"] == "handed_over"
        assert client.event("lock:lost")[0]["reason"] == "handed_over"
        assert client.call("lock:touch", {"lock": LOCK})["error"]["code"] == "not_holder"


def test_h95_one_who_asks_and_is_gone(server: ServerProcess, bystander: Bystander) -> None:
    with joined(server.url, visitor="holder-0001") as holder, joined(server.url, visitor="next-0001") as following:
        fence = _acquired(holder)
        with bystander.attacker() as client:
            assert client.call("lock:request", {"lock": LOCK})["status"] == "asked"
            following.call("lock:acquire", {"lock": LOCK})
        wait_for(lambda: _lock(server)["waiting"] == 1, what="the asker to be forgotten")
        assert holder.call("lock:touch", {"lock": LOCK})["fence"] == fence, "it is still the holder's"
        assert holder.call("lock:hand_over", {"lock": LOCK})["ok"]
        assert following.event("lock:granted")[0]["reason"] == "handed_over"
