"""What is measured of every server: a crowd in a room, and the presence storm. One fresh server per call."""

from dataclasses import dataclass

from peers import EVENT_BYTES, Peer
from rig import Answer, Rig, Stuck

Sample = dict[str, float]

WATCHERS, CHURNERS, ENTERS_PER_S, STAY_S, SAMPLED = 1000, 400, 1000, 0.12, 20


@dataclass(frozen=True)
class Effort:
    """How much of everything: deliveries per sample at each size, seconds, repetitions."""

    repetitions: int
    deliveries: dict[int, int]  # by number of connections
    storm_s: float
    idle_s: float
    positions_s: float
    pairs_s: float
    turns: int  # of the storms with history and without, there and back
    turn_s: float


def per_delivery_us(answer: Answer, idle: Answer, count: int) -> tuple[float, float]:
    """Microseconds of CPU per delivery: the server's without what it uses when idle, and the load generator's."""
    if not answer["counted"]:
        raise Stuck("nothing was delivered")
    idle_share = idle["server_cpu_s"] / idle["seconds"]
    server_s = answer["server_cpu_s"] - idle_share * answer["seconds"]
    expected = answer["counted"] * (EVENT_BYTES + 2)
    if count and answer["bytes"] != expected:
        print(f"  ! {answer['bytes']} bytes received where {expected} were expected", flush=True)
    return server_s / answer["counted"] * 1e6, answer["load_cpu_s"] / answer["counted"] * 1e6


def crowd(connections: int, peer: Peer, effort: Effort) -> Sample:
    """So many connections in one room: connects per second, memory, CPU per delivery of an event, and of a presence fact."""
    events = max(3, effort.deliveries[connections] // connections // peer.cost)
    with Rig(peer) as rig:
        connected = rig.connect(connections, peer.join)
        if connected["ready"] != connections:
            raise Stuck(f"{peer.name}: {connected['ready']} of {connections} connected")
        idle = rig.idle(effort.idle_s)
        memory_kb = rig.memory_kb_per_connection(connections)
        answer = rig.events(events, '42["tick"', '42["burst",%d]', turns=100)
        server_us, load_us = per_delivery_us(answer, idle, connections)
        sample = {"us": server_us, "load_us": load_us}
        if not peer.raw:
            sample |= {"connects_per_s": connections / connected["seconds"], "kb": memory_kb}
            sample["us_per_connect"] = connected["server_cpu_s"] / connections * 1e6
        if peer.has_facts:
            sample["fact_us"] = facts(rig, connections, max(5, events // 10), idle)
        return sample


def facts(rig: Rig, connections: int, count: int, idle: Answer) -> float:
    """All watch a room of which the first is a member, and the first changes its state: one `room:changed` to each."""
    rig.tell(1, '420["room:enter",{"room":"p","state":{"x":0}}]')
    rig.tell(connections, '420["room:watch",{"rooms":["p"],"watch":"full"}]')
    answer = rig.events(count, '42["room:changed"', '42["room:update",{"room":"p","state":{"x":%d}}]')
    return per_delivery_us(answer, idle, 0)[0]


def storm_audience(rig: Rig) -> None:
    """Those who watch, and those who will come and go."""
    connected = rig.connect(WATCHERS, rig.peer.watch)["ready"] + rig.connect(CHURNERS, "")["ready"]
    if connected != WATCHERS + CHURNERS:
        raise Stuck(f"{rig.peer.name}: {connected} of {WATCHERS + CHURNERS} connected")


def storm(peer: Peer, effort: Effort) -> Sample:
    """1,000 watchers of a room that 1,000 others enter and leave per second; about 120 are in it at any moment."""
    with Rig(peer) as rig:
        storm_audience(rig)
        answer = rig.storm(WATCHERS, 1, effort.storm_s, ENTERS_PER_S, STAY_S, SAMPLED, peer.enter, peer.leave)
    per_watcher = WATCHERS * answer["seconds"]
    return {
        "storm_frames": answer["frames"] / per_watcher,
        "storm_kb": answer["bytes"] / per_watcher / 1000,
        "storm_p50_ms": answer["p50_s"] * 1000,
        "storm_p99_ms": answer["p99_s"] * 1000,
        "storm_seen": answer["seen"] / answer["expected"] * 100,
        "storm_cpu": answer["server_cpu_s"] / answer["seconds"] * 100,
        "storm_load_cpu": answer["load_cpu_s"] / answer["seconds"] * 100,
    }
