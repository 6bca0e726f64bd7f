"""Somebody at a browser of their own, and what they see there."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, ConsoleMessage, Page, WebError

# What is kept of each change: the words for people, wherever they are in the element, and when.
RECORD = """(element) => {
  const root = element.shadowRoot ?? element;
  const words = () => {
    const faces = [...root.querySelectorAll(".face")].map((face) => face.getAttribute("aria-label"));
    const [label] = root.querySelectorAll(".label");
    if (faces.length) return faces;
    return label || root === element && !root.children.length ? [(label ?? root).textContent] : [...root.children].map((child) => child.textContent);
  };
  element.history = [{ words: words(), at: performance.now() }];
  new MutationObserver(() => {
    const now = words();
    if (String(now) !== String(element.history.at(-1).words)) element.history.push({ words: now, at: performance.now() });
  }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


class Person:
    """A browser context: its own storage and cookies, any number of tabs. What the console complains of is kept.

    Args:
        options: of Playwright's `new_context`.
    """

    def __init__(self, browser: Browser, **options) -> None:
        self.context = browser.new_context(**options)
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.context.on("console", self._console)
        self.context.on("weberror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")

    def expect_complaints(self, pattern: str) -> None:
        """This test does something that the console has to complain of."""
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        """What nobody had to complain of."""
        return [text for text in self.complaints if not any(re.search(pattern, text) for pattern in self.expected)]

    def open(self, url: str, wait_until: str = "load") -> Page:
        """Another tab; with "commit" it goes on loading meanwhile."""
        page = self.context.new_page()
        page.goto(url, wait_until=wait_until)
        return page

    def sign_in(self, url: str, login: str, name: str) -> Page:
        """A tab of a site with a sign-in form."""
        page = self.open(url + "/")
        page.get_by_label("Login").fill(login)
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(url + "/")
        return page


def record(page: Page, selector: str) -> None:
    """Keep every change of an element from now on, between two frames too."""
    page.locator(selector).evaluate(RECORD)


def recorded(page: Page, selector: str) -> list[list[str]]:
    """What the element has shown, one after the other."""
    return page.locator(selector).evaluate("(element) => element.history.map(({ words }) => words)")


def recorded_at(page: Page, selector: str, word: str) -> float:
    """When the element first showed just this word: seconds on the page's clock (`performance.now`)."""
    found = "(element, word) => element.history.find(({ words }) => String(words) === word)?.at"
    milliseconds = page.locator(selector).evaluate(found, word)
    assert milliseconds is not None, f"{selector} never showed {word!r}"
    return milliseconds / 1000


def own_name(page: Page, selector: str = "also-here") -> str:
    """What others call the person at this page."""
    label = page.locator(f"{selector} .face[data-self]").first.get_attribute("aria-label")
    return label.removesuffix(" (you)")
