"""<also-ranking>: where most people are, live, and under nobody's pointer."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.axe import assert_accessible
from browser.company import company, crowd
from support.servers import free_port

MARKUP = "<img src=x onerror=alert(1)>"
LINKS = '<a href="/r/a">Alpha</a> <a href="/r/b">Beta</a> <a href="/r/c">Gamma</a>'


def listed(page) -> list[str]:
    return page.locator("also-ranking li").all_inner_texts()


def see(page, *rows: str) -> None:
    """Wait for these rows: the name and the number."""
    expect(page.locator("also-ranking li")).to_have_text([row.replace(" ", "") for row in rows])


def test_the_fullest_rooms_come_first_and_change_places(site, page_with):
    with company(site, "/r/a", *crowd(2)), company(site, "/r/b", *crowd(1)) as (ann,):
        page = page_with(f'<also-ranking prefix="/r/" limit="2">{LINKS}</also-ranking>')
        see(page, "Alpha 2", "Beta 1")
        with company(site, "/r/b", "Ben", "Cleo"):
            see(page, "Beta 3", "Alpha 2")
        with company(site, "/r/c", *crowd(5)):
            see(page, "Gamma 5", "Alpha 2")
        assert ann.call("room:leave", {"room": "/r/b"})["ok"]
        see(page, "Alpha 2")
        page.evaluate("document.querySelector('also-ranking').setAttribute('prefix', '/none/')")
        expect(page.locator("also-ranking .nobody")).to_have_text("Nobody yet")


def test_a_title_is_the_property_s_else_the_attribute_s_else_the_link_s_else_the_name(site, page_with):
    with (
        company(site, "/t/a", *crowd(5)),
        company(site, "/t/b", *crowd(4)),
        company(site, "/t/c", *crowd(3)),
        company(site, "/t/caf%C3%A9", *crowd(2)),
    ):
        titles = '{"/t/a": "Attribute", "/t/b": "Attribute"}'
        links = '<a href="/t/b">Link</a><a href="/t/c">Link</a>'
        page = page_with(f"<also-ranking prefix=\"/t/\" titles='{titles}'>{links}</also-ranking>")
        see(page, "Attribute 5", "Attribute 4", "Link 3", "café 2")
        page.evaluate("document.querySelector('also-ranking').titles = { '/t/a': 'Property' }")
        see(page, "Property 5", "Attribute 4", "Link 3", "café 2")
        page.evaluate("void (document.querySelector('also-ranking').titles = (room) => room.length < 6 && room.at(-1))")
        see(page, "a 5", "b 4", "c 3", "café 2")


def test_rooms_are_named_by_anybody_so_names_are_text_and_lead_nowhere_else(site, page_with):
    with company(site, MARKUP, *crowd(3)), company(site, "//evil.example/x", *crowd(2)), company(site, "/k", "Ann"):
        page = page_with('<also-ranking></also-ranking><also-ranking known><a href="/k">Known</a></also-ranking>')
        expect(page.locator("also-ranking >> nth=0").locator("li")).to_have_text([f"{MARKUP}3", "//evil.example/x2", "/k1"])
        expect(page.locator("also-ranking >> nth=0").locator("a")).to_have_count(1)
        expect(page.locator("also-ranking >> nth=1").locator("li")).to_have_text(["Known1"])
        expect(page.locator("also-ranking li img")).to_have_count(0)


def test_nothing_moves_under_the_pointer(site, page_with):
    with company(site, "/p/a", *crowd(2)), company(site, "/p/b", "Ann"):
        page = page_with('<h1>Page</h1><also-ranking prefix="/p/"></also-ranking>')
        see(page, "a 2", "b 1")
        page.locator("also-ranking a").first.hover()
        with company(site, "/p/b", "Ben", "Cleo"):
            see(page, "a 2", "b 3")
            page.locator("h1").hover()
            see(page, "b 3", "a 2")
            page.locator("also-ranking a").last.focus()
        see(page, "b 1", "a 2")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        see(page, "a 2", "b 1")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_change_is_seen_by_those_who_like_motion(site, page_with, motion):
    room = f"/m-{motion}/"
    with company(site, room + "a", "Ann"):
        page = page_with(f'<also-ranking prefix="{room}"></also-ranking>', reduced_motion=motion)
        see(page, "a 1")
        page.evaluate(
            "() => { window.moved = 0; const animate = Element.prototype.animate;"
            " Element.prototype.animate = function (...args) { window.moved++; return animate.apply(this, args); }; }"
        )
        with company(site, room + "b", "Ben", "Cleo"):
            see(page, "b 2", "a 1")
        assert (page.evaluate("window.moved") > 0) == (motion == "no-preference")


def test_the_links_inside_stand_there_until_the_first_answer(page_with):
    page = page_with(f'<also-ranking prefix="/f/" src="http://127.0.0.1:{free_port()}/">{LINKS}</also-ranking>')
    page.person.expect_complaints(r"WebSocket|net::ERR")
    expect(page.get_by_role("link", name="Alpha")).to_be_visible()


def test_it_is_quiet_and_a_checker_finds_nothing(site, page_with):
    with company(site, "/q/a", *crowd(2)):
        page = page_with('<main><h1>Page</h1><also-ranking prefix="/q/"></also-ranking></main>')
        see(page, "a 2")
        expect(page.get_by_role("list", name="Where most people are now")).to_have_attribute("aria-live", "off")
        expect(page.get_by_role("img", name="2 people")).to_have_text("2")
        page.evaluate("document.documentElement.lang = 'en'")
        assert_accessible(page)
