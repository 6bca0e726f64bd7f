"""The packages that the tests of this folder need, on a machine that has none of them yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.packages import install

NPM = """#!/bin/sh
mkdir at-work || exit 1
echo run >> runs
sleep 0.2
mkdir -p node_modules
touch node_modules/.package-lock.json
rmdir at-work
"""


def test_processes_that_need_them_at_once_install_them_once(tmp_path: Path):
    npm = tmp_path / "npm"
    npm.write_text(NPM)
    npm.chmod(0o755)
    (tmp_path / "package-lock.json").touch()
    with ThreadPoolExecutor(3) as three:
        list(three.map(lambda _: install(tmp_path, str(npm)), range(3)))
    assert (tmp_path / "runs").read_text() == "run\n"
