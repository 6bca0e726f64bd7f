"""For whom of everyone a broadcast is."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("notifications", sa.Column("among", sa.Text))
