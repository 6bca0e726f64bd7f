"""What alembic runs: always with the connection that versions.py hands it, inside that connection's transaction."""

from alembic import context

from alsohere.backends.sql.schema import METADATA
from alsohere.backends.sql.versions import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE.name,
    render_as_batch=True,  # SQLite changes a table by copying it
    transaction_per_migration=False,
)
context.run_migrations()
