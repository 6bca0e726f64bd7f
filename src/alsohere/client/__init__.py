"""The Python client for back ends: `AlsoHereClient` waits, `AsyncAlsoHereClient` is awaited.

from alsohere.client import AlsoHereClient

here = AlsoHereClient("http://127.0.0.1:8765", key)
here.notify("42", title="Shipped", key="order-7")
"""

from alsohere.client.blocking import AlsoHereClient
from alsohere.client.waiting import AsyncAlsoHereClient

__all__ = ["AlsoHereClient", "AsyncAlsoHereClient"]
