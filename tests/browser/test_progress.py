"""<also-progress>: everybody's place beside an article, on any window, for any crowd."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from browser.axe import assert_accessible
from browser.company import company, crowd
from support.servers import wait_for

PHONE, DESK = {"width": 390, "height": 760}, {"width": 1280, "height": 800}
MARKUP = "<img src=x onerror=alert(1)>"
WRITE = "document.querySelector('article').innerHTML = `<p>${'Words that are read by many people at once. '.repeat(8)}</p>`.repeat(40)"


def article(room: str, attributes: str = "") -> str:
    """A page like many: a column of text with a margin."""
    column = '<main style="max-width: 36rem; margin: 0 auto">'
    words = f'<also-progress room="{room}" {attributes}></also-progress><article></article>'
    return f'<body style="margin: 0 20px">{column}{words}</main><footer style="height: 900px"></footer><script>{WRITE}</script>'


def face(page, name=""):
    found = page.locator("also-progress .readers li:not(.own) .face")
    return found.and_(page.locator(f'[aria-label*="{name}"]')) if name else found


def read_on(page, share: float) -> None:
    """Scroll to a share of the way that the article has."""
    page.evaluate(
        "(share) => { const { offsetTop: top, offsetHeight: height } = document.querySelector('article');"
        " scrollTo(0, top + share * (height - innerHeight)); }",
        share,
    )


def places(page, selector=".face"):
    return [box for box in (found.bounding_box() for found in page.locator(f"also-progress {selector}").all()) if box]


@contextmanager
def readers(site, room: str, **places_of: int):
    """People who have read that far."""
    inner = [company(site, room, name, state={"position": place}) for name, place in places_of.items()]
    for each in inner:
        each.__enter__()
    yield
    for each in inner:
        each.__exit__(None, None, None)


def test_everybody_sees_where_the_others_are(site, page_with):
    with readers(site, "/both", Ann=10, Ben=75):
        page, other = page_with(article("/both")), page_with(article("/both"))
        expect(face(page, "Ann, 10 %")).to_have_count(1)
        expect(face(page, "Ben, 75 %")).to_have_text("B")
        expect(page.get_by_role("list", name="4 readers; you are at 0 %")).to_be_attached()
        read_on(page, 0.4)
        expect(page.get_by_role("img", name="(you), 40 %")).to_be_attached()
        expect(face(other, ", 40 %")).to_have_count(1)
        read_on(page, 1)
        expect(face(other, ", 100 %")).to_have_count(1)
        page.close()
        expect(face(other)).to_have_count(2)


def test_a_face_stands_at_its_place_and_moves_there(site, page_with):
    with company(site, "/places", "Ann", state={"position": 25}) as (ann,):
        page = page_with(article("/places"), viewport=DESK, reduced_motion="reduce")
        expect(face(page)).to_have_count(1)
        rail = page.locator("also-progress .rail").bounding_box()
        for place in (25, 60):
            assert ann.call("room:update", {"room": "/places", "state": {"position": place}})["ok"]
            expect(face(page, f"Ann, {place} %")).to_have_count(1)
            box = face(page).bounding_box()
            assert box["y"] + box["height"] / 2 == pytest.approx(rail["y"] + rail["height"] * place / 100, abs=1.5)


def test_scrolling_is_told_at_most_once_a_second_and_the_last_place_always(site, page_with):
    page = page_with("<also-here></also-here>")
    updates = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: "room:update" in frame and updates.append(frame)))
    page.set_content('<script type="module" src="/alsohere.js"></script>' + article("/often"))
    expect(page.get_by_role("list", name="1 reader; you are at 0 %")).to_be_attached()
    began = time.monotonic()
    for step in range(1, 61):
        read_on(page, step / 100)
        page.evaluate("new Promise(requestAnimationFrame)")
    wait_for(lambda: page.title() == "" and any('"position":60' in update for update in updates), what="the last place")
    assert 1 <= len(updates) <= time.monotonic() - began + 2
    told = len(updates)
    read_on(page, 0.6001)  # not a whole percent further
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(updates) == told


@pytest.mark.parametrize(("size", "edge"), [(DESK, False), ({"width": 640, "height": 1000}, True), (PHONE, True)])
def test_it_covers_nothing_of_the_article(site, page_with, pictures, size, edge):
    with readers(site, "/margin", Ann=3, Ben=40, Cleo=41, Dan=90):
        page = page_with(article("/margin"), viewport=size)
        expect(face(page)).to_have_count(3)
        text = page.locator("article").bounding_box()
        assert page.locator("also-progress .rail").evaluate("(rail) => rail.hasAttribute('data-edge')") == edge
        for box in places(page) + places(page, ".rail"):
            assert box["x"] >= text["x"] + text["width"]
            assert box["x"] + box["width"] <= size["width"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=pictures / f"progress-{size['width']}.png", animations="disabled")


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_crowd_stays_legible(site, page_with, pictures, size):
    names = crowd(210)
    room = f"/crowd-{size['width']}"
    with company(site, room, *names) as people:
        for index, somebody in enumerate(people):
            assert somebody.call("room:update", {"room": room, "state": {"position": index * 37 % 101}})["ok"]
        page = page_with(article(room), viewport=size, reduced_motion="reduce")
        expect(page.get_by_role("list", name="211 readers; you are at 0 %")).to_be_attached()
        expect(face(page).first).to_be_attached()
        boxes = sorted(places(page, ".readers li:not(.own) .face"), key=lambda box: box["y"])
        assert 5 < len(boxes) < 50
        for above, below in pairwise(boxes):
            assert above["y"] + above["height"] <= below["y"] + 0.5
        if size is DESK:
            expect(page.locator("also-progress .number")).to_have_text("211")
        page.screenshot(path=pictures / f"progress-crowd-{size['width']}.png", animations="disabled")


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_motion_is_for_those_who_like_it(site, page_with, motion, moves):
    with readers(site, "/motion", Ann=50):
        page = page_with(article("/motion"), reduced_motion=motion)
        item = page.locator("also-progress .readers li:not(.own)")
        expect(item).to_have_css("transition-duration", "1s" if moves else "0s")
        expect(item).to_have_css("animation-name", "arrive" if moves else "none")


def test_the_keyboard_walks_along_the_faces_and_hears_names_and_places(site, page_with):
    with readers(site, "/keys", Ann=20, Ben=80):
        page = page_with(article("/keys"), viewport=DESK)
        expect(face(page)).to_have_count(2)
        page.keyboard.press("Tab")
        page.keyboard.press("Home")
        for name in ("Ann, 20 %", "Ben, 80 %", "(you), 0 %"):
            assert name in page.evaluate("document.querySelector('also-progress').shadowRoot.activeElement.ariaLabel")
            expect(page.locator("also-progress .tip")).to_contain_text(name)
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Escape")
        expect(page.locator("also-progress .tip")).to_be_hidden()


def test_names_and_places_of_others_are_text_and_numbers(site, page_with):
    with readers(site, "/text", **{MARKUP: 30, "Nonsense": "<b>40</b>", "Far": 9e9, "Silent": None}):
        page = page_with(article("/text"), viewport=DESK)
        expect(face(page)).to_have_count(2)
        expect(face(page, "Far, 100 %")).to_have_count(1)
        page.locator("also-progress .face").first.hover()
        expect(page.locator("also-progress .tip")).to_have_text(f"{MARKUP}, 30 %")
        expect(page.locator("also-progress :is(img, b)")).to_have_count(0)


def test_it_goes_with_the_article_and_ends_with_the_element(site, page_with):
    with company(site, "/goes", "Ann") as (ann,):
        page = page_with(article("/goes") + '<also-here room="/goes"></also-here>')
        rail = page.locator("also-progress .rail")
        expect(rail).to_be_visible()
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        expect(rail).to_be_hidden()  # below the article, where it would only be in the way

        def state():
            told = ann.call("room:watch", {"rooms": ["/goes"]})["rooms"][0]
            return next(member["state"] for member in told["members"] if member["anonymous"])

        wait_for(lambda: state() == {"position": 100}, what="the end")
        page.evaluate("document.querySelector('also-progress').remove()")
        wait_for(lambda: state() == {}, what="no place")


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_checker_finds_nothing(site, page_with, size):
    with readers(site, "/axe", Ann=20, Ben=21, Cleo=80):
        page = page_with(article("/axe"), viewport=size)
        expect(face(page)).to_have_count(2)
        page.evaluate(
            "document.documentElement.lang = 'en'; document.querySelector('main').prepend(document.createElement('h1'))"
        )
        page.evaluate("document.querySelector('h1').append('Page')")
        assert_accessible(page)
