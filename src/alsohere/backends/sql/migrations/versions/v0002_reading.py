"""Visits, the numbers of each day, and who was erased lately."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "visits",
        sa.Column("room", NAME, nullable=False),
        sa.Column("entered_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("left_ms", sa.BigInteger, nullable=False),
        sa.Column("active_ms", sa.BigInteger, nullable=False),
        sa.Column("furthest", sa.SmallInteger),
        sa.PrimaryKeyConstraint("room", "entered_ms", "user_id", name="pk_visits"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_visits_entered_ms", "visits", ["entered_ms"])
    op.create_table(
        "days",
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("life", sa.Text, nullable=False),
        sa.Column("peak_users", sa.Integer, nullable=False),
        sa.Column("peak_connections", sa.Integer, nullable=False),
        sa.Column("visits", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "life", name="pk_days"),
    )
    op.create_table(
        "erasures",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_erasures"),
    )
