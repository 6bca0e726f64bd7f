"""From samples to the one table: medians with their range, what is expected of alsohere, and whether it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from statistics import median

from peers import ALSOHERE, C_SEND, NODE, PEERS
from scenarios import Sample

SMALL, LARGE = 1000, 10000
STORM = 0  # where a number of connections stands otherwise


class Results:
    """All samples of a run, by server and number of connections (STORM for the storm)."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, int], list[Sample]] = {}

    def add(self, peer: str, size: int, sample: Sample) -> None:
        self.samples.setdefault((peer, size), []).append(sample)

    def values(self, peer: str, size: int, key: str) -> list[float]:
        return [sample[key] for sample in self.samples.get((peer, size), []) if key in sample]

    def median(self, peer: str, size: int, key: str) -> float:
        return median(self.values(peer, size, key) or [float("nan")])


@dataclass(frozen=True)
class Expectation:
    """What alsohere must reach: a figure of this run, and its limit."""

    text: str
    measure: Callable[[Results], float]
    limit: float
    at_least: bool = False

    def verdict(self, results: Results) -> str:
        value = self.measure(results)
        if isnan(value):
            return f"{self.text}: not measured"
        held = value >= self.limit if self.at_least else value <= self.limit
        return f"{self.text}: {number(value)} {'pass' if held else 'FAIL'}"


@dataclass(frozen=True)
class Row:
    label: str
    key: str
    size: int
    expected: tuple[Expectation, ...] = ()


def of(key: str, size: int) -> Callable[[Results], float]:
    return lambda r: r.median(ALSOHERE.name, size, key)


def ratio(other: str, size: int) -> Callable[[Results], float]:
    return lambda r: r.median(ALSOHERE.name, size, "us") / r.median(other, size, "us")


def own_us(results: Results, size: int, peer: str = ALSOHERE.name) -> float:
    """A server's CPU per delivery without the kernel's share, which is what the C program uses."""
    return results.median(peer, size, "us") - results.median(C_SEND.name, size, "us")


def growth_percent(results: Results) -> float:
    """How much more of its own alsohere spends on a delivery at 10,000 connections, in percent of the whole delivery."""
    return (own_us(results, LARGE) - own_us(results, SMALL)) / results.median(ALSOHERE.name, LARGE, "us") * 100


def spare_us(size: int) -> Callable[[Results], float]:
    """How much dearer the cheapest Socket.IO server is than the load generator that serves it."""
    servers = [peer.name for peer in PEERS if not peer.raw]
    return lambda r: min(r.median(name, size, "us") - r.median(name, size, "load_us") for name in servers)


def against_others(size: int, node_limit: float) -> tuple[Expectation, ...]:
    return (
        Expectation(f"≤ {node_limit} × Node", ratio(NODE.name, size), node_limit),
        Expectation("≤ 1.4 × C", ratio(C_SEND.name, size), 1.4),
    )


def delivery_rows(size: int, node_limit: float) -> list[Row]:
    where = f"{size:,} connections"
    return [
        Row(f"CPU per delivery, {where} (µs)", "us", size, against_others(size, node_limit)),
        Row("… of a `room:changed` (µs)", "fact_us", size),
        Row(
            "… the load generator's (µs)", "load_us", size, (Expectation("server − load > 0", spare_us(size), 0, at_least=True),)
        ),
    ]


ROWS = [
    *delivery_rows(SMALL, 0.9),
    *delivery_rows(LARGE, 0.65),
    Row(
        "Connects per second on one core",
        "connects_per_s",
        LARGE,
        (Expectation("≥ 5000", of("connects_per_s", LARGE), 5000, at_least=True),),
    ),
    Row("… CPU per connect (µs)", "us_per_connect", LARGE),
    Row("Memory per idle connection (KB)", "kb", LARGE, (Expectation("≤ 10", of("kb", LARGE), 10),)),
    Row("Storm: frames/s per watcher", "storm_frames", STORM, (Expectation("≤ 11", of("storm_frames", STORM), 11),)),
    Row("… KB/s per watcher", "storm_kb", STORM),
    Row("… p50 from enter to seen (ms)", "storm_p50_ms", STORM),
    Row("… p99 from enter to seen (ms)", "storm_p99_ms", STORM, (Expectation("≤ 250", of("storm_p99_ms", STORM), 250),)),
    Row("… enters seen (%)", "storm_seen", STORM, (Expectation("≥ 99.9", of("storm_seen", STORM), 99.9, at_least=True),)),
    Row("… server CPU (% of a core)", "storm_cpu", STORM),
    Row("… the load generator's CPU (%)", "storm_load_cpu", STORM),
]
FLAT = Expectation("growth ≤ 10 % of a delivery", growth_percent, 10)


def number(value: float) -> str:
    if isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"


def cell(values: list[float]) -> str:
    if not values:
        return "–"
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))}–{number(max(values))})"


def bound(results: Results, peer: str, row: Row) -> str:
    """A server that cannot keep up: what was not seen in time took at least as long as the measurement waited."""
    part = {"storm_p50_ms": 50, "storm_p99_ms": 99}.get(row.key, 0)
    return "> " if results.median(peer, row.size, "storm_seen") < part else ""


def table(results: Results) -> str:
    """The Markdown table, padded so that it reads as plain text too."""
    lines = [["", *(peer.name for peer in PEERS), "expected of alsohere"]]
    for row in ROWS:
        cells = [bound(results, peer.name, row) + cell(results.values(peer.name, row.size, row.key)) for peer in PEERS]
        lines.append([row.label, *cells, "; ".join(e.verdict(results) for e in row.expected)])
    own = [f"{number(own_us(results, SMALL, peer.name))} → {number(own_us(results, LARGE, peer.name))}" for peer in PEERS]
    lines.append(["CPU per delivery beyond C's, 1,000 → 10,000 (µs)", *own, FLAT.verdict(results)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = ["| " + " | ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(rows)
