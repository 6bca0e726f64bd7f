"""The database of one server: who writes and who reads."""

from __future__ import annotations

import logging

from alsohere.backends.sql.owner import Owner
from alsohere.backends.sql.reader import Reader
from alsohere.backends.sql.writer import Writer
from alsohere.errors import Unavailable

log = logging.getLogger("alsohere")


class Store:
    """Nothing is opened before it is used.

    Args:
        setting: `database_url`.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self.writer = Writer(setting)
        self.reader = Reader(setting, self.writer)

    def prove(self) -> None:
        """Open the database and close it again; creates it if it is empty. Not finding it, or another server in it, is logged.

        Raises:
            ConfigError: with this setting it never can be used.
        """
        owner = Owner(self._setting)
        try:
            owner.connection()
        except Unavailable:
            log.info("the server starts without the database, and keeps trying")
        finally:
            owner.close()

    async def close(self) -> None:
        """Finish what waits and give the database back. Using it again opens it again."""
        await self.writer.close()
        await self.reader.close()
