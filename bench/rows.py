"""The rows of the two tables: alsohere beside its peers, and what only alsohere does; and what is expected of it."""

from collections.abc import Callable

from peers import ALSOHERE, C_SEND, NODE, PEERS
from report import Expectation, Results, Row, lines, number, table

SMALL, LARGE, STORM = "small", "large", "storm"
POSITIONS, LOCKS, LOCKS_POSTGRES, QUEUE = "positions", "locks", "locks-postgresql", "lock-queue"
VISITS, HISTORY = "visits", "history"
PUSH, NOTIFY, NOTIFY_POSTGRES, DRAIN, BROADCAST = "push", "notify", "notify-postgresql", "drain", "broadcast"


def of(key: str, scenario: str) -> Callable[[Results], float]:
    return lambda r: r.median(ALSOHERE.name, scenario, key)


def ratio(other: str, scenario: str) -> Callable[[Results], float]:
    return lambda r: r.median(ALSOHERE.name, scenario, "us") / r.median(other, scenario, "us")


def own_us(results: Results, scenario: str, peer: str = ALSOHERE.name) -> float:
    """A server's CPU per delivery without the kernel's share, which is what the C program uses."""
    return results.median(peer, scenario, "us") - results.median(C_SEND.name, scenario, "us")


def growth_percent(results: Results) -> float:
    """How much more of its own alsohere spends on a delivery at 10,000 connections, in percent of the whole delivery."""
    return (own_us(results, LARGE) - own_us(results, SMALL)) / results.median(ALSOHERE.name, LARGE, "us") * 100


def spare_us(scenario: str) -> Callable[[Results], float]:
    """How much dearer the cheapest Socket.IO server is than the load generator that serves it."""
    servers = [peer.name for peer in PEERS if not peer.raw]
    return lambda r: min(r.median(name, scenario, "us") - r.median(name, scenario, "load_us") for name in servers)


def against_others(scenario: str, node_limit: float) -> tuple[Expectation, ...]:
    return (
        Expectation(f"≤ {node_limit} × Node", ratio(NODE.name, scenario), node_limit),
        Expectation("≤ 1.4 × C", ratio(C_SEND.name, scenario), 1.4),
    )


def at_most(limit: float, key: str, scenario: str) -> tuple[Expectation, ...]:
    return (Expectation(f"≤ {limit:g}", of(key, scenario), limit),)


def at_least(limit: float, key: str, scenario: str) -> tuple[Expectation, ...]:
    return (Expectation(f"≥ {limit:g}", of(key, scenario), limit, at_least=True),)


def delivery_rows(scenario: str, where: str, node_limit: float) -> list[Row]:
    spare = Expectation("server − load > 0", spare_us(scenario), 0, at_least=True)
    return [
        Row(f"CPU per delivery, {where} (µs)", "us", scenario, against_others(scenario, node_limit)),
        Row("… of a `room:changed` (µs)", "fact_us", scenario),
        Row("… the load generator's (µs)", "load_us", scenario, (spare,)),
    ]


PEER_ROWS = [
    *delivery_rows(SMALL, "1,000 connections", 0.9),
    *delivery_rows(LARGE, "10,000 connections", 0.65),
    Row("Connects per second on one core", "connects_per_s", LARGE, at_least(5000, "connects_per_s", LARGE)),
    Row("… CPU per connect (µs)", "us_per_connect", LARGE),
    Row("Memory per idle connection (KB)", "kb", LARGE, at_most(10, "kb", LARGE)),
    Row("Storm: frames/s per watcher", "storm_frames", STORM, at_most(11, "storm_frames", STORM)),
    Row("… KB/s per watcher", "storm_kb", STORM),
    Row("… p50 from enter to seen (ms)", "storm_p50_ms", STORM),
    Row("… p99 from enter to seen (ms)", "storm_p99_ms", STORM, at_most(250, "storm_p99_ms", STORM)),
    Row("… enters seen (%)", "storm_seen", STORM, at_least(99.9, "storm_seen", STORM)),
    Row("… server CPU (% of a core)", "storm_cpu", STORM),
    Row("… the load generator's CPU (%)", "storm_load_cpu", STORM),
]
FLAT = Expectation("growth ≤ 10 % of a delivery", growth_percent, 10)


