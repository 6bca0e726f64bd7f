"""The tables. A change here needs a migration beside it: tests/contract/test_migrations.py compares the two.

Times are ms since the epoch, by the server's clock. Text is not limited by the database: what may come in is limited before.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, Table, Text

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# A number that only grows, handed out by this database: `fence` today.
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
