"""What is to reach users who are not here, and by which ways they can be reached."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "outgoing", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "outgoing",
        sa.Column("id", BIG_ID, nullable=False, autoincrement=True),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("notification", sa.BigInteger, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_ms", sa.BigInteger, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing"),
    )
    partial_index("ix_outgoing_due", ["channel", "next_ms"], "done_ms IS NULL")
    partial_index("ix_outgoing_done_ms", ["done_ms"], "done_ms IS NOT NULL")
    op.create_index("ix_outgoing_user_id", "outgoing", ["user_id"])
    op.create_table(
        "channels",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_channels"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("p256dh", sa.Text, nullable=False),
        sa.Column("auth", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("endpoint", name="pk_subscriptions"),
    )
    op.create_index("ix_subscriptions_user_id", "subscriptions", ["user_id"])
