"""A real browser, people who use it, and what they must not run into.

Playwright's synchronous interface keeps an event loop running in this thread while it is started. So it ends with each module,
and modules of this folder use no asyncio.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect, sync_playwright

from browser.people import Person
from support.servers import ServerProcess

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SITE = str(Path(__file__).parent / "own_page.py")
PICTURES = Path(__file__).parents[2] / "test-results"
expect.set_options(timeout=10_000)


def executable(bundled: str) -> str:
    """The browser; where it could have been installed and was not, that is a failure and not a skip."""
    found = next(filter(None, map(shutil.which, NAMES)), None) or (bundled if Path(bundled).exists() else None)
    if found is None:
        complain = pytest.fail if os.environ.get("CI") == "true" or os.geteuid() == 0 else pytest.skip
        complain("no Chromium: run sh tests/browser/install.sh")
    return found


@pytest.fixture(scope="module")
def browser():
    """One Chromium for a module."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable(playwright.chromium.executable_path), args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def person(browser):
    """Call it for somebody with a browser of their own."""
    people: list[Person] = []

    def arrive(**options) -> Person:
        people.append(Person(browser, **options))
        return people[-1]

    yield arrive
    for somebody in people:
        somebody.context.close()
    assert [complaint for somebody in people for complaint in somebody.unexpected()] == []


@pytest.fixture(scope="module")
def site():
    """A server whose page has the elements that its address asks for."""
    with ServerProcess(SITE, "{port}", env={"ALSOHERE_DRAIN_S": "0.1"}) as server:
        yield server


@pytest.fixture
def page_with(site, person):
    """Open a page with these elements, of `site` or at another address; `options` are the browser's."""

    def open_page(elements: str, at: str | None = None, **options):
        somebody = person(**options)
        page = somebody.context.new_page()
        page.person = somebody
        page.sockets = []
        page.on("websocket", lambda socket: page.sockets.append(socket.url))
        page.goto(f"{at or site.url}/?{urlencode({'body': elements})}")
        return page

    return open_page


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go, for people to look at."""
    PICTURES.mkdir(exist_ok=True)
    return PICTURES
