"""examples/site_messages in browsers: mail between two people, what was missed, receipts, and the site's own voice."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/site_messages/server.py")
PHONE = {"viewport": {"width": 375, "height": 720}}


@pytest.fixture
def site(tmp_path):
    env = {
        "SITE_DB": str(tmp_path / "site.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/alsohere.db",
        "ALSOHERE_DRAIN_S": "0.1",
    }
    with ServerProcess(SERVER, "--port", "{port}", env=env, ready="/login") as server:
        yield server.url


def write(page, to, title, text, category=None):
    if category:
        page.get_by_label("As").select_option(category)
    page.get_by_label("To", exact=True).fill(to)
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("output")).to_have_text("Sent")
    expect(page.locator("#sent li").filter(has_text=f"{title} → {to}")).to_be_visible()


def unread(page, category, number):
    badge = page.get_by_role("navigation").get_by_role("button", name=category).locator(".badge")
    expect(badge).to_have_text(str(number) if number else "")


def fits(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_mail_goes_to_every_tab_and_its_receipts_come_back(site, person, pictures):
    ann, phone = person(), person(**PHONE, color_scheme="dark")
    writer, first = ann.sign_in(site, "ann", "Ann Lee"), phone.sign_in(site, "ben", "Ben")
    second = phone.open(site + "/")
    expect(first.locator("#none")).to_be_visible()
    write(writer, "ben", "Lunch?", "At one,\nat the <b>corner</b>.")
    for page in (first, second):
        mail = page.locator("#list li.unread")
        expect(mail).to_contain_text("Ann Lee (ann)")
        expect(mail.locator(".text")).to_have_text("At one,\nat the <b>corner</b>.")
        unread(page, "Mail", 1)
        expect(page).to_have_title("(1) Messages")
    expect(writer.locator("#sent")).to_have_text("Lunch? → ben: seen by ben")
    first.screenshot(path=pictures / "site-messages-phone.png", full_page=True, animations="disabled")
    first.locator("#list li.unread").click()
    for page in (first, second):
        expect(page.locator("#list li.unread")).to_have_count(0)
        unread(page, "Mail", 0)
    expect(writer.locator("#sent")).to_have_text("Lunch? → ben: read by ben")
    for page in (writer, first):
        fits(page)


def test_what_was_missed_is_there_after_signing_in_read_and_unread_apart(site, person, pictures):
    admin, ann = person().sign_in(site, "admin", "Ada"), person().sign_in(site, "ann", "Ann Lee")
    write(ann, "ben", "First", "Before you came")
    write(ann, "ben", "Second", "Also before")
    for category, name in (("announcement", "Closed on Friday"), ("reminder", "Order 7 waits"), ("system", "A new browser")):
        write(admin, "everyone" if category == "announcement" else "ben", name, "…", category)
    reader = person()
    page = reader.sign_in(site, "ben", "Ben")
    for category, number in (("Mail", 2), ("Announcements", 1), ("Reminders", 1), ("System", 1), ("Publications", 0)):
        unread(page, category, number)
    page.get_by_text("First").click()
    unread(page, "Mail", 1)
    page.reload()
    unread(page, "Mail", 1)
    expect(page.locator("#list li")).to_have_count(2)
    expect(page.locator("#list li.unread")).to_contain_text("Second")
    page.screenshot(path=pictures / "site-messages-desktop.png", animations="disabled")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page).to_have_title("(3) Messages")
    page.get_by_role("button", name="Announcements").click()
    expect(page.locator("#list li")).to_contain_text("Closed on Friday")
    unread(ann, "Announcements", 1)
    fits(page)
    admin.screenshot(path=pictures / "site-messages-staff.png", animations="disabled")


def test_groups_and_the_library(site, person):
    pages = [person().sign_in(site, login, login.title()) for login in ("ann", "ben", "cem")]
    ann, ben, cem = pages
    for page in (ann, ben):
        page.get_by_label("Kitchen").check()
    ben.get_by_role("checkbox", name="A year with bees").check()
    ben.reload()
    for label in ("Kitchen", "A year with bees"):
        expect(ben.get_by_role("checkbox", name=label)).to_be_checked()
    write(ann, "kitchen", "Soup", "At noon")
    expect(ben.locator("#list li.unread")).to_contain_text("Ann (ann) to kitchen")
    cem.once("dialog", lambda dialog: dialog.accept("June: swarms"))
    cem.get_by_role("button", name="Publish in A year with bees").click()
    unread(ben, "Subscriptions", 1)
    unread(cem, "Publications", 1)
    unread(cem, "Mail", 0)
    cem.get_by_label("To", exact=True).fill("kitchen")
    cem.get_by_label("Text").fill("Me too")
    cem.get_by_role("button", name="Send").click()
    expect(cem.locator("output")).to_have_text("Join the group first.")


def test_a_page_without_a_session_goes_to_sign_in(site, person):
    ann = person()
    page = ann.sign_in(site, "ann", "Ann")
    other = ann.open(site + "/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(site + "/login")
    expect(other.locator("#state")).to_have_text("Not connected")
    other.reload()
    other.wait_for_url(site + "/login")


def test_a_page_comes_back_and_shows_nothing_twice(tmp_path, person):
    env = {
        "SITE_DB": str(tmp_path / "site.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/alsohere.db",
        "ALSOHERE_DRAIN_S": "0.1",
    }
    reader = person()
    reader.expect_complaints("WebSocket connection|ERR_|Failed to load resource")
    with ServerProcess(SERVER, "--port", "{port}", env=env, ready="/login") as first:
        page = reader.sign_in(first.url, "ben", "Ben")
        writer = person()
        writer.expect_complaints("WebSocket connection|ERR_|Failed to load resource")
        ann = writer.sign_in(first.url, "ann", "Ann")
        write(ann, "ben", "One", "x")
        unread(page, "Mail", 1)
    expect(page.locator("#state")).to_have_text("Not connected")
    with ServerProcess(SERVER, "--port", "{port}", env=env, ready="/login", port=first.port):
        expect(page.locator("#state")).to_have_text("")
        expect(ann.locator("#state")).to_have_text("")
        write(ann, "ben", "Two", "x")
        unread(page, "Mail", 2)
        expect(page.locator("#list li")).to_have_count(2)
