"""What is told to the application over HTTP."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
PENDING = sa.text("delivered_ms IS NULL AND given_up_ms IS NULL")


def upgrade() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("id", BIG_ID, nullable=False, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_ms", sa.BigInteger, nullable=False),
        sa.Column("delivered_ms", sa.BigInteger),
        sa.Column("given_up_ms", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_events"),
    )
    op.create_index("ix_webhook_events_at_ms", "webhook_events", ["at_ms"])
    for name, columns in (("pending", ["id"]), ("subject", ["subject", "id"])):
        op.create_index(f"ix_webhook_events_{name}", "webhook_events", columns, sqlite_where=PENDING, postgresql_where=PENDING)
