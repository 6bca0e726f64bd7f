"""What everybody must be able to use: with the keyboard, on a phone, by night. Screenshots are left in test-results/."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.raw import joined
from support.servers import ServerProcess

OFFICE = str(Path(__file__).parents[2] / "examples/erp_monitor/server.py")
DEMO_PAGES = {"start": "/", "article": "/articles/tea", "shop": "/products", "product": "/products/kettle"}
OFFICE_PAGES = {"list": "/", "product": "/products/1"}
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 375, "height": 720}}

# Text against what is painted behind it. A canvas knows every notation of a colour.
CONTRAST = """(element) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = [];
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) behind.unshift(getComputedStyle(at).backgroundColor);
  const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#fff";
  const ground = paint([canvas, ...behind]);
  const [high, low] = [light(ground), light(paint([canvas, ...behind, getComputedStyle(element).color]))].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.fixture(scope="module")
def demo():
    with ServerProcess("-m", "alsohere", "demo", "--no-open", "--port", "{port}", env={"ALSOHERE_DRAIN_S": "0.1"}) as server:
        yield server


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    env = {"OFFICE_DB": str(tmp_path_factory.mktemp("office") / "office.db"), "ALSOHERE_DRAIN_S": "0.1"}
    with ServerProcess(OFFICE, "--port", "{port}", env=env) as server:
        yield server


@pytest.fixture
def company(demo, person):
    """Three people who are on the article already."""
    for _ in range(3):
        expect(person().open(demo.url + DEMO_PAGES["article"]).locator("also-here .face[data-self]")).to_have_count(1)


def looks(page):
    """Every size in every scheme, with the words for it."""
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            yield f"{size}-{scheme}"


def picture(page, path: Path, **options) -> None:
    """A screenshot when everything has come to rest, of a page that is as wide as the window and can be read."""
    page.screenshot(path=path, animations="disabled", **options)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path.stem} scrolls sideways"


def assert_readable(page, *selectors: str) -> None:
    for selector in selectors:
        assert page.locator(selector).first.evaluate(CONTRAST) >= 4.5, f"{selector} of {page.url} is hard to read"


def test_the_demo_in_every_size_and_scheme(demo, person, company, pictures):
    page = person().open(demo.url)
    for look in looks(page):
        for name, path in DEMO_PAGES.items():
            page.goto(demo.url + path)
            expect(page.locator("also-online .label")).to_have_text("4 online")
            if name == "article":
                expect(page.locator("also-here .face")).to_have_count(4)
            picture(page, pictures / f"demo-{name}-{look}.png", full_page=name != "article")
            assert_readable(page, "main p", "main h1", "also-online .label", "also-here .face")
        page.locator("also-online").click()
        expect(page.locator("also-online .people li")).to_have_count(4)
        picture(page, pictures / f"demo-panel-{look}.png")
        assert_readable(page, "also-online .people .name")


def test_a_crowd_on_a_phone_fits_into_one_line(demo, person, pictures):
    with ExitStack() as stack:
        for number in range(19):
            reader = stack.enter_context(joined(demo.url, visitor=f"visitor-{number}"))
            reader.call("room:enter", {"room": DEMO_PAGES["shop"], "watch": "none"})
        page = person(viewport=SIZES["phone"]).open(demo.url + DEMO_PAGES["shop"])
        expect(page.locator(".company .more")).to_have_text("+12")
        picture(page, pictures / "demo-crowd.png")
        assert page.locator(".company").bounding_box()["height"] < 60
        assert page.locator(".company > span").bounding_box()["height"] < 30


def test_the_back_office_in_every_size_and_scheme(office, person, pictures):
    people = [("ann", "Ann Lee"), ("ben", "Ben"), ("chloe", "Chloé Nguyễn-Bartholomew")]
    page, *others = [person().sign_in(office.url, *somebody) for somebody in people]
    for other in others:
        other.goto(office.url + "/products/1")
    for look in looks(page):
        for name, path in OFFICE_PAGES.items():
            page.goto(office.url + path)
            expect(page.locator("#online li")).to_have_count(3)
            expect(page.locator("#alsohere li")).to_have_count(3 if name == "product" else 1)
            picture(page, pictures / f"office-{name}-{look}.png", full_page=True)
            assert_readable(page, "main h1", "#online li", "#sockstat", "header button")


def test_the_keyboard_reaches_opens_and_closes_the_list(demo, person, pictures):
    page = person().open(demo.url + DEMO_PAGES["article"])
    panel, button = page.locator("also-online .panel"), page.locator("also-online button")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.localName") == "also-online":
            break
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    picture(page, pictures / "demo-focus.png")
    page.keyboard.press("Enter")
    expect(panel).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("also-online .people li")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(button).to_be_focused()


def test_the_faces_are_one_stop_and_say_their_names(demo, person, company):
    page = person().open(demo.url + DEMO_PAGES["article"])
    faces = page.locator("also-here .face")
    expect(faces).to_have_count(4)
    expect(page.get_by_role("list", name="4 people here")).to_be_visible()
    faces.first.focus()
    for index in range(1, 4):
        page.keyboard.press("ArrowRight")
        expect(faces.nth(index)).to_be_focused()
        expect(page.locator("also-here .tip")).to_have_text(faces.nth(index).get_attribute("aria-label"))
    assert [face.get_attribute("tabindex") for face in faces.all()].count("0") == 1
