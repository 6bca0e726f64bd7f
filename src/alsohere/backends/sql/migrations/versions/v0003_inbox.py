"""Notifications, who has them, who follows what, and who does not want to hear of what."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", BIG_ID, nullable=False, autoincrement=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("starts_ms", sa.BigInteger),
        sa.Column("expires_ms", sa.BigInteger),
        sa.Column("edited_ms", sa.BigInteger),
        sa.Column("recalled_ms", sa.BigInteger),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("topic", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("data", sa.Text),
        sa.Column("sender_id", sa.Text),
        sa.Column("sender", sa.Text),
        sa.Column("room", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("critical", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    partial_index("ix_notifications_key", "notifications", ["key"], "key IS NOT NULL", unique=True)
    partial_index("ix_notifications_everyone", "notifications", ["id"], "audience = 'everyone'")
    partial_index("ix_notifications_starts_ms", "notifications", ["starts_ms"], "starts_ms IS NOT NULL")
    partial_index("ix_notifications_expires_ms", "notifications", ["expires_ms"], "expires_ms IS NOT NULL")
    op.create_table(
        "inbox",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("starts_ms", sa.BigInteger),
        sa.Column("expires_ms", sa.BigInteger),
        sa.Column("broadcast", sa.SmallInteger),
        sa.Column("delivered_ms", sa.BigInteger),
        sa.Column("seen_ms", sa.BigInteger),
        sa.Column("read_ms", sa.BigInteger),
        sa.Column("archived_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_inbox"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_inbox_id", "inbox", ["id"])
    unread = ["user_id", "category", "starts_ms", "expires_ms", "delivered_ms", "id"]
    partial_index("ix_inbox_unread", "inbox", unread, "read_ms IS NULL AND archived_ms IS NULL")
    partial_index("ix_inbox_broadcast", "inbox", ["user_id", "id"], "broadcast IS NOT NULL")
    op.create_table(
        "follows",
        sa.Column("topic", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("topic", "user_id", name="pk_follows"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_follows_user_id", "follows", ["user_id", "topic"])
    op.create_table(
        "preferences",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_preferences"),
    )
