"""What ends with the tests."""

from __future__ import annotations

import sys


def pytest_sessionfinish() -> None:
    """A worker of pytest-xdist leaves without `atexit`: the PostgreSQL that its tests have started would run for ever."""
    databases = sys.modules.get("support.databases")
    if databases is not None:
        databases.end()
