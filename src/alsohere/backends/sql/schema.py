"""The tables. A change here needs a migration beside it: tests/contract/test_migrations.py compares the two.

Times are ms since the epoch, by the server's clock. Text is not limited by the database: what may come in is limited before.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

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
