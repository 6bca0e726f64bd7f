"""From the settings to the numbers of each part: the parts know nothing of the settings, nor of each other."""

from __future__ import annotations

import msgspec

from alsohere.config import Config
from alsohere.domain.attention import PRESETS, Category
from alsohere.domain.drafts import check_category
from alsohere.domain.feed import FeedRules
from alsohere.domain.lock import LockRules
from alsohere.domain.offline import Routes
from alsohere.domain.webhook import EVENTS
from alsohere.errors import BadRequest, ConfigError
from alsohere.node.expiry import ExpiryRules
from alsohere.node.history import HistoryRules
from alsohere.node.inbox_desk import InboxRules
from alsohere.node.node import NodeRules
from alsohere.node.webhooks import WebhookRules
from alsohere.session.session import SessionRules


def session_rules(config: Config) -> SessionRules:
    """The protocol's."""
    return SessionRules(config.ping_interval_s, config.ping_timeout_s, config.connect_timeout_s, config.max_payload_bytes)


def feed_rules(config: Config) -> FeedRules:
    """Those of rooms and their watchers."""
    return FeedRules(
        tick_s=config.tick_s,
        full_limit=config.room_full_limit,
        full_again=config.room_full_again,
        sample_size=config.sample_size,
    )


def node_rules(config: Config) -> NodeRules:
    """The limits of one process."""
    return NodeRules(
        leave_grace_s=config.leave_grace_s,
        connections=config.connections,
        connections_per_user=config.connections_per_user,
        connections_per_client=config.connections_per_client,
        pending_per_client=config.pending_per_client,
        rooms=config.rooms,
        rooms_per_connection=config.rooms_per_connection,
        watches_per_connection=config.watches_per_connection,
        locks_per_connection=config.locks_per_connection,
        packets_per_s=config.packets_per_s,
        packet_burst=config.packet_burst,
        user_events_per_s=config.user_events_per_s,
        user_event_burst=config.user_event_burst,
        client_events_per_s=config.client_events_per_s,
        client_event_burst=config.client_event_burst,
        outbox_bytes=config.outbox_bytes,
        outbox_age_s=config.outbox_age_s,
        # Heartbeats may be late by a twentieth of the shortest of their intervals.
        wheel_resolution_s=min(0.1, config.ping_interval_s / 20, config.ping_timeout_s / 20),
    )


def lock_rules(config: Config) -> LockRules:
    """Those of locks."""
    return LockRules(
        lease_s=config.lock_lease_s,
        grace_s=config.lock_grace_s,
        idle_s=config.lock_idle_s,
        warning_s=config.lock_warning_s,
        request_s=config.lock_request_s,
        queue=config.lock_queue,
    )


def history_rules(config: Config) -> HistoryRules:
    """What is kept about reading."""
    return HistoryRules(rooms=config.history, retention_days=config.history_retention_days)


def expiry_rules(config: Config) -> ExpiryRules:
    """What becomes of connections whose tokens run out."""
    return ExpiryRules(enabled=config.token_expiry, warning_s=config.token_warning_s)


def inbox_rules(config: Config) -> InboxRules:
    """Those of notifications.

    Raises:
        ConfigError: a category is not described as one.
    """
    categories = dict(PRESETS)
    for name, given in config.categories.items():
        known = msgspec.to_builtins(categories.get(name, Category()))
        try:
            unknown = set(given) - set(known)
            if unknown:
                raise msgspec.ValidationError(f"a category has no {', '.join(sorted(unknown))}")
            categories[check_category(name)] = msgspec.convert(known | given, Category)
        except (msgspec.ValidationError, BadRequest) as error:
            raise ConfigError(f"categories: {name}: {error}") from None
    return InboxRules(
        enabled=config.inbox,
        categories=categories,
        retention_s=config.inbox_retention_days * 86_400.0,
        between_users=config.messages_between_users,
    )


def webhook_rules(config: Config) -> WebhookRules:
    """What the application is told over HTTP.

    Raises:
        ConfigError: an event is none.
    """
    unknown = [event for event in config.webhook_events if event not in EVENTS]
    if unknown:
        raise ConfigError(f"webhook_events: there is no {unknown[0]!r}; there are {', '.join(EVENTS)}")
    return WebhookRules(
        enabled=config.webhook_url is not None,
        events=frozenset(config.webhook_events or EVENTS),
        rooms=config.webhook_rooms,
        retention_s=config.webhook_retention_days * 86_400.0,
    )


def routes(config: Config) -> Routes:
    """Which notifications go other ways if they are not delivered here in time.

    Raises:
        ConfigError: a category is not described as one.
    """
    ways = {"webhook": config.webhook_url, "webpush": config.vapid_private_key, "apprise": config.apprise}
    return Routes(inbox_rules(config).categories, frozenset(way for way, found in ways.items() if found))