def lock_rows(scenario: str, where: str, expected: tuple[Expectation, ...] = ()) -> list[Row]:
    return [
        Row(f"Locks on {where}: acquired and released per second", "lock_pairs_per_s", scenario, expected),
        Row("… p50 to the acknowledged acquire (ms)", "lock_p50_ms", scenario),
        Row("… p99 to the acknowledged acquire (ms)", "lock_p99_ms", scenario),
        Row("… server CPU per pair (µs)", "lock_us", scenario),
        Row("… server CPU (% of a core)", "lock_cpu", scenario),
    ]


def notify_rows(
    scenario: str, where: str, batches: tuple[Expectation, ...] = (), single: tuple[Expectation, ...] = ()
) -> list[Row]:
    return [
        Row(f"Notifications on {where}: per second, in batches of 100", "notify_per_s", scenario, batches),
        Row("… to users who are all here, until each has been shown it", "notify_online_per_s", scenario),
        Row("… server CPU for each of those (µs)", "notify_online_us", scenario),
        Row("… one by one, from 16 at a time", "notify_single_per_s", scenario, single),
        Row("… p99 to the answer (ms)", "notify_single_p99_ms", scenario),
    ]


OWN_ROWS = [
    Row("Positions: server CPU (% of a core)", "position_cpu", POSITIONS, at_most(60, "position_cpu", POSITIONS)),
    Row("… CPU per update (µs)", "position_us", POSITIONS),
    Row("… frames/s per reader", "position_frames", POSITIONS),
    Row("… p50 from update to seen (ms)", "position_p50_ms", POSITIONS),
    Row("… p99 from update to seen (ms)", "position_p99_ms", POSITIONS),
    Row("… updates seen (%)", "position_seen", POSITIONS, at_least(99.9, "position_seen", POSITIONS)),
    Row("… memory per reader (KB)", "position_kb", POSITIONS),
    Row("… the load generator's CPU (%)", "position_load_cpu", POSITIONS),
    *lock_rows(LOCKS, "SQLite", at_least(1000, "lock_pairs_per_s", LOCKS)),
    *lock_rows(LOCKS_POSTGRES, "PostgreSQL"),
    Row("500 wait for one lock: p50 from release to grant (ms)", "queue_p50_ms", QUEUE),
    Row("… p99 from release to grant (ms)", "queue_p99_ms", QUEUE, at_most(100, "queue_p99_ms", QUEUE)),
    Row("… hand-ons per second", "queue_hand_ons_per_s", QUEUE),
    Row("… `lock:changed` per second and watcher", "queue_frames", QUEUE, at_most(10.5, "queue_frames", QUEUE)),
    Row("… server CPU (% of a core)", "queue_cpu", QUEUE),
    Row("History: visits written per second", "visits_per_s", VISITS),
    Row("… what it adds to the storm's CPU (%)", "history_percent", HISTORY, at_most(5, "history_percent", HISTORY)),
    Row("… for each visit (µs)", "history_us", HISTORY),
    Row("Push to 10,000 users by name, one request: until the last has it (ms)", "push_ms", PUSH),
    Row("… server CPU for each (µs)", "push_us", PUSH),
    *notify_rows(NOTIFY, "SQLite", at_least(10_000, "notify_per_s", NOTIFY), at_least(1500, "notify_single_per_s", NOTIFY)),
    *notify_rows(NOTIFY_POSTGRES, "PostgreSQL"),
    Row("Login with 200 unread: p50 until all have come (ms)", "drain_p50_ms", DRAIN),
    Row("… p99 (ms)", "drain_p99_ms", DRAIN, at_most(50, "drain_p99_ms", DRAIN)),
    Row(
        "Broadcast to 100,000, 2,000 of them here: until it is on every screen (ms)",
        "broadcast_ms",
        BROADCAST,
        at_most(1000, "broadcast_ms", BROADCAST),
    ),
    Row("… rows that it is stored in", "broadcast_rows", BROADCAST, at_most(1, "broadcast_rows", BROADCAST)),
]


def comparison(results: Results) -> str:
    """The table of all servers; empty if nothing of it was measured."""
    names = [peer.name for peer in PEERS]
    body = lines(results, PEER_ROWS, names)
    if results.has(SMALL) and results.has(LARGE):
        own = [f"{number(own_us(results, SMALL, name))} → {number(own_us(results, LARGE, name))}" for name in names]
        body.append(["CPU per delivery beyond C's, 1,000 → 10,000 (µs)", *own, FLAT.verdict(results)])
    return table(["", *names, "expected of alsohere"], body)


def features(results: Results) -> str:
    """The table of what only alsohere does; empty if nothing of it was measured."""
    return table(["", ALSOHERE.name, "expected"], lines(results, OWN_ROWS, [ALSOHERE.name]))
