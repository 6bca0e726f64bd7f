"""The node's counters under their public names, for Prometheus.

Names follow its conventions: one prefix, base units, `_total` for counters. Labels come from fixed sets. Values are read when
somebody scrapes, so counting costs an addition.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from alsohere import __about__
from alsohere.node.node import Node
from alsohere.types import ONLINE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

GAUGES = {
    "alsohere_connections": "Connections of this process",
    "alsohere_sessions": "Engine.IO sessions of this process, connected or not",
    "alsohere_users_online": "Distinct users online, over all processes",
    "alsohere_rooms": "Rooms with anybody in them, over all processes",
    "alsohere_watched_rooms": "Rooms that somebody of this process is in or watches",
    "alsohere_locks_held": "Locks that somebody has",
    "alsohere_lock_waiters": "Places in the queues for locks",
    "alsohere_webhook_events_waiting": "Events for the application that wait to be written to the database",
    "alsohere_visits_waiting": "Visits of the reading history that wait to be written",
    "alsohere_store_up": "1 while the database can be used, 0 while not; absent without one, and before its first use",
}
COUNTERS = {
    "alsohere_sessions_opened": "Engine.IO sessions opened",
    "alsohere_presence_events": "Transitions of presence, by type",
    "alsohere_leaves": "Leaves, by reason",
    "alsohere_commands": "Commands received, by name",
    "alsohere_refusals": "Commands and connects refused, by error code",
    "alsohere_rate_limited": "What was refused for coming too fast, by whose limit it was",
    "alsohere_disconnects": "Sessions ended by this server, by close code",
    "alsohere_slow_clients_closed": "Sessions ended because the client read too slowly",
    "alsohere_deliveries": "Packets handed to connections by the fan-out",
    "alsohere_store_jobs": "Changes and questions that the database has finished",
    "alsohere_store_commits": "Transactions of the database; each holds all changes that had come by then",
    "alsohere_visits_written": "Reports of visits that were written; one that goes on is reported every minute",
    "alsohere_webhook_events_written": "Events for the application that were written to the database",
    "alsohere_webhook_events_dropped": "Events that were dropped because too many waited for the database",
    "alsohere_webhook_requests": "Events that were sent, by outcome: delivered, failed (to be sent again), given_up",
    "alsohere_offline_sends": "Sends by other ways, by channel and outcome: sent, failed (to be tried again), given_up",
    "alsohere_visits_dropped": "Visits that were dropped because too many waited for the database",
    "alsohere_internal_errors": "Errors of this server or its application's handlers",
}
HISTOGRAMS = {"alsohere_broadcast_duration_seconds": "How long it takes to hand a packet to all whom it is for"}

_OFFLINE = "alsohere_offline_sends"


class NodeCollector(Collector):
    """Reads one node.

    Args:
        node: which.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        yield _info()
        yield from self._gauges()
        yield from self._counters()
        yield from self._histograms()

    def _histograms(self) -> Iterator[Metric]:
        for name, durations in {"alsohere_broadcast_duration_seconds": self._node.hub.broadcasts}.items():
            bounds = [*map(str, durations.BOUNDS_S), "+Inf"]
            counts = list(zip(bounds, accumulate(durations.counts), strict=True))
            yield HistogramMetricFamily(name, HISTOGRAMS[name], buckets=counts, sum_value=durations.sum_s)

    def _gauges(self) -> Iterator[Metric]:
        node = self._node
        values = {
            "alsohere_connections": node.connection_count,
            "alsohere_sessions": len(node.peers),
            "alsohere_users_online": node.count(ONLINE),
            "alsohere_rooms": node.room_count,
            "alsohere_watched_rooms": node.hub.audience_count,
            "alsohere_webhook_events_waiting": node.webhooks.waiting,
            "alsohere_visits_waiting": node.history.waiting,
            "alsohere_locks_held": node.locks.board.held(),
            "alsohere_lock_waiters": node.locks.board.waiting(),
        }
        if node.metrics.store is not None and node.metrics.store.up is not None:
            values["alsohere_store_up"] = int(node.metrics.store.up)
        for name, value in values.items():
            yield GaugeMetricFamily(name, GAUGES[name], value=value)

    def _counters(self) -> Iterator[Metric]:
        metrics = self._node.metrics
        plain = {
            "alsohere_sessions_opened": metrics.opened,
            "alsohere_slow_clients_closed": metrics.slow_closed,
            "alsohere_deliveries": self._node.hub.deliveries,
            "alsohere_webhook_events_written": self._node.webhooks.written,
            "alsohere_webhook_events_dropped": self._node.webhooks.dropped,
            "alsohere_visits_written": self._node.history.written,
            "alsohere_visits_dropped": self._node.history.dropped,
            "alsohere_internal_errors": metrics.internal_errors,
        }
        if metrics.store is not None:
            plain |= {"alsohere_store_jobs": metrics.store.jobs, "alsohere_store_commits": metrics.store.commits}
        for name, value in plain.items():
            yield CounterMetricFamily(name, COUNTERS[name], value=value)
        labelled = {
            ("alsohere_presence_events", "type"): {
                "enter": metrics.enters,
                "update": metrics.updates,
                "leave": metrics.leaves.total(),
            },
            ("alsohere_leaves", "reason"): metrics.leaves,
            ("alsohere_commands", "name"): metrics.commands,
            ("alsohere_refusals", "code"): metrics.refusals,
            ("alsohere_rate_limited", "limit"): metrics.limited,
            ("alsohere_disconnects", "code"): metrics.disconnects,
            ("alsohere_webhook_requests", "outcome"): metrics.webhooks,
        }
        for (name, label), counts in labelled.items():
            family = CounterMetricFamily(name, COUNTERS[name], labels=[label])
            for label_value, amount in counts.items():
                family.add_metric([label_value], amount)
            yield family
        ways = CounterMetricFamily(_OFFLINE, COUNTERS[_OFFLINE], labels=["channel", "outcome"])
        for labels, amount in metrics.offline.items():
            ways.add_metric(list(labels), amount)
        yield ways


def _info() -> Metric:
    info = GaugeMetricFamily("alsohere_build_info", "The version that runs", labels=["version"])
    info.add_metric([__about__.VERSION], 1)
    return info


def exposition(node: Node) -> bytes:
    """The text that a scrape gets."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(node))
    return generate_latest(registry)
