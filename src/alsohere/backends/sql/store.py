"""The database of one server: who writes and who reads."""

from __future__ import annotations

from alsohere.backends.sql.engine import database_url
from alsohere.backends.sql.reader import Reader
from alsohere.backends.sql.writer import Writer


class Store:
    """Nothing is opened before it is used.

    Args:
        url: the setting `database_url`.

    Raises:
        ConfigError: it is not the URL of a database that we speak.
    """

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self.writer = Writer(self.url)
        self.reader = Reader(self.url, self.writer)

    async def close(self) -> None:
        """Finish what waits and give the database back. Using it again opens it again."""
        await self.writer.close()
        await self.reader.close()
