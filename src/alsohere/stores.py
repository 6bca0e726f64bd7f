"""What must last, and where the settings say it is kept: in a database, or (`memory://`) nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_keys import MemoryKeys
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.memory_offline import MemoryOffline
from alsohere.backends.memory_webhooks import MemoryWebhooks
from alsohere.config import Config
from alsohere.domain.offline import Routes
from alsohere.node.metrics import StoreFigures
from alsohere.ports import HistoryStore, InboxStore, KeyStore, LockStore, OfflineStore, WebhookStore

if TYPE_CHECKING:
    from alsohere.backends.sql.store import Store


class Stores:
    """The stores of one server, on one database.

    Args:
        config: the settings. The database is not looked at before it is used.
        routes: which notifications go other ways too.
        first_fence: for locks in memory, see there; ids of notifications begin above it too.
    """

    def __init__(self, config: Config, routes: Routes, first_fence: int) -> None:
        self._database: Store | None = None
        self.locks: LockStore
        self.history: HistoryStore
        self.inbox: InboxStore
        self.keys: KeyStore
        self.webhooks: WebhookStore
        self.offline: OfflineStore
        if config.keeps_nothing:
            locks = MemoryLocks(first_fence)
            inbox = MemoryInbox(first_fence)
            self.keys = MemoryKeys()
            offline, webhooks = MemoryOffline(inbox, routes), MemoryWebhooks(first_fence)
            self.locks, self.history, self.inbox = locks, MemoryHistory(locks, inbox, offline, webhooks), inbox
            self.webhooks, self.offline = webhooks, offline
            return
        # Imported here: SQLAlchemy is a fifth of a second and 12 MB.
        from alsohere.backends.sql.history import SqlHistory
        from alsohere.backends.sql.inbox import SqlInbox
        from alsohere.backends.sql.keys import SqlKeys
        from alsohere.backends.sql.locks import SqlLocks
        from alsohere.backends.sql.offline import SqlOffline
        from alsohere.backends.sql.store import Store
        from alsohere.backends.sql.webhooks import SqlWebhooks

        self._database = Store(config.database_url.get_secret_value())
        self.locks = SqlLocks(self._database.writer)
        self.history = SqlHistory(self._database)
        self.inbox = SqlInbox(self._database, routes)
        self.keys = SqlKeys(self._database)
        self.webhooks = SqlWebhooks(self._database)
        self.offline = SqlOffline(self._database)

    @property
    def figures(self) -> StoreFigures | None:
        """For the metrics; None without a database."""
        return None if self._database is None else self._database.writer

    def prove(self) -> None:
        """See, before serving begins, whether the database can be used; creates it if it is empty. One that is away may come.

        Raises:
            ConfigError: with these settings it never can be.
        """
        if self._database is not None:
            self._database.prove()

    async def close(self) -> None:
        """Finish what waits to be written, and give the database back. Using it opens it again."""
        if self._database is not None:
            await self._database.close()
