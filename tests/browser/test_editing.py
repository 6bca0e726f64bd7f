"""<also-editing>: who edits, who waits, and what they are told. Two people in browsers of their own, at a real server."""

from __future__ import annotations

import signal
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from alsohere import AlsoHere
from browser.axe import assert_accessible
from browser.line import Line
from support.servers import SECRET, ServerProcess

SITE = "tests/browser/own_page.py"
TIMES = {"ALSOHERE_DRAIN_S": "0.1", "ALSOHERE_LOCK_GRACE_S": "5"}
PATIENCE_MS = 20_000
QUICK = TIMES | {"ALSOHERE_LOCK_REQUEST_S": "2", "ALSOHERE_LOCK_IDLE_S": "1", "ALSOHERE_LOCK_WARNING_S": "5"}
FORM = '<form><fieldset id="f" disabled><label>Price <input name="price"></label><button>Save</button></fieldset></form>'
HEAR = """() => {
  window.heard = [];
  for (const name of ["held", "lost", "requested", "released"])
    addEventListener("also-editing:" + name, ({ detail }) => heard.push([name, detail?.reason ?? detail?.by?.name ?? detail?.fence ?? null]));
}"""


@pytest.fixture(scope="module")
def site():
    with ServerProcess(SITE, "{port}", env=TIMES) as server:
        yield server


@pytest.fixture(scope="module")
def quick():
    """A server that has no patience."""
    with ServerProcess(SITE, "{port}", env=QUICK) as server:
        yield server


def body(lock: str, name: str, attributes: str = 'for="#f"', form: str = FORM, **claims) -> str:
    """A page with a form, for somebody with a name."""
    token = AlsoHere(secret=SECRET).token(name.lower(), name=name, **claims)
    sign_in = (
        f'<script type="module">import {{ connect }} from "/alsohere.js"; connect(undefined, {{ token: "{token}" }})</script>'
    )
    return f'{sign_in}<main><h1>Page</h1><also-editing lock="{lock}" {attributes}></also-editing>{form}</main>'


def says(page, text: str, *buttons: str) -> None:
    """Wait for these words and these buttons."""
    expect(page.locator("also-editing .notice .text")).to_have_text(text)
    expect(page.locator("also-editing .notice .action")).to_have_text(list(buttons))


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def fence(page) -> int:
    return int(page.locator("[name=fence]").input_value())


def price(page):
    return page.locator("[name=price]")


def focused(page) -> str:
    """The class or the name of what has the focus."""
    return page.evaluate(
        "(() => { let at = document.activeElement; while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
        " return at.name || at.className || at.localName; })()"
    )


MINE, FREE = "You are editing this.", "Nobody is editing this."


def both(page_with, lock: str, **options):
    """Ann, who edits, and Bob."""
    ann, bob = page_with(body(lock, "Ann"), **options), page_with(body(lock, "Bob"), **options)
    for page in (ann, bob):
        page.evaluate(HEAR)
    says(ann, FREE, "Edit")
    press(ann, "Edit")
    says(ann, MINE, "Done")
    says(bob, "Ann is editing this.", "Ask to edit", "Wait in line")
    return ann, bob


def test_one_edits_and_the_other_sees_who(page_with):
    ann, bob = both(page_with, "/one")
    expect(price(ann)).to_be_focused()
    expect(price(ann)).to_be_editable()
    expect(price(bob)).to_be_disabled()
    expect(bob.locator("also-editing .detail").first).to_contain_text("since")
    assert fence(ann) > 0
    assert ann.evaluate("Number(new FormData(document.forms[0]).get('fence'))") == fence(ann)
    assert ann.evaluate("document.querySelector('also-editing').fence") == fence(ann)
    assert ann.locator("#f").get_attribute("data-also-editing") == "open"
    press(ann, "Done")
    says(bob, FREE, "Edit")
    expect(price(ann)).to_be_disabled()
    assert ann.evaluate("document.forms[0].fence.value") == ""
    assert [name for name, _ in ann.evaluate("heard")] == ["held", "released"]


