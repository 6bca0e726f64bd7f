"""<also-inbox>: what was sent to a user, the same in every tab; with the keyboard, on a phone, without a connection."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.axe import assert_accessible
from browser.line import Line
from browser.mail import TOPIC, fill, office, signed_in

BELL = '<header style="display:flex;justify-content:flex-end"><also-inbox></also-inbox></header><main><h1>Page</h1></main>'
MARKUP = "<img src=x onerror=alert(1)>"


def bell(page):
    return page.locator("also-inbox .bell")


def letters(page):
    return page.locator("also-inbox .letters li")


def see_badge(page, count: int) -> None:
    expect(bell(page)).to_have_accessible_name(f"Inbox, {count} unread" if count else "Inbox, nothing unread")


@pytest.fixture
def inbox_of(page_with):
    """Open a page of a user, with a bell."""
    return lambda user, at=None, **options: page_with(signed_in(user, BELL), at, **options)


@pytest.mark.parametrize("look", ["desktop-light", "desktop-dark", "phone-light", "phone-dark"])
def test_a_bell_with_a_number_and_what_is_behind_it(site, inbox_of, pictures, look):
    size, scheme = look.split("-")
    viewport = {"width": 390, "height": 780} if size == "phone" else {"width": 1000, "height": 760}
    fill(site, look)
    page = inbox_of(look, viewport=viewport, color_scheme=scheme)
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'; document.documentElement.lang = 'en'")
    see_badge(page, 9)
    bell(page).click()
    expect(letters(page)).to_have_count(6)
    page.screenshot(path=pictures / f"inbox-{look}.png", animations="disabled")
    assert_accessible(page)
    box = page.locator("also-inbox .panel").bounding_box()
    if size == "phone":
        assert (box["x"], box["width"], round(box["y"] + box["height"])) == (0, 390, 780)
    page.locator("also-inbox .entry", has_text="4 new in").click()
    expect(letters(page)).to_have_count(10)
    assert page.locator("also-inbox .panel").bounding_box() == box
    page.screenshot(path=pictures / f"inbox-open-{look}.png", animations="disabled")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_tab_and_every_browser_shows_the_same_number(site, inbox_of):
    fill(site, "tess")
    first = inbox_of("tess")
    tab = first.person.open(first.url)
    elsewhere = inbox_of("tess")
    for page in (first, tab, elsewhere):
        see_badge(page, 9)
    bell(first).click()
    first.locator("also-inbox .entry", has_text="Lunch?").click()
    for page in (first, tab, elsewhere):
        see_badge(page, 8)
    office(site).notify("tess", title="One more")
    for page in (first, tab, elsewhere):
        see_badge(page, 9)
    bell(tab).click()
    tab.get_by_role("button", name="Mark all as read").click()
    for page in (first, tab, elsewhere):
        see_badge(page, 0)
    expect(first.locator("also-inbox [data-unread]")).to_have_count(0)


def test_with_the_keyboard_alone(site, inbox_of):
    fill(site, "kim")
    page = inbox_of("kim")
    see_badge(page, 9)
    page.keyboard.press("Tab")
    expect(bell(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Inbox")).to_be_focused()
    expect(bell(page)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(letters(page).nth(0).locator(".entry")).to_be_focused()
    page.keyboard.press("End")
    expect(letters(page).nth(5).locator(".entry")).to_be_focused()
    office(site).notify("kim", title="Comes in between")
    expect(letters(page)).to_have_count(7)
    expect(letters(page).nth(6).locator(".entry")).to_be_focused()
    expect(page.locator("also-inbox .entry[tabindex='0']")).to_have_count(1)
    letters(page).nth(0).get_by_role("button", name="Archive").click()
    letters(page).nth(5).locator(".entry").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(letters(page).nth(4).locator(".entry")).to_have_attribute("aria-expanded", "true")
    expect(letters(page)).to_have_count(10)
    page.keyboard.press("Enter")
    expect(letters(page)).to_have_count(6)
    page.keyboard.press("Home")
    page.keyboard.press("Delete")
    expect(letters(page)).to_have_count(5)
    see_badge(page, 8)
    expect(letters(page).nth(0).locator(".entry")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    see_badge(page, 7)
    page.keyboard.press("Escape")
    expect(page.locator("also-inbox .panel")).to_be_hidden()
    expect(bell(page)).to_be_focused()


def test_when_the_last_line_goes_the_panel_has_the_focus(site, inbox_of):
    office(site).notify("lou", title="The only one")
    page = inbox_of("lou")
    bell(page).click()
    expect(letters(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(letters(page).locator(".entry")).to_be_focused()
    page.keyboard.press("Delete")
    expect(letters(page)).to_have_count(0)
    expect(page.get_by_role("dialog", name="Inbox")).to_be_focused()


def test_a_digest_that_was_opened_is_closed_when_the_panel_comes_again(site, inbox_of):
    fill(site, "pia")
    page = inbox_of("pia")
    bell(page).click()
    page.locator("also-inbox .entry", has_text="4 new in").click()
    expect(letters(page)).to_have_count(10)
    page.keyboard.press("Escape")
    expect(page.locator("also-inbox .panel")).to_be_hidden()
    bell(page).click()
    expect(letters(page)).to_have_count(6)


def test_the_lists(site, inbox_of):
    fill(site, "lea")
    page = inbox_of("lea")
    bell(page).click()
    page.get_by_role("button", name="Unread", exact=True).click()
    lunch = page.locator("also-inbox .entry", has_text="Lunch?")
    lunch.click()
    see_badge(page, 8)
    expect(lunch).to_be_visible()  # it is not taken away from who reads it
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_role("button", name="Unread", exact=True).click()
    expect(lunch).to_have_count(0)
    page.get_by_label("Category").select_option("message")
    expect(letters(page)).to_have_count(1)
    page.get_by_role("button", name="Archive", exact=True).last.click()
    expect(page.locator("also-inbox .empty")).to_have_text("Nothing unread. Well done.")
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(letters(page)).to_have_count(1)
    page.get_by_role("button", name="Put back").click()
    expect(page.locator("also-inbox .empty")).to_have_text("Nothing is archived.")
    page.get_by_label("Category").select_option("")
    page.get_by_role("button", name="All", exact=True).click()
    expect(letters(page)).to_have_count(6)
    see_badge(page, 8)


def test_what_is_marked_offline_is_sent_after_the_reconnect(site, inbox_of, pictures):
    fill(site, "olga")
    elsewhere = inbox_of("olga")
    see_badge(elsewhere, 9)
    with Line(site.port) as line:
        page = inbox_of("olga", line.url)
        page.person.expect_complaints(r"WebSocket|net::ERR")
        bell(page).click()
        expect(letters(page)).to_have_count(6)
        line.fall_silent()
        line.hang_up()
        expect(page.locator("also-inbox .state")).to_have_text("Offline. What you mark now is sent when you are back.")
        page.locator("also-inbox .entry", has_text="Lunch?").click()
        letters(page).nth(1).get_by_role("button", name="Archive").click()
        see_badge(page, 7)
        page.screenshot(path=pictures / "inbox-offline.png", animations="disabled")
        office(site).notify("olga", title="Meanwhile")
        see_badge(elsewhere, 10)
        line.resume()
        see_badge(page, 8)
        see_badge(elsewhere, 8)
        expect(letters(page).first).to_contain_text("Meanwhile")
        expect(page.locator("also-inbox .state")).to_have_text("")


def test_what_a_closed_page_could_not_send_the_next_one_sends(site, inbox_of):
    fill(site, "paul")
    elsewhere = inbox_of("paul")
    with Line(site.port) as line:
        page = inbox_of("paul", line.url)
        page.person.expect_complaints(r"WebSocket|net::ERR")
        bell(page).click()
        expect(letters(page)).to_have_count(6)
        line.fall_silent()
        line.hang_up()
        expect(page.locator("also-inbox .state")).to_contain_text("Offline")
        page.get_by_role("button", name="Mark all as read").click()
        see_badge(page, 0)
        see_badge(elsewhere, 9)
        page.close(run_before_unload=True)
        line.resume()
        again = page.person.open(page.url)
        see_badge(again, 0)
        see_badge(elsewhere, 0)
        again.wait_for_function("localStorage.length === 0")


def test_words_are_text_and_links_lead_to_pages(site, inbox_of):
    back_end = office(site)
    back_end.notify("eve", title=MARKUP, body=MARKUP, url="mailto:ann@example.org", sender={"id": "x", "name": MARKUP})
    back_end.notify("eve", title="A page", url="/?body=there")
    page = inbox_of("eve")
    bell(page).click()
    expect(letters(page).nth(1).locator(".heading")).to_have_text(MARKUP)
    expect(page.locator("also-inbox .letters img")).to_have_count(0)
    expect(page.locator("also-inbox .letters a")).to_have_count(1)
    page.evaluate(
        "document.addEventListener('also-inbox:open', (event) => { window.opened = event.detail.title; event.preventDefault() })"
    )
    page.locator("also-inbox .entry", has_text="A page").click()
    assert page.evaluate("window.opened") == "A page"
    expect(page.locator("also-inbox .panel")).to_be_hidden()
    see_badge(page, 1)


def test_a_link_marks_as_read_and_leads_there(site, inbox_of):
    office(site).notify("lin", title="A page", url="/?body=there")
    elsewhere, page = inbox_of("lin"), inbox_of("lin")
    bell(page).click()
    page.locator("also-inbox .entry", has_text="A page").click()
    page.wait_for_url("**/?body=there")
    see_badge(elsewhere, 0)


def test_edits_and_recalls_reach_the_screen(site, inbox_of):
    sent = office(site).notify("rae", title="Frist", body="Sentence")
    page = inbox_of("rae")
    bell(page).click()
    expect(letters(page)).to_contain_text("Frist")
    office(site).edit(sent.id, title="First")
    expect(letters(page)).to_contain_text("First")
    office(site).recall(sent.id)
    expect(page.locator("also-inbox .empty")).to_have_text("Nothing here yet.")
    see_badge(page, 0)


def test_many(site, inbox_of):
    office(site).notify_many([{"to": ["max"], "title": f"No. {number}", "category": "system"} for number in range(120)])
    page = inbox_of("max")
    expect(page.locator("also-inbox .badge")).to_have_text("99+")
    bell(page).click()
    more = page.get_by_role("button", name="Show more")
    for count in (30, 60, 90):
        expect(letters(page)).to_have_count(count)
        more.press("Enter")
    expect(letters(page)).to_have_count(120)
    expect(more).to_be_hidden()
    expect(page.get_by_role("dialog", name="Inbox")).to_be_focused()


def test_the_bell_keeps_its_place_and_a_visitor_is_told_to_sign_in(site, page_with):
    page = page_with(BELL)
    before = page.locator("also-inbox").bounding_box()
    bell(page).click()
    expect(page.locator("also-inbox .empty")).to_have_text("Sign in to see your messages.")
    expect(bell(page)).to_have_accessible_name("Inbox")
    assert page.locator("also-inbox").bounding_box() == before


def test_a_digest_is_read_as_one(site, inbox_of):
    fill(site, "dan")
    page = inbox_of("dan")
    bell(page).click()
    line = letters(page).filter(has_text=f"4 new in {TOPIC}")
    line.get_by_role("button", name="Mark as read").click()
    see_badge(page, 5)
    expect(letters(page)).to_have_count(9)


def test_in_the_archive_each_is_a_line_of_its_own(site, inbox_of):
    fill(site, "ada")
    page = inbox_of("ada")
    bell(page).click()
    page.locator("also-inbox .entry", has_text="4 new in").click()
    for left in (9, 8, 7, 5):  # with its last one the digest goes
        page.locator("also-inbox li[data-inside]").first.get_by_role("button", name="Archive").click()
        expect(letters(page)).to_have_count(left)
    page.get_by_role("button", name="Archive", exact=True).first.click()
    expect(letters(page)).to_have_count(4)
    expect(page.locator("also-inbox li[data-digest], also-inbox li[data-inside]")).to_have_count(0)
