"""Faces and counts on a page of somebody's own: what they show, share and say."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from browser.company import company, crowd, see_count
from browser.people import record, recorded
from support.servers import ServerProcess

MARKUP = "<img src=x onerror=alert(1)> <b>Bold</b>"
# Where the panel is, and how many it lists, in the first frame that can be seen.
FIRST_FRAME = """(host) => {
  const panel = host.shadowRoot.querySelector(".panel");
  host.first = new Promise((done) => panel.addEventListener("beforetoggle", () => requestAnimationFrame(() => {
    const { left, top } = panel.getBoundingClientRect();
    done({ left, top, listed: panel.querySelectorAll("li").length });
  }), { once: true }));
}"""


def faces(page, selector="also-here"):
    return page.locator(f"{selector} .face")


def test_names_are_text(site, page_with):
    with company(site, "/names", MARKUP):
        page = page_with(
            '<also-here room="/names"></also-here><also-here room="/names" max="1"></also-here><also-online></also-online>'
        )
        face = page.locator("also-here").first.locator(".face:not([data-self])")
        expect(face).to_have_attribute("aria-label", MARKUP)
        expect(face).to_have_text("IB")  # the initials of img and Bold
        face.hover()
        expect(page.locator("also-here .tip").first).to_have_text(MARKUP)
        for opener, host in (("also-here .more", "also-here >> nth=1"), ("also-online button", "also-online")):
            page.locator(opener).locator("visible=true").click()
            expect(page.locator(host).locator(".people .name", has_text=MARKUP)).to_be_visible()
        expect(page.locator(":is(also-here, also-online) :is(img, b)")).to_have_count(0)


def test_who_only_watches_sees_and_is_not_counted(site, page_with):
    with company(site, "/watched", "Ann") as (ann,):
        page = page_with('<also-here room="/watched" watch></also-here>')
        expect(page.get_by_role("list", name="1 person here")).to_be_visible()
        expect(faces(page)).to_have_count(1)
        see_count(ann, "/watched", 1)
        page.locator("also-here").evaluate("(element) => element.removeAttribute('watch')")
        expect(faces(page)).to_have_count(2)
        see_count(ann, "/watched", 2)


def test_who_does_not_fit_is_behind_a_button_that_lists_everyone(site, page_with):
    with company(site, "/crowd", *crowd(13)):
        page = page_with('<p style="margin-top: 200px"><also-here room="/crowd" max="2"></also-here>', reduced_motion="reduce")
        more = page.get_by_role("button", name="12 more: show everyone")
        expect(more).to_have_text("+12")
        expect(faces(page, "also-here .row")).to_have_count(2)
        page.locator("also-here").evaluate(FIRST_FRAME)
        more.click()
        expect(page.get_by_role("dialog", name="Here now").locator("li")).to_have_count(14)
        expect(more).to_have_attribute("aria-expanded", "true")
        first, at = page.locator("also-here").evaluate("(host) => host.first"), more.bounding_box()
        assert first["listed"] == 14
        assert first["left"] == pytest.approx(at["x"], abs=1)
        assert first["top"] == pytest.approx(at["y"] + at["height"] + 6, abs=1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(more).to_be_focused()


def test_all_elements_of_a_page_share_one_connection(site, page_with):
    with company(site, "/together", "Ann"):
        page = page_with(
            '<also-here room="/together"></also-here><also-here room="/together" watch></also-here><also-online></also-online>'
        )
        for host in ("also-here >> nth=0", "also-here >> nth=1"):
            expect(page.locator(host).locator(".face")).to_have_count(2)
        expect(page.locator("also-online .label")).to_have_text("2 online")
        page.evaluate("document.body.append(document.createElement('also-here'))")
        expect(faces(page, "also-here:not([room])")).to_have_count(1)
        assert len(page.sockets) == 1


def test_why_there_is_no_connection_is_told_once_to_the_page_s_author(site, person):
    env = {"ALSOHERE_ORIGINS": site.url}
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=env) as strict:
        author, said = person(), []
        author.context.on("console", lambda message: said.append(message.text))
        elements = f'<also-here src="{strict.url}"></also-here><also-online src="{strict.url}"></also-online>'
        with author.context.expect_event("console"):
            page = author.open(f"{site.url}/?{urlencode({'body': elements})}")
        page.evaluate("document.body.append(document.querySelector('also-here').cloneNode())")
        expect(page.locator("also-here")).to_have_count(2)
        assert said == ["alsohere: A token is required: connect with auth: {token}."]


def test_another_room_attribute_moves_the_visitor(site, page_with):
    with company(site, "/from", "Ann") as (ann,), company(site, "/to", "Ben", "Cleo") as (ben, _):
        page = page_with('<also-here room="/from"></also-here>')
        expect(faces(page)).to_have_count(2)
        see_count(ann, "/from", 2)
        page.locator("also-here").evaluate("(element) => element.setAttribute('room', '/to')")
        expect(faces(page)).to_have_count(3)
        see_count(ann, "/from", 1)
        see_count(ben, "/to", 3)
        page.locator("also-here").evaluate("(element) => element.remove()")
        see_count(ben, "/to", 2)


def test_a_page_s_custom_properties_are_what_faces_look_like(page_with):
    style = "<style>:root { --also-size: 50px; --also-radius: 7px; --also-accent: rgb(1, 2, 3) }</style>"
    page = page_with(f'{style}<also-here room="/themed"></also-here>')
    for name, value in {"width": "50px", "border-radius": "7px", "border-top-color": "rgb(1, 2, 3)"}.items():
        expect(faces(page)).to_have_css(name, value)


def test_who_has_the_page_in_the_background_is_idle_until_they_are_back(page_with):
    ann, ben = page_with('<also-here room="/looks"></also-here>'), page_with('<also-here room="/looks"></also-here>')
    other = ann.locator("also-here .face:not([data-self])")
    expect(other).to_have_attribute("data-status", "active")
    for hidden, status in (("true", "idle"), ("false", "active")):
        ben.evaluate(f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }})")
        ben.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(other).to_have_attribute("data-status", status)


@pytest.mark.parametrize(("motion", "animation"), [("reduce", "none"), ("no-preference", "arrive")])
def test_motion_is_for_those_who_like_it(page_with, motion, animation):
    page = page_with(f'<also-here room="/motion-{motion}"></also-here>', reduced_motion=motion)
    expect(page.locator("also-here .faces li")).to_have_css("animation-name", animation)
    moving = faces(page).evaluate("(face) => getComputedStyle(face).transitionDuration")
    assert (moving == "0s") == (motion == "reduce")


def test_a_burst_of_arrivals_is_one_sentence_for_screen_readers(site, page_with):
    page = page_with('<also-here room="/burst"></also-here>')
    expect(faces(page)).to_have_count(1)
    record(page, "also-here .said")
    with company(site, "/burst", *crowd(5)):
        expect(faces(page)).to_have_count(6)
        expect(page.get_by_role("status")).to_have_text("5 people came")
    assert recorded(page, "also-here .said") == [[""], ["5 people came"]]