def test_who_asks_gets_it_when_the_holder_says_so(page_with):
    ann, bob = both(page_with, "/ask")
    first = fence(ann)
    price(ann).fill("66")
    press(bob, "Ask to edit")
    says(bob, "Ann has been asked to let you edit.", "Stop waiting")
    expect(bob.locator("also-editing .detail").first).to_have_text("Yours in 20 s at the latest")
    question = ann.get_by_role("alertdialog", name="Bob would like to edit this")
    expect(question).to_be_visible()
    expect(question).to_contain_text("Save what you have.")
    question.get_by_role("button", name="Hand over now").click()
    says(ann, "It was handed over to Bob.", "Ask to edit", "OK")
    says(bob, MINE, "Done")
    assert fence(bob) > first
    expect(price(ann)).to_be_disabled()
    assert price(ann).input_value() == "66"  # what was not saved is still there
    assert ann.evaluate("heard") == [["held", first], ["requested", "Bob"], ["lost", "handed_over"]]
    press(ann, "OK")
    says(ann, "Bob is editing this.", "Ask to edit", "Wait in line")


def test_all_of_it_with_the_keyboard(page_with):
    ann, bob = page_with(body("/keys", "Ann")), page_with(body("/keys", "Bob"))
    says(ann, FREE, "Edit")
    ann.keyboard.press("Tab")
    ann.keyboard.press("Enter")
    says(ann, MINE, "Done")
    assert focused(ann) == "price"
    ann.keyboard.type("6")
    says(bob, "Ann is editing this.", "Ask to edit", "Wait in line")
    bob.keyboard.press("Tab")
    bob.keyboard.press("Enter")
    says(bob, "Ann has been asked to let you edit.", "Stop waiting")
    expect(ann.get_by_role("alertdialog")).to_be_visible()
    assert focused(ann) == "dialog"
    ann.keyboard.type("  \n")  # in the middle of a word: answers nothing
    expect(ann.get_by_role("alertdialog")).to_be_visible()
    ann.keyboard.press("Escape")
    expect(ann.get_by_role("alertdialog")).to_be_hidden()
    assert focused(ann) == "price"
    ann.keyboard.type("6")
    assert price(ann).input_value() == "66"
    says(ann, "Bob would like to edit this.", "Hand over now")
    ann.keyboard.press("Shift+Tab")
    ann.keyboard.press("Enter")
    says(ann, "It was handed over to Bob.", "Ask to edit", "OK")
    assert focused(ann) == "notice"
    says(bob, MINE, "Done")
    assert focused(bob) == "price"  # the button that had the focus is gone


def test_who_does_not_answer_hands_over_when_the_time_is_up(quick, page_with):
    ann, bob = both(page_with, "/late", at=quick.url)
    ann.locator("[name=price]").focus()
    press(bob, "Ask to edit")
    expect(ann.get_by_role("alertdialog")).to_contain_text("it goes to Bob, also if you do nothing")
    says(bob, MINE, "Done")
    says(ann, "It was handed over to Bob.", "Ask to edit", "OK")
    expect(ann.get_by_role("alertdialog")).to_be_hidden()
    assert focused(ann) == "notice"


def test_who_is_idle_while_somebody_waits_is_warned_and_may_go_on(quick, page_with):
    ann, bob = both(page_with, "/idle", at=quick.url)
    press(bob, "Wait in line")
    says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
    expect(ann.locator("also-editing .detail").first).to_have_text("Bob waits")
    press(ann, "I am still editing")
    expect(ann.get_by_role("alertdialog")).to_be_hidden()
    says(ann, MINE, "Done")
    expect(ann.get_by_role("alertdialog", name="Are you still editing?")).to_be_visible()  # and after another while
    says(ann, "You did nothing here for a while, and somebody waited. Bob is editing this.", "Ask to edit", "OK")
    says(bob, MINE, "Done")


def test_escape_in_the_question_about_idleness_means_i_am_here(quick, page_with):
    ann, bob = both(page_with, "/typing", at=quick.url)
    press(bob, "Wait in line")
    expect(ann.get_by_role("alertdialog", name="Are you still editing?")).to_be_visible()
    ann.keyboard.press("Escape")
    expect(ann.get_by_role("alertdialog")).to_be_hidden()
    says(ann, MINE, "Done")
    says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")


def test_everybody_knows_their_place_in_line(page_with):
    ann, bob = both(page_with, "/line")
    press(bob, "Wait in line")
    cleo = page_with(body("/line", "Cleo"))
    expect(cleo.locator("also-editing .detail").first).to_contain_text("1 person waits")
    press(cleo, "Wait in line")
    says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
    says(cleo, "Ann is editing this. You are number 2 in line.", "Ask to edit", "Stop waiting")
    expect(ann.locator("also-editing .detail").first).to_have_text("Bob and Cleo wait")
    press(cleo, "Ask to edit")
    expect(bob.locator("also-editing .detail").first).to_have_text("Cleo has asked for it")
    ann.keyboard.press("Escape")
    press(bob, "Stop waiting")
    says(bob, "Ann is editing this.", "Wait in line")
    says(cleo, "Ann has been asked to let you edit.", "Stop waiting")
    ann.close()
    says(cleo, MINE, "Done")


