"""The settings of <also-inbox>: what somebody does not want to hear of, and when; from a line's menu and behind the gear."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.axe import assert_accessible
from browser.line import Line
from browser.mail import TOPIC, fill, muted, office, signed_in, wishes

BELL = "<header style='display:flex;justify-content:flex-end'><also-inbox></also-inbox></header><main><h1>Page</h1></main>"
TOASTS = "<also-toasts></also-toasts>"
PRAGUE = {"timezone_id": "Europe/Prague", "locale": "en-GB"}


def letters(page):
    return page.locator("also-inbox .letters li")


def said(page):
    return page.locator("also-inbox").get_by_role("status")


def menu_of(page, text: str):
    letters(page).filter(has_text=text).get_by_role("button", name="More").click()
    return page.get_by_role("menu", name="More")


def choose(page, text: str, what: str) -> None:
    menu_of(page, text).get_by_role("menuitem", name=what).click()


@pytest.fixture
def inbox_of(page_with):
    """Open a page of a user, with the panel open."""

    def open_page(user, at=None, elements=BELL, **options):
        page = page_with(signed_in(user, elements), at, **PRAGUE | options)
        page.evaluate("document.documentElement.lang = 'en'")
        page.locator("also-inbox .bell").click()
        return page

    return open_page


def settings(page):
    page.get_by_role("button", name="Settings").click()
    return page.get_by_role("dialog", name="Settings")


def test_a_topic_is_muted_from_its_line_and_that_is_undone(site, inbox_of):
    office(site).notify("mia", category="subscription", title="Comment 1", topic=TOPIC)
    page = inbox_of("mia", elements=BELL + TOASTS)
    choose(page, "Comment 1", f"Mute topic {TOPIC}")
    expect(said(page)).to_contain_text(f"{TOPIC} is muted.")
    assert wishes(site, "mia") == muted(topics=[TOPIC])
    expect(letters(page)).to_contain_text("muted")
    office(site).notify("mia", category="subscription", title="Comment 2", topic=TOPIC)
    office(site).notify("mia", category="subscription", title="Of another one", topic="/post/2")
    expect(page.locator("also-toasts .toast").filter(has_text="Of another one")).to_be_visible()
    expect(page.locator("also-toasts .toast").filter(has_text="Comment 2")).to_have_count(0)
    expect(letters(page).filter(has_text="Comment 2")).to_be_visible()  # it stands there all the same
    page.get_by_role("button", name="Undo").press("Enter")
    expect(said(page)).to_contain_text(f"{TOPIC} is not muted any more.")
    expect(page.get_by_role("dialog", name="Inbox")).to_be_focused()
    assert wishes(site, "mia") == muted()


def test_a_category_is_muted_from_its_line_and_told_in_every_tab(site, inbox_of):
    fill(site, "cleo")
    page = inbox_of("cleo")
    elsewhere = inbox_of("cleo")
    boxes = settings(elsewhere)
    expect(boxes.get_by_label("Reminder")).to_be_checked()
    choose(page, "Order 2217", "Mute category Reminder")
    expect(boxes.get_by_label("Reminder")).not_to_be_checked()
    boxes.get_by_label("Reminder").check()
    expect(said(elsewhere)).to_contain_text("Reminder is not muted any more.")
    boxes.get_by_label("System").uncheck()
    expect(letters(page).filter(has_text="A new browser")).to_contain_text("muted")
    choose(page, "A new browser", "Unmute category System")
    expect(boxes.get_by_label("System")).to_be_checked()
    wishes(site, "cleo", muted(categories=["gone"], topics=["/post/9"]))
    expect(boxes.get_by_label("gone")).not_to_be_checked()
    boxes.get_by_role("button", name="Unmute topic /post/9").press("Enter")
    expect(boxes).to_contain_text("None. A topic is muted in the menu of a message.")
    expect(elsewhere.locator("also-inbox .settings")).to_be_focused()
    expect(said(elsewhere)).to_contain_text("/post/9 is not muted any more.")  # it is kept
    assert wishes(site, "cleo") == muted(["gone"])


def test_quiet_hours_are_saved_at_once_in_the_zone_of_the_browser(site, inbox_of):
    page = inbox_of("quinn")
    panel = settings(page)
    on = panel.get_by_label("Only what is critical pops up")
    expect(panel.get_by_label("From")).to_be_hidden()
    on.check()
    expect(said(page)).to_have_text("Saved.")
    assert wishes(site, "quinn")["quiet"] == {"from": "22:00", "to": "07:00", "tz": "Europe/Prague"}
    elsewhere = settings(inbox_of("quinn", timezone_id="America/New_York"))
    expect(elsewhere.get_by_label("From")).to_have_value("22:00")
    panel.get_by_label("From").fill("20:30")
    expect(elsewhere.get_by_label("From")).to_have_value("20:30")
    expect(elsewhere).to_contain_text("Time of Europe/Prague, every day.")
    elsewhere.get_by_label("To", exact=True).fill("08:15")
    expect(panel.get_by_label("To", exact=True)).to_have_value("08:15")
    assert wishes(site, "quinn")["quiet"] == {"from": "20:30", "to": "08:15", "tz": "Europe/Prague"}
    elsewhere.get_by_role("button", name="Use the time of America/New York").click()
    expect(panel).to_contain_text("Time of America/New York, every day.")
    assert wishes(site, "quinn")["quiet"] == {"from": "20:30", "to": "08:15", "tz": "America/New_York"}
    on.uncheck()
    expect(elsewhere.get_by_label("From")).to_be_hidden()
    assert wishes(site, "quinn")["quiet"] is None


def test_with_the_keyboard_alone(site, inbox_of):
    fill(site, "kit")
    page = inbox_of("kit")
    press = page.keyboard.press
    item = page.get_by_role("menuitem")
    expect(letters(page)).to_have_count(6)
    press("ArrowDown")
    for _ in range(3):
        press("Tab")
    more = letters(page).nth(0).get_by_role("button", name="More")
    expect(more).to_be_focused()
    press("Enter")
    expect(item.nth(0)).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "true")
    press("ArrowUp")
    expect(item.last).to_be_focused()
    press("Escape")
    expect(page.get_by_role("menu")).to_be_hidden()
    expect(more).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "false")
    press("Enter")
    press("Tab")  # on from the button
    expect(page.get_by_role("menu")).to_be_hidden()
    expect(page.get_by_role("dialog", name="Inbox")).to_be_visible()
    more.focus()
    press("Enter")
    press("End")
    press("Enter")
    expect(said(page)).to_contain_text("Message is muted.")
    expect(more).to_be_focused()
    page.get_by_role("button", name="Settings").focus()
    press("Enter")
    expect(page.get_by_role("button", name="Back to the inbox")).to_be_focused()
    for _ in range(3):  # close, the quiet hours, the first category
        press("Tab")
    expect(page.get_by_label("Announcement")).to_be_focused()
    press("Space")
    expect(said(page)).to_contain_text("Announcement is muted.")
    page.get_by_role("button", name="Back to the inbox").press("Enter")
    expect(page.get_by_role("button", name="Settings")).to_be_focused()
    expect(letters(page)).to_have_count(6)
    page.get_by_role("button", name="Settings").press("Enter")
    press("Escape")
    expect(page.locator("also-inbox .panel")).to_be_hidden()
    expect(page.locator("also-inbox .bell")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("dialog", name="Inbox")).to_be_visible()  # it begins with the list
    assert wishes(site, "kit") == muted(["announcement", "message"])


def test_the_menu_is_one_for_all_lines(site, inbox_of):
    fill(site, "lou")
    page = inbox_of("lou")
    menu = menu_of(page, "Lunch?")
    expect(menu.get_by_role("menuitem")).to_have_text(["Mark as read", "Archive", "Mute category Message"])
    menu_of(page, "A new browser")
    expect(menu.get_by_role("menuitem").last).to_have_text("Mute category System")
    letters(page).filter(has_text="A new browser").get_by_role("button", name="More").click()
    expect(menu).to_be_hidden()
    choose(page, "A new browser", "Archive")
    expect(letters(page)).to_have_count(5)
    page.get_by_role("button", name="Archive", exact=True).first.click()
    expect(menu_of(page, "A new browser").get_by_role("menuitem")).to_have_text(["Put back", "Mute category System"])


def test_what_cannot_be_saved_is_said_and_taken_back(site, inbox_of):
    fill(site, "max")
    wishes(site, "max", muted(topics=[f"/topic/{number}" for number in range(200)]))
    page = inbox_of("max")
    choose(page, "Lunch?", "Mute category Message")
    expect(said(page)).to_contain_text("You have muted as much as is possible. Unmute something first.")
    expect(letters(page).filter(has_text="Lunch?")).not_to_contain_text("muted")
    panel = settings(page)
    panel.get_by_label("Message").click()
    expect(panel.get_by_label("Message")).to_be_checked()
    expect(panel.get_by_role("button", name="Unmute topic")).to_have_count(200)


def test_without_a_connection_nothing_is_changed(site, inbox_of, pictures):
    fill(site, "ole")
    with Line(site.port) as line:
        page = inbox_of("ole", line.url)
        page.person.expect_complaints(r"WebSocket|net::ERR")
        mute = menu_of(page, "Lunch?").get_by_role("menuitem", name="Mute category Message")
        expect(mute).to_be_enabled()
        line.fall_silent()
        mute.click()
        expect(letters(page).filter(has_text="Lunch?")).to_contain_text("muted")  # shown at once
        line.hang_up()
        expect(said(page)).to_contain_text("Offline.")
        expect(letters(page).filter(has_text="Lunch?")).not_to_contain_text("muted")
        menu_of(page, "Lunch?")
        expect(mute).to_have_attribute("aria-disabled", "true")
        page.keyboard.press("Escape")
        panel = settings(page)
        expect(said(page)).to_have_text("Offline. Settings can be changed when you are back.")
        expect(panel.get_by_label("System")).to_be_disabled()
        assert_accessible(page)
        page.screenshot(path=pictures / "inbox-settings-offline.png", animations="disabled")
        wishes(site, "ole", muted(categories=["system"]))
        line.resume()
        expect(panel.get_by_label("System")).to_be_enabled()
        expect(panel.get_by_label("System")).not_to_be_checked()  # what was chosen elsewhere meanwhile
        panel.get_by_label("System").check()
        expect(said(page)).to_contain_text("System is not muted any more.")


@pytest.mark.parametrize("look", ["desktop-light", "desktop-dark", "phone-light", "phone-dark"])
def test_how_it_looks(site, inbox_of, pictures, look):
    size, scheme = look.split("-")
    viewport = {"width": 375, "height": 780} if size == "phone" else {"width": 1100, "height": 760}
    user = f"look-{look}"
    fill(site, user)
    wishes(site, user, muted(categories=["system"], topics=[TOPIC, "/a/topic/without/end/" + "x" * 150]))
    page = inbox_of(user, viewport=viewport, color_scheme=scheme)
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
    expect(menu_of(page, f"4 new in {TOPIC}").get_by_role("menuitem", name=f"Unmute topic {TOPIC}")).to_be_visible()
    assert_accessible(page)
    page.screenshot(path=pictures / f"inbox-menu-{look}.png", animations="disabled")
    menu = page.locator("also-inbox .menu").bounding_box()
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= viewport["width"]
    box = page.locator("also-inbox .panel").bounding_box()
    page.keyboard.press("Escape")
    panel = settings(page)
    panel.get_by_label("Only what is critical pops up").check()
    expect(said(page)).to_have_text("Saved.")
    assert_accessible(page)
    page.screenshot(path=pictures / f"inbox-settings-{look}.png", animations="disabled")
    assert page.locator("also-inbox .panel").bounding_box() == box
    assert page.locator("also-inbox .settings").evaluate("(element) => element.scrollWidth <= element.clientWidth")


def test_a_digest_of_many_is_read_as_one(site, inbox_of):
    many = [{"to": ["dora"], "title": f"Comment {number}", "category": "subscription", "topic": TOPIC} for number in range(120)]
    office(site).notify_many(many)
    office(site).notify("dora", title="Something else")
    page = inbox_of("dora")
    expect(letters(page)).to_have_count(2)
    line = letters(page).filter(has_text=f"29+ new in {TOPIC}")
    choose(page, "29+ new", f"Mute topic {TOPIC}")
    expect(line).to_contain_text("muted")
    line.get_by_role("button", name="Mark as read").click()
    expect(page.locator("also-inbox .badge")).to_have_text("1")
    page.get_by_role("button", name="Unread", exact=True).click()
    expect(letters(page)).to_have_count(1)
