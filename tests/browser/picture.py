"""Takes docs/images/two-browsers.png: two real browsers on the sample site that see each other.

python tests/browser/picture.py
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.conftest import ARGS, executable  # noqa: E402 - the tests' folder is found only now
from browser.people import Person  # noqa: E402
from support.servers import ServerProcess  # noqa: E402

PICTURE = ROOT / "docs/images/two-browsers.png"
SHOWN = "http://localhost:8765/articles/tea"
WINDOW = {"width": 648, "height": 470}
SHARPNESS = 1.5
# Whoever takes the picture, these are the same people: Brave Otter and Lively Fox.
VISITORS = {"light": "picture-46", "dark": "picture-50"}
DESK = """<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; padding: 24px; width: 1324px; display: flex; gap: 28px; font: 13px system-ui, sans-serif }
  figure { margin: 0; border-radius: 12px; overflow: hidden; box-shadow: 0 0 0 1px #8885, 0 10px 24px #0004 }
  figcaption { display: flex; align-items: center; gap: 7px; padding: 9px 13px; background: #e9e6e0; color: #55524c }
  figcaption.dark { background: #2b2b29; color: #b9b6ae }
  i { width: 11px; height: 11px; border-radius: 50%; background: currentColor; opacity: .35 }
  b { flex: 1; margin-left: 8px; padding: 4px 12px; border-radius: 7px; background: #8882; font-weight: 400 }
  img { display: block; width: 648px }
</style>"""


def arrive(browser: Browser, url: str, scheme: str) -> Page:
    """Somebody opens the article."""
    person = Person(browser, viewport=WINDOW, color_scheme=scheme, device_scale_factor=2)
    person.context.add_init_script(f"localStorage['alsohere.visitor'] = '{VISITORS[scheme]}'")
    return person.open(url + "/articles/tea")


def window(shot: bytes, scheme: str) -> str:
    """A screenshot in the frame of a browser."""
    data = base64.b64encode(shot).decode()
    return (
        f'<figure><figcaption class="{scheme}"><i></i><i></i><i></i><b>{SHOWN}</b></figcaption>'
        f'<img src="data:image/png;base64,{data}"></figure>'
    )


def take(browser: Browser, url: str) -> None:
    ann, ben = arrive(browser, url, "light"), arrive(browser, url, "dark")
    for page in (ann, ben):
        expect(page.locator("also-here .face")).to_have_count(2)
        expect(page.locator("also-online .label")).to_have_text("2 online")
    ann.locator("also-here .face:not([data-self])").hover()
    expect(ann.locator("also-here .tip")).to_be_visible()
    ben.locator("also-online").click()
    expect(ben.locator("also-online .people li")).to_have_count(2)
    ben.mouse.move(10, 500)
    shots = [window(page.screenshot(animations="disabled"), scheme) for page, scheme in ((ann, "light"), (ben, "dark"))]
    desk = browser.new_page(viewport={"width": 1380, "height": 700}, device_scale_factor=SHARPNESS)
    desk.set_content(DESK + "".join(shots))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    desk.locator("body").screenshot(path=PICTURE, omit_background=True)


if __name__ == "__main__":
    with sync_playwright() as playwright, ServerProcess("-m", "alsohere", "demo", "--no-open", "--port", "{port}") as server:
        chromium = playwright.chromium.launch(executable_path=executable(playwright.chromium.executable_path), args=ARGS)
        take(chromium, server.url)
        chromium.close()
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1000} kB")