def test_a_second_tab_takes_it_there_and_back(page_with):
    ann, _ = both(page_with, "/tabs")
    second = ann.context.new_page()
    second.goto(ann.url)
    says(second, "You are editing this in another tab.", "Edit here instead")
    first = fence(ann)
    press(second, "Edit here instead")
    says(second, MINE, "Done")
    says(ann, "You went on editing in another tab.", "Edit here instead", "OK")
    expect(price(ann)).to_be_disabled()
    assert fence(second) > first
    press(ann, "Edit here instead")
    says(ann, MINE, "Done")
    says(second, "You went on editing in another tab.", "Edit here instead", "OK")


def test_a_refresh_keeps_it_with_the_same_fence_and_a_place_in_line_too(page_with):
    ann, bob = both(page_with, "/refresh")
    press(bob, "Wait in line")
    says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
    before = fence(ann)
    for _ in range(2):
        ann.reload()
        says(ann, MINE, "Done")
        assert fence(ann) == before
        bob.reload()
        says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
    press(ann, "Done")
    says(bob, MINE, "Done")


def test_auto_begins_to_edit_and_to_wait_without_a_click(page_with):
    ann = page_with(body("/auto", "Ann", 'for="#f" auto'))
    says(ann, MINE, "Done")
    bob = page_with(body("/auto", "Bob", 'for="#f" auto'))
    says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
    assert focused(ann) == "body"  # nobody clicked: nobody's focus is moved
    ann.evaluate("document.querySelector('also-editing').remove()")
    says(bob, MINE, "Done")
    expect(price(ann)).to_be_disabled()  # as the page had it


@pytest.mark.parametrize("form", ['<form id="f"><input name="price"></form>', '<div id="f" contenteditable>Text</div>'])
def test_what_is_no_fieldset_is_made_inert(page_with, form):
    page = page_with(body(f"/inert{len(form)}", "Ann", form=form))
    says(page, FREE, "Edit")
    target = page.locator("#f")
    assert target.evaluate("(target) => target.inert")
    press(page, "Edit")
    says(page, MINE, "Done")
    assert not target.evaluate("(target) => target.inert")
    press(page, "Done")
    says(page, FREE, "Edit")
    assert target.evaluate("(target) => target.inert")


def test_two_people_edit_two_fields_of_one_room(page_with):
    fields = "".join(
        f'<also-editing lock="/fields#{name}" for="#{name}"></also-editing><form><input id="{name}" name="{name}" disabled></form>'
        for name in ("price", "line")
    )
    ann, bob = (page_with(body("/fields#price", name, 'for="#price"', form=fields)) for name in ("Ann", "Bob"))
    for page, number in ((ann, 1), (bob, 2)):
        page.locator("also-editing").nth(number).get_by_role("button", name="Edit").click()
    for page, mine, theirs, other in ((ann, "price", "line", "Bob"), (bob, "line", "price", "Ann")):
        expect(page.locator(f"#{mine}")).to_be_editable()
        expect(page.locator(f"#{theirs}")).to_be_disabled()
        expect(page.locator(f'[lock="/fields#{theirs}"] .notice .text').last).to_have_text(f"{other} is editing this.")
        assert int(page.locator(f"form:has(#{mine}) [name=fence]").input_value()) > 0


def test_a_form_that_comes_later_is_closed_and_opened_too(page_with):
    page = page_with(body("/later", "Ann", form=""))
    page.person.expect_complaints("nothing on this page is #f")
    press(page, "Edit")
    says(page, MINE, "Done")
    page.evaluate("(form) => document.querySelector('main').insertAdjacentHTML('beforeend', form)", FORM)
    expect(price(page)).to_be_editable()
    assert fence(page) > 0
    page.evaluate("(form) => { document.forms[0].outerHTML = form }", FORM)  # as a framework does
    expect(price(page)).to_be_editable()
    press(page, "Done")
    expect(price(page)).to_be_disabled()


