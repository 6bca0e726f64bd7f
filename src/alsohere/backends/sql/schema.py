"""The tables. A change here needs a migration beside it: tests/contract/test_migrations.py compares the two.

Times are ms since the epoch, by the server's clock. Text is not limited by the database: what may come in is limited before.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, SmallInteger, Table, Text, text

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# A number that only grows, handed out by this database: `fence` of locks, `notification` of what is in inboxes.
COUNTERS = Table(
    "counters",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# A lock that somebody holds or waits for. A free one has no row: the next fence comes from the counter, and so is larger.
LOCKS = Table(
    "locks",
    METADATA,
    Column("lock", Text, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("holder", Text),
    Column("node", Text, nullable=False, index=True),
    Column("until_ms", BigInteger),
    Column("body", Text, nullable=False),
)

# Who took a lock from whom without being asked, and why (L9).
LOCK_AUDIT = Table(
    "lock_audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("lock", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("by_user", Text, nullable=False),
    Column("from_user", Text),
    Column("fence", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Index("ix_lock_audit_lock", "lock", "at_ms"),
)

# Names that are sorted by: in PostgreSQL as bytes too, whatever language the database is in.
Name = Text().with_variant(Text(collation="C"), "postgresql")

# Who was in which room, one row for each stay. Never without an end: a stay that goes on ends when it was last written down.
VISITS = Table(
    "visits",
    METADATA,
    Column("room", Name, primary_key=True),
    Column("entered_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Name, primary_key=True),
    Column("left_ms", BigInteger, nullable=False),
    Column("active_ms", BigInteger, nullable=False),
    Column("furthest", SmallInteger),
    Index("ix_visits_entered_ms", "entered_ms"),
    sqlite_with_rowid=False,
)

# What was counted on a day (days since 1970, UTC), by each life of a server: a life writes its own again and again.
DAYS = Table(
    "days",
    METADATA,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("life", Text, primary_key=True),
    Column("peak_users", Integer, nullable=False),
    Column("peak_connections", Integer, nullable=False),
    Column("visits", BigInteger, nullable=False),
)

# Who was erased lately: so that a running server, which may still know their visits, does not write them again.
ERASURES = Table(
    "erasures",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

BigId = BigInteger().with_variant(Integer, "sqlite")  # which has its rows in the order of an INTEGER PRIMARY KEY


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


# The content of notifications, each once, whoever gets it. `key` is that of the sender's scope, a line break, and their own key.
NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("starts_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("edited_ms", BigInteger),
    Column("recalled_ms", BigInteger),
    Column("category", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("topic", Text),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("url", Text),
    Column("data", Text),
    Column("sender_id", Text),
    Column("sender", Text),
    Column("room", Text),
    Column("key", Text),
    Column("critical", Boolean, nullable=False),
    Column("among", Text),  # of everyone, those whose ids begin like this
    _partial("ix_notifications_key", "key", where="key IS NOT NULL", unique=True),
    _partial("ix_notifications_everyone", "id", where="audience = 'everyone'"),
    _partial("ix_notifications_starts_ms", "starts_ms", where="starts_ms IS NOT NULL"),
    _partial("ix_notifications_expires_ms", "expires_ms", where="expires_ms IS NOT NULL"),
)

# Who has it, and what they did with it. Of a broadcast there is a row for those who did something. What unread is counted by is
# repeated here, so that the index of the unread answers alone: it holds what nobody has read, and little else is ever looked at.
INBOX = Table(
    "inbox",
    METADATA,
    Column("user_id", Name, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("category", Text, nullable=False),
    Column("starts_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("broadcast", SmallInteger),  # 1, or NULL
    Column("delivered_ms", BigInteger),
    Column("seen_ms", BigInteger),
    Column("read_ms", BigInteger),
    Column("archived_ms", BigInteger),
    Index("ix_inbox_id", "id"),
    _partial(
        "ix_inbox_unread",
        *("user_id", "category", "starts_ms", "expires_ms", "delivered_ms", "id"),
        where="read_ms IS NULL AND archived_ms IS NULL",
    ),
    _partial("ix_inbox_broadcast", "user_id", "id", where="broadcast IS NOT NULL"),
    sqlite_with_rowid=False,
)

# Who follows which topic.
FOLLOWS = Table(
    "follows",
    METADATA,
    Column("topic", Name, primary_key=True),
    Column("user_id", Name, primary_key=True),
    Index("ix_follows_user_id", "user_id", "topic"),
    sqlite_with_rowid=False,
)

# What users do not want to hear of; who wants to hear of everything has no row.
PREFERENCES = Table(
    "preferences",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

# What is told to the application over HTTP, in the order in which it happened; kept for a while after, to be told again.
# What is neither delivered nor given up is on its way.
WEBHOOK_EVENTS = Table(
    "webhook_events",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("delivered_ms", BigInteger),
    Column("given_up_ms", BigInteger),
    Column("error", Text),
    Index("ix_webhook_events_at_ms", "at_ms"),
    _partial("ix_webhook_events_pending", "id", where="delivered_ms IS NULL AND given_up_ms IS NULL"),
    _partial("ix_webhook_events_subject", "subject", "id", where="delivered_ms IS NULL AND given_up_ms IS NULL"),
)

# Keys of back ends. Only their hashes: who reads this table, or a backup of it, cannot use them.
API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger),
)

# What is to reach a user by another way if it is not delivered here in time: see domain/offline.py. Without a `channel` it is not
# decided yet by which ways. A row that is done stays for a while, to be looked at.
OUTGOING = Table(
    "outgoing",
    METADATA,
    Column("id", BigId, primary_key=True),
    Column("due_ms", BigInteger, nullable=False),
    Column("user_id", Name, nullable=False),
    Column("notification", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("target", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger),
    Column("error", Text),
    _partial("ix_outgoing_due", "channel", "next_ms", where="done_ms IS NULL"),
    _partial("ix_outgoing_done_ms", "done_ms", where="done_ms IS NOT NULL"),
    Index("ix_outgoing_user_id", "user_id"),
)

# By which URLs a user can be reached (Apprise).
CHANNELS = Table(
    "channels",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

# Browsers that can be reached while no page is open (Web Push).
SUBSCRIPTIONS = Table(
    "subscriptions",
    METADATA,
    Column("endpoint", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_subscriptions_user_id", "user_id"),
)
