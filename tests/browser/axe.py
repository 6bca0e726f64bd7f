"""What axe-core, the accessibility checker of the browsers' own tools, finds on a page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "js/node_modules/axe-core/axe.min.js"
FIND = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.flat().join(" >>> ")).join(", ")}`);
}"""


def assert_accessible(page: Page) -> None:
    """No rule is broken, by the page or inside its elements."""
    # Axe sees a colour as it is at the moment: what is on its way to another one is let arrive.
    page.evaluate("Promise.all(document.getAnimations().filter((a) => !(a instanceof CSSAnimation)).map((a) => a.finished))")
    if not page.evaluate("typeof axe === 'object'"):
        assert AXE.is_file(), "run `make check` (or `cd js && npm ci`) first"
        page.add_script_tag(path=AXE)
    found = page.evaluate(FIND)
    assert found == [], "\n".join(found)
