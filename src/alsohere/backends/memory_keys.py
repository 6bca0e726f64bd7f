"""Keys of back ends without a database: there are none, since `alsohere key` could tell nobody of them."""

from __future__ import annotations

from alsohere.domain.api_key import ApiKey


class MemoryKeys:
    """Implements `ports.KeyStore`."""

    async def keys(self) -> list[ApiKey]:
        return []

    def used(self, key: ApiKey, at_ms: int) -> None:
        """Nobody asks."""
