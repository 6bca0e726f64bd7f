"""What holds for every machine."""

from __future__ import annotations

import pytest

from alsohere.backends.sql import writer


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which a commit takes seconds is not what the machines look for; tests/backends and tests/cluster do."""
    monkeypatch.setattr(writer, "ANSWER_S", 60.0)
