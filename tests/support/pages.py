"""Markdown pages as the tests of the documents read them: fenced blocks, links and anchors."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block; `mark` is the comment in the line before it (`<!-- run -->`)."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def tracked_files() -> list[Path]:
    """What belongs to the project: known to git, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return sorted(path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file())


def pages() -> list[Path]:
    """Every Markdown page but the template of the benchmarks."""
    return [path for path in tracked_files() if path.suffix == ".md" and path.parent.name != "bench"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> Iterator[Block]:
    """Its fenced blocks."""
    text = page.read_text()
    for fence in FENCE.finditer(text):
        before = text[: fence.start()].rstrip("\n").rpartition("\n")[2]
        mark = re.fullmatch(r"<!-- (.*) -->", before)
        yield Block(name_of(page), text.count("\n", 0, fence.start()) + 1, fence[1], mark[1] if mark else "", fence[2])


def prose_of(page: Path) -> str:
    """Its text without fenced blocks."""
    return FENCE.sub("", page.read_text())


def links_of(page: Path) -> list[str]:
    """The targets of its links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", prose_of(page))


def anchors_of(page: Path) -> set[str]:
    """What a link may name behind `#`: headings, as the usual renderers name them."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section_of(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,3}} |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{name_of(page)} has no section {heading!r}"
    return found[2]
