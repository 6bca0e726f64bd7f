"""Node's packages for a test: there, once, however many processes of pytest ask at the same time."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path


def install(folder: Path, npm: str) -> None:
    """Have `npm ci` make the packages of a folder, if they are not there, or if its lock has changed since.

    It begins by removing what there is, so two at once would each take away what the other has put there.
    """
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            subprocess.run([npm, "ci", "--silent"], cwd=folder, check=True, timeout=300)
