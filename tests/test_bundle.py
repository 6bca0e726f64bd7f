"""What the package carries for browsers is what the sources in js/ give."""

from __future__ import annotations

import filecmp
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
JS = ROOT / "js"
STATIC = ROOT / "src" / "alsohere" / "server" / "static"
DOCS = ["docs/swagger-ui.js", "docs/swagger-ui.css", "docs/THIRD_PARTY_LICENSES.txt"]
BUILT = ["alsohere.js", "socket.io.js", "THIRD_PARTY_LICENSES.txt", *DOCS]


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run("build.mjs", tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def rebuilt_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run("build-example.mjs", tmp_path_factory.mktemp("example"))


def run(script: str, out: Path) -> Path:
    node = shutil.which("node")
    assert node, "Node 20 is needed to rebuild the bundle"
    assert (JS / "node_modules" / "esbuild").is_dir(), "run `make check` (or `cd js && npm ci`) first"
    subprocess.run([node, script, str(out)], cwd=JS, check=True, timeout=120)
    return out


@pytest.mark.parametrize("name", BUILT)
def test_the_committed_file_is_what_the_sources_give(rebuilt: Path, name: str):
    assert filecmp.cmp(rebuilt / name, STATIC / name, shallow=False), f"{name} is stale: run `make js` and commit it"


@pytest.mark.parametrize("name", ["page.js", "THIRD_PARTY_LICENSES.txt"])
def test_the_example_with_react_is_what_its_sources_give(rebuilt_example: Path, name: str):
    committed = ROOT / "examples" / "document_occupied" / name
    assert filecmp.cmp(rebuilt_example / name, committed, shallow=False), f"{name} is stale: run `make js` and commit it"


def test_the_bundle_fetches_nothing_from_elsewhere():
    addresses = set(re.findall(r"https?://[\w.-]+", (STATIC / "alsohere.js").read_text()))
    # In the text of an error, and the name of what a drawing is made of.
    assert addresses <= {"https://socket.io", "http://www.w3.org"}, addresses


def test_the_lock_names_no_host():
    assert '"resolved"' not in (JS / "package-lock.json").read_text()


@pytest.mark.parametrize("page", sorted((STATIC / "demo").rglob("*.html")), ids=lambda page: page.stem)
def test_a_sample_page_shows_who_is_here_and_fetches_nothing_from_elsewhere(page: Path):
    text = page.read_text()
    assert '<script type="module" src="/alsohere.js"></script>' in text
    assert "<also-here></also-here>" in text
    assert "<also-online></also-online>" in text
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)


def _targets() -> set[str]:
    pages = (STATIC / "demo").rglob("*.html")
    return {link for page in pages for link in re.findall(r'(?:href|src)="(/[^"#]*)"', page.read_text())}


@pytest.mark.parametrize("target", sorted(_targets()))
def test_every_link_of_the_sample_site_leads_somewhere(target: str):
    if target == "/alsohere.js":
        return
    name = "index.html" if target == "/" else target.lstrip("/") + ("" if "." in target else ".html")
    assert (STATIC / "demo" / name).is_file()
