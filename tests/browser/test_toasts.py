"""<also-toasts>: what arrives shows itself, once, and does not get in anybody's way."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from browser.axe import assert_accessible
from browser.mail import office, signed_in
from support.servers import wait_for

TOASTS = "<also-inbox></also-inbox><main><h1>Page</h1></main><also-toasts></also-toasts>"

WATCH_MOTION = """() => {
  window.began = [];
  for (const name of ["also-inbox", "also-toasts"])
    document.querySelector(name).shadowRoot.addEventListener("animationstart", () => began.push(name));
}"""


def toasts(page):
    return page.locator("also-toasts .toast")


def see_badge(page, count: int) -> None:
    expect(page.locator("also-inbox .badge")).to_have_text(str(count) if count else "")


@pytest.fixture
def page_of(page_with):
    """Open a page of a user who is told of what arrives; the page is ready when it has the inbox."""

    def open_page(user, **options):
        page = page_with(signed_in(user, TOASTS), **options)
        expect(page.locator("also-inbox .bell")).to_have_accessible_name("Inbox, nothing unread")
        return page

    return open_page


@pytest.mark.parametrize("look", ["desktop-light", "phone-dark"])
def test_it_comes_says_what_it_is_and_goes(site, page_of, pictures, look):
    size, scheme = look.split("-")
    page = page_of(look, viewport={"width": 390 if size == "phone" else 900, "height": 700}, color_scheme=scheme)
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'; document.documentElement.lang = 'en'")
    before = page.evaluate("document.body.scrollHeight")
    office(site).notify(look, title="Lunch?", body="At one, at the corner.", sender={"id": "ben", "name": "Ben Okafor"})
    expect(page.get_by_role("status").filter(has_text="Lunch?")).to_be_visible()
    office(site).notify(look, category="system", title="The shop burns", critical=True)
    expect(page.get_by_role("alert")).to_contain_text("The shop burns")
    page.screenshot(path=pictures / f"toasts-{look}.png", animations="disabled")
    assert_accessible(page)
    assert page.evaluate("document.body.scrollHeight") == before
    expect(toasts(page).filter(has_text="Lunch?")).to_have_count(0)
    expect(toasts(page)).to_have_text(["The shop burns"])


def test_who_opens_the_inbox_has_seen_them(site, page_of):
    page = page_of("ines")
    office(site).notify("ines", category="system", title="The shop burns", critical=True)
    for number in range(8):
        office(site).notify("ines", title=f"No. {number}")
    expect(toasts(page)).to_have_count(3)
    see_badge(page, 9)
    page.locator("also-inbox .bell").click()
    expect(toasts(page)).to_have_text(["The shop burns"])
    office(site).notify("ines", title="No. 8")
    expect(toasts(page).filter(has_text="No. 8")).to_have_count(1)
    expect(page.locator("also-inbox [data-unread]")).to_have_count(10)


def test_it_stays_while_somebody_points_at_it(site, page_of):
    page = page_of("pia")
    page.clock.install()
    office(site).notify("pia", title="Look")
    toasts(page).hover()
    page.clock.run_for(60_000)
    expect(toasts(page)).to_have_count(1)
    page.mouse.move(0, 0)
    page.clock.run_for(7_000)
    expect(toasts(page)).to_have_count(0)
    see_badge(page, 1)


def test_a_click_reads_it_and_leads_there(site, page_of):
    page = page_of("cal")
    office(site).notify("cal", title="A page", url="/?body=there")
    toasts(page).get_by_role("link", name="A page").click()
    page.wait_for_url("**/?body=there")
    assert office(site).inbox("cal").unread.total == 0


def test_escape_and_the_cross_close_and_leave_it_unread(site, page_of):
    page = page_of("esme")
    office(site).notify("esme", title="One")
    office(site).notify("esme", title="Two")
    expect(toasts(page)).to_have_count(2)
    page.keyboard.press("Escape")
    expect(toasts(page)).to_have_text(["One"])
    toasts(page).get_by_role("button", name="Close").click()
    expect(toasts(page)).to_have_count(0)
    see_badge(page, 2)


def test_at_most_three_at_a_time_and_many_are_one_line(site, page_of):
    page = page_of("max")
    office(site).notify_many([{"to": ["max"], "title": f"No. {number}"} for number in range(12)])
    see_badge(page, 12)
    expect(toasts(page)).to_have_count(3)
    expect(page.locator("also-toasts")).to_contain_text("more in your inbox", timeout=15_000)


def test_read_in_one_tab_it_is_gone_in_the_others(site, page_of):
    page = page_of("rob")
    sent = office(site).notify("rob", title="One", critical=True)
    expect(toasts(page)).to_have_count(1)
    page.evaluate(f"here.inbox().mark({{ ids: [{sent.id}], as: 'read' }})")
    expect(toasts(page)).to_have_count(0)
    sent = office(site).notify("rob", title="Two", critical=True)
    expect(toasts(page)).to_have_count(1)
    office(site).recall(sent.id)
    expect(toasts(page)).to_have_count(0)


def test_one_of_several_tabs_shows_it(site, page_of):
    first = page_of("una")
    tabs = [first, first.person.open(first.url), first.person.open(first.url)]
    for number in range(3):
        office(site).notify("una", title=f"No. {number}", critical=True)
        for tab in tabs:
            see_badge(tab, number + 1)
        wait_for(lambda title=f"No. {number}": shown(tabs, title))
    assert [shown(tabs, f"No. {number}") for number in range(3)] == [1, 1, 1]


def shown(tabs, title: str) -> int:
    return sum(toasts(tab).filter(has_text=title).count() for tab in tabs)


def look_at(page, visible: bool) -> None:
    """As if the tab came to the front, or went behind another one."""
    hidden = "true" if not visible else "false"
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }})")
    page.evaluate("void document.dispatchEvent(new Event('visibilitychange'))")


def test_a_tab_that_nobody_looks_at_waits_and_shows_what_no_other_has(site, page_of):
    front = page_of("vic")
    behind = front.person.open(front.url)
    see_badge(behind, 0)
    look_at(behind, visible=False)
    office(site).notify("vic", title="One", critical=True)
    expect(toasts(front)).to_have_text(["One"])
    look_at(front, visible=False)
    office(site).notify("vic", title="Two", critical=True)
    see_badge(front, 2)
    see_badge(behind, 2)
    assert (toasts(front).count(), toasts(behind).count()) == (1, 0)
    look_at(behind, visible=True)
    expect(toasts(behind)).to_have_text(["Two"])
    look_at(front, visible=True)
    expect(toasts(front)).to_have_text(["One"])


def test_silent_ones_are_silent(site, page_of):
    page = page_of("sil")
    office(site).notify("sil", category="publication", title="Quiet")
    see_badge(page, 1)
    expect(toasts(page)).to_have_count(0)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_it_moves_only_for_those_who_like_motion(site, page_of, motion):
    page = page_of(f"mo-{motion}", reduced_motion=motion)
    page.evaluate(WATCH_MOTION)
    office(site).notify(f"mo-{motion}", title="Look", critical=True)
    expect(toasts(page)).to_have_count(1)
    page.locator("also-inbox .bell").click()
    expect(page.locator("also-inbox .entry")).to_be_visible()
    page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")
    assert sorted(set(page.evaluate("began"))) == ([] if motion == "reduce" else ["also-inbox", "also-toasts"])


def test_the_bell_and_the_toasts_ask_one_question(site, page_with):
    page = page_with("<main></main>")
    frames = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(str(frame))))
    page.goto(site.url + "/?" + urlencode({"body": signed_in("quin", TOASTS)}))
    expect(page.locator("also-inbox .bell")).to_have_accessible_name("Inbox, nothing unread")
    while not (asked := [frame for frame in frames if "inbox:list" in frame]):
        page.wait_for_timeout(10)  # the page may be ahead of what is told about its frames
    assert len(asked) == 1


def test_without_web_locks_every_tab_shows_it(site, page_with):
    take = "<script>Object.defineProperty(navigator, 'locks', { value: undefined })</script>"
    page = page_with(take + signed_in("wil", TOASTS))
    expect(page.locator("also-inbox .bell")).to_have_accessible_name("Inbox, nothing unread")
    office(site).notify("wil", title="Look", critical=True)
    expect(toasts(page)).to_have_count(1)
