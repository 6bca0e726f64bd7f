"""Keys of back ends: each opens what it is for, at once and until it is revoked (H105)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.requests import Request

from alsohere import AlsoHere
from alsohere.backends.memory_keys import MemoryKeys
from alsohere.cli import main
from alsohere.config import Config
from alsohere.domain.api_key import SCOPES, ApiKey, hash_of
from alsohere.errors import Forbidden, RateExceeded, Unauthenticated, Unavailable
from alsohere.node.metrics import Metrics
from alsohere.server.access import Access, given_key
from alsohere.server.http_api import ApiRoute
from support.databases import DURABLE, new_database, rows
from support.polls import ask
from support.servers import API_KEY, ServerProcess, wait_for
from support.simulation import SimulatedClock

KEY = "ah_" + "k" * 43
OTHER = "ah_" + "o" * 43


class Keys(MemoryKeys):
    """A database that may be away."""

    def __init__(self) -> None:
        self.known = [ApiKey(hash_of(KEY.encode()), "reader", ("read",), 0)]
        self.away = False
        self.asked = 0
        self.uses: list[str] = []

    async def keys(self) -> list[ApiKey]:
        self.asked += 1
        if self.away:
            raise Unavailable("Away.")
        return self.known

    def used(self, key: ApiKey, at_ms: int) -> None:
        self.uses.append(key.name)


class Door:
    """What lets requests pass, with its clock and its database."""

    def __init__(self, **settings: Any) -> None:
        self.clock, self.keys, self.metrics = SimulatedClock(), Keys(), Metrics()
        config = Config(_env_file=None, **({"api_key": API_KEY} | settings))
        self.access = Access(config, self.keys, self.clock, self.metrics)

    async def knock(self, key: str, scope: Any = "read", *more: tuple[bytes, bytes]) -> None:
        headers = [(b"authorization", b"Bearer " + key.encode()), *more]
        await self.access.check(Request({"type": "http", "headers": headers, "client": ("10.0.0.1", 1)}), scope)


def test_a_key_opens_what_it_is_for_and_the_answer_names_the_scope_that_is_missing():
    async def scene() -> None:
        door = Door()
        await door.knock(KEY)
        for scope in set(SCOPES) - {"read"}:
            with pytest.raises(Forbidden, match=f"^This needs a key with the scope {scope}; reader has read.$"):
                await door.knock(KEY, scope)
        for scope in SCOPES:
            await door.knock(API_KEY, scope)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "key", ["", OTHER, KEY[:-1], KEY + "k", KEY[:-1] + "l", KEY.upper(), "ah_" + "é" * 43, hash_of(KEY.encode())]
)
def test_another_key_opens_nothing(key: str):
    with pytest.raises(Unauthenticated):
        asyncio.run(Door().knock(key))


@pytest.mark.parametrize("headers", [[(b"authorization", b"Bearer " + KEY.encode())] * 2, [(b"x-api-key", KEY.encode())] * 2])
def test_two_keys_are_none(headers: list[tuple[bytes, bytes]]):
    assert given_key(Request({"type": "http", "headers": headers})) == ""
    assert given_key(Request({"type": "http", "headers": headers[:1]})) == KEY


def test_what_does_not_look_like_a_key_does_not_reach_the_database():
    door = Door()
    with pytest.raises(Unauthenticated):
        asyncio.run(door.knock("a guess"))
    assert door.keys.asked == 0


def test_requests_that_come_together_read_the_keys_once():
    async def scene() -> None:
        door = Door()
        await asyncio.gather(*(door.knock(KEY) for _ in range(50)))
        assert door.keys.asked == 1
        assert door.keys.uses == ["reader"], "the last use is noted once a minute"
        door.clock.time_s += 61
        await door.knock(KEY)
        assert len(door.keys.uses) == 2

    asyncio.run(scene())


def test_a_revoked_key_opens_nothing_a_second_later_and_a_new_one_opens_at_once():
    async def scene() -> None:
        door = Door()
        await door.knock(KEY)
        door.keys.known = [ApiKey(hash_of(OTHER.encode()), "other", ("read",), 0)]
        door.clock.time_s += 1
        with pytest.raises(Unauthenticated):
            await door.knock(KEY)
        door.clock.time_s += 0.1
        await door.knock(OTHER)

    asyncio.run(scene())


def test_while_the_database_is_away_known_keys_are_good_and_nobody_knows_of_others():
    async def scene() -> None:
        door = Door()
        await door.knock(KEY)
        door.keys.away = True
        door.clock.time_s += 100
        await door.knock(KEY)
        door.clock.time_s += 100
        with pytest.raises(Unavailable):
            await door.knock(OTHER)
        await door.knock(API_KEY)

    asyncio.run(scene())


def test_each_key_has_its_rate():
    async def scene() -> None:
        door = Door(api_requests_per_s=10, api_request_burst=3)
        for _ in range(3):
            await door.knock(KEY)
        with pytest.raises(RateExceeded) as slow:
            await door.knock(KEY)
        assert slow.value.retry_after_ms == 101
        await door.knock(API_KEY)
        door.clock.time_s += 0.101
        await door.knock(KEY)
        assert door.metrics.limited == {"key": 1}

    asyncio.run(scene())


def test_what_a_key_is_not_for_counts_as_much_as_what_it_is_for():
    """Otherwise a key that reads could keep the server busy with refusals, however slow it is to be."""

    async def scene() -> None:
        door = Door(api_requests_per_s=10, api_request_burst=3)
        for _ in range(3):
            with pytest.raises(Forbidden):
                await door.knock(KEY, "push")
        with pytest.raises(RateExceeded):
            await door.knock(KEY, "push")
        with pytest.raises(RateExceeded):
            await door.knock(KEY)

    asyncio.run(scene())


def test_keys_that_nobody_has_asked_about_yet_are_keys():
    """The first request after the start is told to send a key, and not that there are none."""

    async def scene() -> None:
        door = Door(api_key=None)
        for key in ("", "a guess"):
            with pytest.raises(Unauthenticated):
                await door.knock(key)
        assert door.keys.asked == 1

    asyncio.run(scene())


def test_who_guesses_is_told_to_slow_down_and_others_of_the_address_are_not():
    async def scene() -> None:
        door = Door()
        for _ in range(200):
            with pytest.raises(Unauthenticated):
                await door.knock("a guess")
        with pytest.raises(RateExceeded):
            await door.knock("a guess")
        await door.knock(KEY)
        assert door.metrics.limited == {"address": 1}

    asyncio.run(scene())


def test_without_any_key_the_api_is_off():
    door = Door(api_key=None)
    door.keys.known = []
    for key in ("", "a guess", OTHER):
        with pytest.raises(Forbidden, match="alsohere key create"):
            asyncio.run(door.knock(key))


def test_every_endpoint_says_its_scope_in_the_document():
    here = AlsoHere(dev=True, database_url="memory://")
    api = next(route.api for route in here._router.routes if isinstance(route, ApiRoute))
    for endpoint in api.endpoints:
        operation = api.document["paths"]["/api/v1" + endpoint.path][endpoint.method.lower()]
        assert operation["security"] == ([] if endpoint.public else [{"bearer": [endpoint.scope]}, {"key": [endpoint.scope]}])
    needs = {endpoint.name: endpoint.scope for endpoint in api.endpoints}
    assert (needs["online"], needs["kick"], needs["push"], needs["make_token"]) == ("read", "users", "push", "tokens")
    assert (needs["notify"], needs["revoke_lock"], needs["erase_user_data"]) == ("notify", "locks", "users")


# -- On a database -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=DURABLE)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


def call(*args: str, url: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, args, env={"DATABASE_URL": url})
    assert result.exit_code == status, result.output
    return result


def test_keys_are_made_listed_and_revoked_and_only_their_hashes_are_kept(url: str):
    reader = call("key", "create", "reader", "--scope", "read", "--scope", "push", url=url).stdout.strip()
    other = call("key", "create", "other", "--scope", "admin", url=url).stdout.strip()
    assert reader != other
    kept = rows(url, "SELECT hash FROM api_keys ORDER BY name")
    assert [row[0] for row in kept] == [hash_of(other.encode()), hash_of(reader.encode())]
    listed = call("key", "list", url=url).stdout
    assert "reader  (read, push; made " in listed
    assert "never used" in listed
    assert reader not in listed
    assert "There is a key 'reader' already" in call("key", "create", "reader", "--scope", "read", url=url, status=1).stderr
    assert call("key", "revoke", "reader", url=url).stdout == "reader is revoked.\n"
    assert "There is no key 'reader'." in call("key", "revoke", "reader", url=url, status=1).stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["a b", "--scope", "read"], "A key's name is"),
        (["-x", "--scope", "read"], "No such option"),
        (["x", "--scope", "all"], "'all' is not one of"),
        (["x"], "Missing option '--scope'"),
    ],
    ids=str,
)
def test_what_is_no_key_is_not_made(tmp_path: Path, args: list[str], said: str):
    result = CliRunner().invoke(main, ["key", "create", *args], env={"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"})
    assert result.exit_code
    assert said in result.stderr


def test_two_back_ends_number_their_requests_alike_and_each_is_heard(tmp_path: Path):  # I3
    """The header is an API key's own, also where it is stored; a `key` in the body is the notification's, whoever sends it."""
    url = f"sqlite:///{tmp_path}/alsohere.db"
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env={"ALSOHERE_DATABASE_URL": url}) as server:
        keys = [call("key", "create", name, "--scope", "notify", url=url).stdout.strip() for name in ("shop", "forum")]

        def sent(asker: str, header: str, path: str = "/notifications", **content: Any) -> Any:
            body = {"to": ["42"], "title": "x"} | content
            body = body if path == "/notifications" else {"notifications": [body]}
            answer = ask(server.url, f"/api/v1{path}", "POST", json.dumps(body), x_api_key=asker, idempotency_key=header).json()
            return answer["id"] if path == "/notifications" else answer["answers"][0]["id"]

        shop, forum = keys
        assert len({sent(shop, "7"), sent(forum, "7"), sent(shop, "8")}) == 3
        assert sent(shop, "7") == sent(shop, "7")
        assert sent(shop, "9", key="order-7") == sent(forum, "10", key="order-7")
        long = "x" * 199
        assert sent(shop, long + "1", "/notifications/batch") != sent(shop, long + "2", "/notifications/batch")


def test_without_a_database_there_are_no_keys():
    assert "memory:// keeps no keys" in call("key", "create", "x", "--scope", "read", url="memory://", status=1).stderr


def test_a_running_server_knows_of_a_new_key_and_of_a_revoked_one(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/alsohere.db"
    env = {"ALSOHERE_DATABASE_URL": url, "ALSOHERE_API_KEY": ""}
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=env) as server:
        reader = call("key", "create", "reader", "--scope", "read", url=url).stdout.strip()

        def asked(method: str = "GET", path: str = "/api/v1/online") -> Any:
            return ask(server.url, path, method, x_api_key=reader)

        assert asked().status == 200
        kick = asked("DELETE", "/api/v1/users/42/connections")
        assert (kick.status, kick.json()["detail"]) == (403, "This needs a key with the scope users; reader has read.")
        push = ask(server.url, "/api/v1/push", "POST", json.dumps({"name": "x", "everyone": True}).encode(), x_api_key=reader)
        assert push.status == 403
        wait_for(lambda: "last used 2" in call("key", "list", url=url).stdout, what="the last use")
        call("key", "revoke", "reader", url=url)
        wait_for(lambda: asked().status != 200, 3, "the end of the key")
        assert asked().status in (401, 403)
