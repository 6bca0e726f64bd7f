"""From samples to tables: medians with their range, what is expected of alsohere, and whether it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from statistics import median

from scenarios import Sample


class Results:
    """All samples of a run, by server and scenario."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, str], list[Sample]] = {}

    def add(self, peer: str, scenario: str, sample: Sample) -> None:
        self.samples.setdefault((peer, scenario), []).append(sample)

    def has(self, scenario: str) -> bool:
        return any(name == scenario for _, name in self.samples)

    def values(self, peer: str, scenario: str, key: str) -> list[float]:
        return [sample[key] for sample in self.samples.get((peer, scenario), []) if key in sample]

    def median(self, peer: str, scenario: str, key: str) -> float:
        return median(self.values(peer, scenario, key) or [float("nan")])


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
    scenario: str
    expected: tuple[Expectation, ...] = ()


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
    what, _, rest = row.key.partition("_")
    part = {"p50_ms": 50, "p99_ms": 99}.get(rest, 0)
    return "> " if results.median(peer, row.scenario, f"{what}_seen") < part else ""


def lines(results: Results, rows: list[Row], peers: list[str]) -> list[list[str]]:
    """A table's lines, of what was measured: the label, a cell for each server, and what is expected."""
    return [
        [
            row.label,
            *(bound(results, peer, row) + cell(results.values(peer, row.scenario, row.key)) for peer in peers),
            "; ".join(expectation.verdict(results) for expectation in row.expected),
        ]
        for row in rows
        if results.has(row.scenario)
    ]


def table(head: list[str], body: list[list[str]]) -> str:
    """A Markdown table, padded so that it reads as plain text too; nothing if it would have no lines."""
    if not body:
        return ""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    texts = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in (head, *body)]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(texts)
