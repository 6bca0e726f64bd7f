"""Whatever the bytes and their order: only PacketError and Disconnect leave a session, and S1 to S4 hold.

fuzz/client.py is the client that checks them; fuzz/fuzz_session.py runs it for longer.
"""

from __future__ import annotations

import base64
import json
import random
import time

import pytest
from fuzz.client import Client, drive
from fuzz.fuzz_session import HERE, corpus, fuzz
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alsohere.errors import PacketError
from alsohere.session.eio3 import OldSession
from alsohere.wire import engineio, socketio

SEPARATOR = b"\x1e"

numbers = st.one_of(st.just(""), st.integers(0, 12).map(str), st.integers(0, 10**20).map(str), st.sampled_from(["00", "٣", "-1"]))
namespaces = st.sampled_from(["", "/,", "/second,", "/second", "/unknown,", "/" + "x" * 200 + ",", "/é,"])
placeholders = st.builds(
    lambda num: {"_placeholder": True, "num": num},
    st.one_of(st.integers(-1, 11), st.booleans(), st.floats(allow_nan=False), st.text(max_size=2)),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | placeholders,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(["x", "room:enter", "connect", "disconnect", "", "\u202e", "x" * 200]) | st.text(max_size=5)
events = st.builds(lambda name, args: json.dumps([name, *args]), names, st.lists(values, max_size=3))
payloads = st.one_of(
    events,
    values.map(json.dumps),
    st.just(""),
    st.text(max_size=10),
    st.integers(1, 2000).map(lambda depth: "[" * depth + "]" * depth),
)
messages = st.builds(
    lambda kind, count, namespace, ack_id, payload: f"4{kind}{count}{namespace}{ack_id}{payload}".encode(
        "utf-8", "surrogatepass"
    ),
    st.sampled_from("0011222222333456789x"),
    st.sampled_from(["", "", "", "1-", "2-", "10-", "0-", "11-", "-"]),
    namespaces,
    numbers,
    payloads,
)
attachments = st.binary(max_size=20).map(lambda data: b"b" + base64.b64encode(data))
packets = st.one_of(
    messages,
    messages,
    messages,
    attachments,
    st.sampled_from([b"3", b"6", b"1", b"2", b"2probe", b"5", b"0{}"]),
    st.binary(max_size=20),
)
histories = st.lists(packets, max_size=20).map(lambda rest: SEPARATOR.join([b"40", *rest]))


@given(histories)
@settings(max_examples=400, deadline=None)
@example(b"40" + SEPARATOR + b'451-["x",{"_placeholder":true,"num":true}]' + SEPARATOR + b"bAA==")
@example(b"40" + SEPARATOR + b'42["x",' + b"[" * 100_000)
@example(b'40{"a":' + b"1" * 5000 + b"}")
def test_packets_in_any_order(payload: bytes):
    list(drive(payload))


@given(st.lists(st.one_of(packets, messages.map(lambda data: data.replace(b"/second", b"/second?a=1"))), max_size=20))
@settings(max_examples=200, deadline=None)
@example([b"2probe", b"40/second?token=1,", b'42/second,["x"]', b"3"])
@example([b'451-["x",{"_placeholder":true,"num":0}]', b"b4AA==", b"2", b"41", b"2"])
def test_packets_of_old_clients_in_any_order(packets: list[bytes]):
    client = Client(OldSession)
    for packet in packets:
        client.send(packet, binary=False)
        client.send(b"\x04" + packet, binary=True)
    client.wait()


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_good_inputs_gone_bad(data: st.DataObject):
    payload = bytearray(data.draw(st.sampled_from(corpus())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload)))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    list(drive(bytes(payload)))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_the_decoders_raise_packet_errors_only(data: bytes):
    for decode in (engineio.decode_payload, socketio.decode, socketio.decode_event, socketio.decode_array, socketio.decode_value):
        try:
            decode(data)
        except PacketError:
            continue


@pytest.mark.parametrize("path", sorted((HERE / "corpus").iterdir()), ids=lambda path: path.name)
def test_every_input_of_the_corpus(path):
    assert list(drive(path.read_bytes()))


def test_the_corpus_reaches_every_kind_of_event():
    heard = {word for payload in corpus() for word in drive(payload)}
    assert heard >= {
        "accepted",
        "refused",
        "closed",
        "EventReceived",
        "BinaryEventReceived",
        "AckReceived",
        "Unreadable",
        "NamespaceLeft",
    }


def test_the_fuzzer_for_a_second():
    inputs, kinds = fuzz(random.Random(1), time.monotonic() + 1)
    assert inputs > 50
    assert kinds > len(corpus()) / 2
