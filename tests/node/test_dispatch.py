"""From what a client sent to the application's handler, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from alsohere.errors import BadRequest, CloseCode, Forbidden
from alsohere.node.dispatch import MAX_WAITING_EVENTS
from alsohere.node.hooks import Handler
from alsohere.node.node import NodeRules
from support.loop import asynchronous, turns, until
from support.simulation import SimulatedClient, World


class App(World):
    """A node with handlers that write down what they are asked."""

    def __init__(self, **rules: Any) -> None:
        super().__init__(NodeRules(packet_burst=1000, **rules))
        self.log: list[Any] = []
        self.gates: dict[str, asyncio.Event] = {}

    def on(self, event: str, function: Callable[..., Any], namespace: str = "/") -> None:
        self.hooks.namespace(namespace).events[event] = Handler(function)

    def on_slow(self, event: str) -> asyncio.Event:
        """A handler that waits until the gate is opened."""
        gate = self.gates[event] = asyncio.Event()

        async def slow(conn: Any, *args: Any) -> str:
            self.log.append(f"{event} begins")
            await gate.wait()
            self.log.append(f"{event} ends")
            return event

        self.on(event, slow)
        return gate

    def on_quick(self, event: str) -> None:
        self.on(event, lambda conn, *args: self.log.append((event, *args)))

    def on_connect(self, function: Callable[..., Any]) -> None:
        self.hooks.namespace("/").connected.append(Handler(function))

    def on_disconnect(self, function: Callable[..., Any]) -> None:
        self.hooks.namespace("/").disconnected.append(Handler(function))


# -- Handlers and acknowledgements -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "ack"),
    [(None, []), (7, [7]), ({"a": [1]}, [{"a": [1]}]), ((1, "b"), [1, "b"]), ((), []), ([1, 2], [[1, 2]]), (False, [False])],
)
def test_what_a_handler_returns_is_the_acknowledgement(result: Any, ack: list[Any]):
    app = App()
    app.on("x", lambda conn: result)
    ann = app.client("ann")
    assert ann.acks[ann.ask("x")] == ack


@asynchronous
async def test_what_an_async_handler_returns_is_the_acknowledgement():
    app = App()
    gate = app.on_slow("x")
    ann = app.client("ann")
    ack_id = ann.ask("x")
    await turns()
    assert ack_id not in ann.acks
    gate.set()
    await until(lambda: ack_id in ann.acks)
    assert ann.acks[ack_id] == ["x"]


def test_an_event_that_asks_for_no_acknowledgement_gets_none():
    app = App()
    app.on("x", lambda conn: 7)
    ann = app.client("ann")
    before = len(ann.packets)
    ann.send('42["x"]')
    assert len(ann.packets) == before


def test_a_handler_gets_the_arguments_it_takes():
    app = App()
    app.on("none", lambda conn: app.log.append("none"))
    app.on("one", lambda conn, a: app.log.append(a))
    app.on("default", lambda conn, a, b="b": app.log.append((a, b)))
    app.on("all", lambda conn, *args: app.log.append(args))
    ann = app.client("ann")
    ann.send('42["none",1,2]')
    ann.send('42["one",{"x":[1,"é",null]},2]')
    ann.send('42["default",1]')
    ann.send('42["all",1,2,3]')
    assert app.log == ["none", {"x": [1, "é", None]}, (1, "b"), (1, 2, 3)]
    refused = ann.call("one")
    assert (refused["ok"], refused["error"]["code"]) == (False, "bad_request")


def test_attachments_come_as_bytes():
    app = App()
    app.on("file", lambda conn, name, content: (name, len(content), app.log.append(content)))
    ann = app.client("ann")
    ann.send('451-1["file","a.txt",{"_placeholder":true,"num":0}]')
    ann.peer.receive(b"content", binary=True)
    assert (ann.acks[1], app.log) == (["a.txt", 7, None], [b"content"])


def test_the_connection_is_handed_to_the_handler():
    app = App()
    app.on("x", lambda conn: (conn.user.id, conn.namespace))
    ann = app.client("ann")
    assert ann.acks[ann.ask("x")] == ["ann", "/"]


def test_an_event_that_nobody_handles_is_said_to_be_unknown():
    app = App()
    app.on("ours", lambda conn: 1, namespace="/other")
    ann = app.client("ann")
    for name in ("ours", "__init__", "room:nothing", "handler"):
        assert ann.call(name)["error"]["code"] == "unknown_event"


def test_commands_are_ours_on_the_main_namespace_and_anybodys_elsewhere():
    app = App()
    app.on("room:enter", lambda conn, where: f"entered {where}", namespace="/other")
    ann = app.client("ann")
    ann.send('40/other,{"user":"ann"}')
    ann.send('42/other,9["room:enter","/x"]')
    assert ann.packets[-1] == '43/other,9["entered /x"]'
    assert app.node.count("/x") == 0
    ann.send('42/other,8["room:leave",{}]')
    assert "unknown_event" in ann.packets[-1]


def test_a_refusal_of_a_handler_is_the_answer():
    app = App()

    def refuse(conn: Any, kind: str) -> None:
        raise Forbidden("Not for you.") if kind == "forbidden" else BadRequest("No.", code="odd", retry_after_ms=5)

    app.on("x", refuse)
    ann = app.client("ann")
    assert ann.call("x", "forbidden") == {"ok": False, "error": {"code": "forbidden", "message": "Not for you."}}
    assert ann.call("x", "odd")["error"] == {"code": "odd", "message": "No.", "retry_after_ms": 5}


def test_what_a_handler_raises_ends_nothing_but_that_call(caplog: pytest.LogCaptureFixture):  # S5
    app = App()
    app.on("x", lambda conn: 1 / 0)
    ann = app.client("ann")
    answer = ann.call("x")
    assert answer["error"]["code"] == "internal"
    assert "division" not in str(answer)
    assert "ZeroDivisionError" in caplog.text
    assert (ann.closed, app.node.metrics.internal_errors) == (None, 1)
    assert ann.call("room:enter", {"room": "/r"})["ok"]


@asynchronous
async def test_what_an_async_handler_raises_ends_nothing_but_that_call():  # S5
    app = App()

    async def fail(conn: Any, kind: str) -> None:
        await asyncio.sleep(0)
        raise Forbidden("Not for you.") if kind == "refusal" else KeyError(kind)

    app.on("x", fail)
    ann = app.client("ann")
    first, second = ann.ask("x", "refusal"), ann.ask("x", "error")
    await until(lambda: second in ann.acks)
    assert [ann.acks[ack_id][0]["error"]["code"] for ack_id in (first, second)] == ["forbidden", "internal"]
    assert ann.closed is None


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_answer_that_is_no_json_is_a_failure_of_the_application(is_async: bool):
    async def play() -> None:
        app = App()

        async def later(conn: Any) -> Any:
            return object()

        app.on("x", later if is_async else lambda conn: object())
        ann = app.client("ann")
        ack_id = ann.ask("x")
        await until(lambda: ack_id in ann.acks)
        assert ann.acks[ack_id][0]["error"]["code"] == "internal"
        assert ann.closed is None

    asyncio.run(play())


def test_an_argument_that_cannot_be_read_ends_the_connection():
    app = App()
    app.on_quick("x")
    ann = app.client("ann")
    ann.send('42["x",1e999]')
    assert (app.log, ann.closed[0]) == ([], CloseCode.BAD_PACKET)


def test_text_with_half_of_a_surrogate_pair_is_refused_and_the_connection_stays():
    app = App()
    app.on_quick("x")
    ann = app.client("ann")
    ann.send('425["x","\\ud800"]')
    assert ann.acks[5][0]["error"]["code"] == "bad_text"
    ann.send('42["x",1]')
    assert app.log == [("x", 1)]


# -- Order -------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_events_are_handled_in_order_while_a_handler_waits():
    app = App()
    gate = app.on_slow("slow")
    app.on_quick("quick")
    ann = app.client("ann")
    ann.send('42["slow"]')
    ann.send('42["quick",1]')
    ack_id = ann.ask("room:enter", {"room": "/r", "watch": "none"})
    ann.send('42["quick",2]')
    await until(lambda: app.log)
    await turns()
    assert (app.log, app.node.count("/r")) == (["slow begins"], 0)
    gate.set()
    await until(lambda: ack_id in ann.acks)
    assert app.log == ["slow begins", "slow ends", ("quick", 1), ("quick", 2)]
    assert app.node.count("/r") == 1


@asynchronous
async def test_connections_do_not_wait_for_each_other():
    app = App()
    app.on_slow("slow")
    app.on_quick("quick")
    ann, bob = app.client("ann"), app.client("bob")
    ann.send('42["slow"]')
    bob.send('42["quick"]')
    assert ("quick",) in app.log
    assert bob.call("room:enter", {"room": "/r"})["ok"]


@asynchronous
async def test_pings_and_acknowledgements_are_heard_while_a_handler_waits():
    app = App()
    app.on_slow("slow")
    ann = app.client("ann")
    ann.send('42["slow"]')
    app.pass_time(60.0)
    assert ann.packets.count("2") == 4
    assert ann.closed is None


@asynchronous
async def test_too_many_events_behind_a_handler_end_the_connection():  # S4
    app = App()
    gate = app.on_slow("slow")
    app.on_quick("quick")
    ann = app.client("ann")
    ann.send('42["slow"]')
    for _ in range(MAX_WAITING_EVENTS):
        ann.send('42["quick"]')
    assert ann.closed is None
    ann.send('42["quick"]')
    assert ann.closed[0] == CloseCode.RATE
    gate.set()
    await until(lambda: "slow ends" in app.log)
    await turns()
    assert app.log == ["slow begins", "slow ends"], "events of an ended connection are not handled"


@asynchronous
async def test_an_unreadable_argument_behind_a_handler_ends_the_connection_and_nothing_hangs():
    app = App()
    gate = app.on_slow("slow")
    app.on_quick("quick")
    app.on_disconnect(lambda conn, reason: app.log.append(reason))
    ann = app.client("ann")
    ann.send('42["slow"]')
    ann.send('42["quick",1e999]')
    gate.set()
    await until(lambda: ann.closed)
    await until(lambda: "disconnected" in app.log)
    assert ann.closed[0] == CloseCode.BAD_PACKET
    assert app.log == ["slow begins", "slow ends", "disconnected"]


# -- Connect and disconnect --------------------------------------------------------------------------------------------


@asynchronous
async def test_on_connect_is_done_before_the_first_event():
    app = App()
    gate = asyncio.Event()

    async def connected(conn: Any) -> None:
        await gate.wait()
        app.log.append(f"hello {conn.user.id}")
        await conn.enter("/lobby")

    app.on_connect(connected)
    app.on_quick("first")
    ann = app.client("ann")
    ann.send('42["first"]')
    await turns()
    assert (ann.packets[-1][:2], app.log) == ("40", [])
    gate.set()
    await until(lambda: len(app.log) == 2)
    assert app.log == ["hello ann", ("first",)]
    assert app.node.count("/lobby") == 1


@asynchronous
async def test_several_on_connects_are_called_in_order():
    app = App()

    async def slow(conn: Any) -> None:
        await turns(3)
        app.log.append("slow")

    app.on_connect(slow)
    app.on_connect(lambda conn: app.log.append("quick"))
    app.on_connect(lambda: 1 / 0)
    app.client("ann")
    await until(lambda: len(app.log) == 2)
    assert app.log == ["slow", "quick"]


@asynchronous
async def test_a_failing_on_connect_lets_events_through():  # S5
    app = App()

    async def fail(conn: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    app.on_connect(fail)
    app.on_quick("x")
    ann = app.client("ann")
    ann.send('42["x"]')
    await until(lambda: app.log)
    assert ann.closed is None


@asynchronous
async def test_on_disconnect_is_called_after_what_handlers_still_do():
    app = App()
    gate = app.on_slow("slow")
    app.on_quick("quick")
    app.on_disconnect(lambda conn, reason: app.log.append((conn.user.id, reason, conn.connected)))
    ann = app.client("ann")
    ann.send('42["slow"]')
    ann.send('42["quick"]')
    ann.lose_transport()
    await turns()
    assert app.log == ["slow begins"]
    gate.set()
    await until(lambda: len(app.log) == 3)
    assert app.log == ["slow begins", "slow ends", ("ann", "disconnected", False)]


@asynchronous
async def test_on_disconnect_is_called_however_much_was_waiting():
    app = App()
    gate = app.on_slow("slow")
    app.on_disconnect(lambda conn: app.log.append("goodbye"))
    app.on_disconnect(lambda conn: app.log.append("and again"))
    ann = app.client("ann")
    for _ in range(MAX_WAITING_EVENTS + 2):
        ann.send('42["slow"]')
    assert ann.closed[0] == CloseCode.RATE
    gate.set()
    await until(lambda: "goodbye" in app.log)
    assert app.log == ["slow begins", "slow ends", "goodbye", "and again"]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda app, ann: ann.send("41"), "left"),
        (lambda app, ann: ann.send("1"), "disconnected"),
        (lambda app, ann: ann.lose_transport(), "disconnected"),
        (lambda app, ann: app.node.kick("ann"), "kicked"),
        (lambda app, ann: app.node.kick_connection(ann.connection), "kicked"),
        (lambda app, ann: ann.send("nonsense"), "disconnected"),
        (lambda app, ann: (setattr(ann, "is_silent", True), app.pass_time(30.0)), "timeout"),
    ],
    ids=["goodbye", "close", "lost", "kick", "disconnect", "nonsense", "silence"],
)
def test_on_disconnect_is_told_how_a_connection_ended_once(end: Callable[[App, SimulatedClient], Any], reason: str):
    app = App()
    app.on_disconnect(lambda conn, why: app.log.append(why))
    ann = app.client("ann")
    end(app, ann)
    ann.lose_transport()
    app.pass_time(60.0)
    assert app.log == [reason]


def test_a_namespace_has_handlers_of_its_own():
    app = App()
    other = app.hooks.namespace("/other")
    other.connected.append(Handler(lambda conn: app.log.append(f"in {conn.namespace}")))
    other.disconnected.append(Handler(lambda conn, why: app.log.append(f"out of {conn.namespace}: {why}")))
    app.on_connect(lambda conn: app.log.append("main"))
    ann = app.client("ann")
    ann.send('40/other,{"user":"ann"}')
    ann.send("41/other,")
    assert app.log == ["main", "in /other", "out of /other: left"]
    assert ann.closed is None


# -- Calls -------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_call_returns_what_the_client_acknowledges():
    app = App()
    ann = app.client("ann")
    call = asyncio.ensure_future(ann.connection.call("what", {"is": "it"}))
    await until(lambda: ann.events)
    assert ann.packets[-1] == '421["what",{"is":"it"}]'
    ann.send('431["this",2]')
    assert await call == ["this", 2]


@asynchronous
async def test_calls_are_answered_each_by_its_own_acknowledgement():  # S2
    app = App()
    ann, bob = app.client("ann"), app.client("bob")
    calls = [asyncio.ensure_future(client.connection.call("q", number)) for number in range(2) for client in (ann, bob)]
    await until(lambda: len(bob.events) == 2)
    bob.send('432["bob 1"]')
    ann.send('432["ann 1"]')
    ann.send('431["ann 0"]')
    ann.send('431["again"]')
    bob.send('431["bob 0"]')
    assert await asyncio.gather(*calls) == [["ann 0"], ["bob 0"], ["ann 1"], ["bob 1"]]


@asynchronous
async def test_a_call_that_is_not_answered_in_time_is_a_timeout_and_a_late_answer_is_dropped():
    app = App()
    ann = app.client("ann")
    with pytest.raises(TimeoutError):
        await ann.connection.call("q", timeout_s=0.001)
    ann.send('431["late"]')
    assert ann.closed is None
    call = asyncio.ensure_future(ann.connection.call("q"))
    await until(lambda: len(ann.events) == 2)
    ann.send('432["in time"]')
    assert await call == ["in time"]


@pytest.mark.parametrize(
    "end", [lambda app, ann: ann.lose_transport(), lambda app, ann: ann.send("41"), lambda app, ann: app.node.kick("ann")]
)
@asynchronous
async def test_a_call_ends_with_the_connection(end: Callable[[App, SimulatedClient], Any]):
    app = App()
    ann = app.client("ann")
    connection = ann.connection
    call = asyncio.ensure_future(connection.call("q", timeout_s=1000.0))
    await until(lambda: ann.events)
    end(app, ann)
    await until(call.done)
    with pytest.raises(TimeoutError, match="ended"):
        await call
    with pytest.raises(TimeoutError, match="ended"):
        await connection.call("q")


@asynchronous
async def test_a_handler_that_calls_a_client_who_goes_does_not_hold_on_disconnect_back():
    app = App()

    async def ask(conn: Any) -> None:
        try:
            await conn.call("q", timeout_s=1000.0)
        except TimeoutError:
            app.log.append("nobody there")

    app.on("x", ask)
    app.on_disconnect(lambda conn: app.log.append("goodbye"))
    ann = app.client("ann")
    ann.send('42["x"]')
    await until(lambda: ann.events)
    ann.lose_transport()
    await until(lambda: "goodbye" in app.log)
    assert app.log == ["nobody there", "goodbye"]


@asynchronous
async def test_a_call_with_what_is_no_json_is_the_callers_error_and_leaves_nothing():
    app = App()
    ann = app.client("ann")
    for _ in range(100):
        with pytest.raises(TypeError):
            await ann.connection.call("q", object())
    assert ann.closed is None
    call = asyncio.ensure_future(ann.connection.call("q"))
    await until(lambda: ann.events)
    ann.send(ann.packets[-1].replace("42", "43", 1).replace('["q"]', '["a"]'))
    assert await call == ["a"]


@asynchronous
async def test_a_client_that_answers_nothing_is_sent_away():  # S4
    app = App()
    ann = app.client("ann")
    connection = ann.connection
    calls = [asyncio.ensure_future(connection.call("q", timeout_s=1000.0)) for _ in range(65)]
    await until(lambda: ann.closed)
    assert ann.closed[0] == CloseCode.LIMIT
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, TimeoutError) for answer in answers)


@asynchronous
async def test_a_call_with_bytes_is_answered_with_bytes():
    app = App()
    sent: list[bytes] = []
    ann = app.client("ann")
    ann.write = lambda packet: sent.append(packet.data)
    call = asyncio.ensure_future(ann.connection.call("q", b"\x00\x01"))
    await until(lambda: len(sent) == 2)
    assert sent == [b'451-1["q",{"_placeholder":true,"num":0}]', b"\x00\x01"]
    ann.send('461-1[{"_placeholder":true,"num":0}]')
    ann.peer.receive(b"\x02", binary=True)
    assert await call == [b"\x02"]