def test_a_short_loss_of_the_network_changes_nothing(site, page_with):
    with Line(site.port) as line:
        ann = page_with(body("/network", "Ann"), at=line.url)
        ann.person.expect_complaints(r"WebSocket|net::ERR")
        press(ann, "Edit")
        says(ann, MINE, "Done")
        before = fence(ann)
        line.hang_up()
        expect(ann.locator("also-editing .detail").first).to_have_text("Reconnecting…")
        expect(price(ann)).to_be_editable()
        expect(ann.locator("also-editing .detail").first).to_have_text("")
        assert fence(ann) == before
        says(ann, MINE, "Done")


def test_who_may_not_is_told_so(page_with):
    page = page_with(body("/private", "Ann", rooms=["/public"]))
    page.person.expect_complaints("also-editing")
    says(page, FREE, "Edit")
    press(page, "Edit")
    says(page, "You may not edit this.")
    expect(price(page)).to_be_disabled()


def test_names_are_text(page_with):
    markup = "<img src=x onerror=alert(1)>"
    ann, bob = page_with(body("/names", markup)), page_with(body("/names", "Bob"))
    press(ann, "Edit")
    says(bob, f"{markup} is editing this.", "Ask to edit", "Wait in line")
    expect(bob.locator("also-editing img")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, {"width": 390, "height": 760}])
def test_every_state_fits_and_a_checker_finds_nothing(page_with, pictures, scheme, size):
    lock = f"/looks-{scheme}-{size['width']}"
    ann, bob = both(page_with, lock, viewport=size, color_scheme=scheme, reduced_motion="reduce")
    for page in (ann, bob):
        page.evaluate("document.documentElement.lang = 'en'; document.documentElement.style.colorScheme = 'light dark'")

    def look(page, state: str) -> None:
        page.screenshot(path=pictures / f"editing-{state}-{scheme}-{size['width']}.png", animations="disabled")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert_accessible(page)

    look(ann, "mine")
    look(bob, "theirs")
    press(bob, "Ask to edit")
    says(bob, "Ann has been asked to let you edit.", "Stop waiting")
    look(bob, "asked")
    expect(ann.get_by_role("alertdialog")).to_be_visible()
    look(ann, "question")
    box = ann.locator("also-editing .dialog").bounding_box()
    assert box["x"] >= 8
    assert box["x"] + box["width"] <= size["width"] - 8
    ann.get_by_role("alertdialog").get_by_role("button", name="Hand over now").click()
    says(ann, "It was handed over to Bob.", "Ask to edit", "OK")
    look(ann, "lost")
    press(bob, "Done")
    press(ann, "OK")
    says(ann, FREE, "Edit")
    look(ann, "free")


@pytest.mark.parametrize(("motion", "animation"), [("reduce", "none"), ("no-preference", "shrink")])
def test_motion_is_for_those_who_like_it(page_with, motion, animation):
    ann, bob = both(page_with, f"/motion-{motion}", reduced_motion=motion)
    press(bob, "Ask to edit")
    expect(ann.get_by_role("alertdialog")).to_be_visible()
    expect(ann.locator("also-editing .bar")).to_have_css("animation-name", animation)


def test_a_restart_of_the_server_keeps_the_lock_and_the_place(person, tmp_path):
    env = TIMES | {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/locks.db", "ALSOHERE_LOCK_GRACE_S": "20"}
    people = [person(), person()]
    with ServerProcess(SITE, "{port}", env=env) as server:
        ann, bob = (
            somebody.open(f"{server.url}/?{urlencode({'body': body('/restart', name)})}")
            for somebody, name in zip(people, ("Ann", "Bob"), strict=True)
        )
        press(ann, "Edit")
        says(ann, MINE, "Done")
        press(bob, "Wait in line")
        says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
        before = fence(ann)
        for somebody in people:
            somebody.expect_complaints(r"WebSocket|net::ERR")
        server.stop(signal.SIGKILL)
        expect(ann.locator("also-editing .detail").first).to_have_text("Reconnecting…")
        expect(price(ann)).to_be_editable()
    with ServerProcess(SITE, "{port}", env=env, port=server.port):
        expect(ann.locator("also-editing .detail").first).to_have_text("Bob waits", timeout=PATIENCE_MS)
        assert fence(ann) == before
        says(bob, "Ann is editing this. You are next.", "Ask to edit", "Stop waiting")
        press(ann, "Done")
        says(bob, MINE, "Done")
        assert fence(bob) > before


def test_a_page_that_may_not_connect_says_so(page_with):
    page = page_with(body("/refused", "Ann").replace("token:", "token: 'forged' +"))
    page.person.expect_complaints("forged|also-editing")
    says(page, "Editing is not possible here: not connected.")
    expect(price(page)).to_be_disabled()
