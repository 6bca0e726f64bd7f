"""The database of one server: who writes and who reads."""

from __future__ import annotations

from alsohere.backends.sql.reader import Reader
from alsohere.backends.sql.writer import Writer


class Store:
    """Nothing is opened before it is used.

    Args:
        setting: `database_url`.
    """

    def __init__(self, setting: str) -> None:
        self.writer = Writer(setting)
        self.reader = Reader(setting, self.writer)

    def prove(self) -> None:
        """Open the database before anything runs; creates it if it is empty. Not finding it, or another server in it, is logged.

        Raises:
            ConfigError: with this setting it never can be used.
        """
        self.writer.prove()

    async def close(self) -> None:
        """Finish what waits and give the database back. Using it again opens it again."""
        await self.writer.close()
        await self.reader.close()
