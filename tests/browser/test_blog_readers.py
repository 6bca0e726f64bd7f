"""examples/blog_readers as readers use it, with the client that the server carries and with the original's older one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from interop.conftest import node_packages  # noqa: F401 - a fixture: the older client is one of them
from support.servers import ServerProcess, wait_for

SERVER = str(Path(__file__).parents[2] / "examples/blog_readers/server.py")
OLDER = Path(__file__).parents[1] / "interop/node/node_modules/sio47/dist/socket.io.min.js"
PHONE = {"viewport": {"width": 375, "height": 720}}


@pytest.fixture(scope="module")
def blog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blog")
    env = {
        "BLOG_DB": str(folder / "blog.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{folder}/alsohere.db",
        "ALSOHERE_LEAVE_GRACE_S": "1",
        "ALSOHERE_DRAIN_S": "0.1",
    }
    with ServerProcess(SERVER, "--port", "{port}", env=env) as server:
        yield server


@pytest.fixture
def kettle(blog):
    return blog.url + "/posts/kettle"


def scroll(page, share):
    page.evaluate("(share) => scrollTo(0, share * (document.documentElement.scrollHeight - innerHeight))", share)


def other(page):
    """The bar of the only other reader."""
    return page.locator("#timeline button:not(.own)")


def see(page, readers):
    expect(page.locator("#company")).to_have_text(f"{readers} readers here" if readers > 1 else "")
    expect(page.locator("#timeline button")).to_have_count(readers)
    expect(page.locator("#timeline")).to_be_visible(visible=readers > 1)


def sign_in(page, login, name):
    page.get_by_text("Sign in", exact=True).first.click()
    page.get_by_label("Login").fill(login)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#signed-in b")).to_have_text(name)


def test_readers_see_each_other_s_place(kettle, person, pictures):
    ann, ben = person().open(kettle), person(**PHONE, color_scheme="dark").open(kettle)
    for page in (ann, ben):
        see(page, 2)
    scroll(ben, 1)
    expect(other(ann)).to_have_attribute("aria-label", re.compile(r"^Reader \w\w: 100%$"))
    scroll(ann, 0.5)
    expect(other(ben)).to_have_attribute("aria-label", re.compile(r": (?!0%|100%)\d+%$"))
    expect(ann.locator("#online")).to_have_text("2 online")
    for page, name in ((ann, "desktop"), (ben, "phone")):
        other(page).hover()
        page.screenshot(path=pictures / f"blog-{name}.png", animations="disabled")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_somebody_with_two_tabs_is_one_reader(kettle, person):
    ann, reader = person().open(kettle), person()
    tabs = [reader.open(kettle), reader.open(kettle)]
    see(ann, 2)
    expect(ann.locator("#online")).to_have_text("2 online")
    scroll(tabs[0], 1)
    expect(other(ann)).to_have_attribute("aria-label", re.compile(r": 100%$"))
    scroll(tabs[1], 1)
    scroll(tabs[1], 0)  # the newest is what others see
    expect(other(ann)).to_have_attribute("aria-label", re.compile(r": 0%$"))
    tabs[1].close()
    expect(other(ann)).to_have_attribute("aria-label", re.compile(r": 100%$"))
    tabs[0].close()
    see(ann, 1)
    expect(ann.locator("#online")).to_have_text("1 online")


def test_a_reload_and_a_turned_page_do_not_flicker(kettle, blog, person):
    ann, ben = person().open(kettle), person().open(kettle)
    see(ann, 2)
    shown = (
        "() => { const seen = (window.seen = []); const look = () => seen.push(document.querySelector('#company').textContent);"
    )
    ann.evaluate(shown + "look(); new MutationObserver(look).observe(document.querySelector('#company'), { childList: true }) }")
    ben.reload()
    see(ben, 2)
    scroll(ben, 1)
    expect(other(ann)).to_have_attribute("aria-label", re.compile(r": 100%$"))
    assert set(ann.evaluate("seen")) == {"2 readers here"}
    ben.goto(blog.url + "/notes/ferry")
    see(ann, 1)
    expect(ann.locator("#online")).to_have_text("2 online")


def test_who_signs_in_stays_where_they_are(kettle, person, pictures):
    ann, ben = person().open(kettle), person(**PHONE).open(kettle)
    see(ann, 2)
    sign_in(ben, "owner", "Ada")
    expect(other(ann)).to_have_attribute("aria-label", re.compile("^Ada: "))
    for page in (ann, ben):
        see(page, 2)
        expect(page.locator("#online")).to_have_text("2 online")
    ben.screenshot(path=pictures / "blog-signed-in.png", animations="disabled")
    tab = ben.context.new_page()
    tab.goto(kettle)  # a page that has her cookie from the start
    see(tab, 2)
    expect(ann.locator("#online")).to_have_text("2 online")
    tab.close()
    ben.get_by_role("button", name="Sign out").click()
    expect(other(ann)).to_have_attribute("aria-label", re.compile("^Reader "))
    see(ann, 2)


def test_the_list_says_what_is_being_read(kettle, blog, person, pictures):
    page = person(**PHONE).open(blog.url)
    reads = int(re.search(r'id="reads">(\d+)', page.request.get(kettle).text())[1])
    reader = person().open(kettle)
    row = page.locator("li", has_text="kettle")
    expect(row.locator(".reading")).to_have_text("1 reading", timeout=15_000)
    page.screenshot(path=pictures / "blog-list.png", animations="disabled", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    person().open(kettle)
    expect(reader.locator("#reads")).to_have_text(str(reads + 2))
    reader.get_by_role("button", name="I like this").click()
    expect(reader.get_by_role("button", name="You like this")).to_be_disabled()


def test_the_list_says_what_was_read_most(kettle, blog, person):
    reader, page = person().open(kettle), person().open(blog.url)
    expect(reader.locator("#online")).to_have_text("2 online")
    reader.close()

    def listed():
        page.reload()
        return page.locator(".ranking li", has_text="kettle").count()

    wait_for(listed, what="the kettle among what was read most")
    expect(page.locator(".days")).to_have_text(re.compile(r"Today: at most \d+ online at a time, \d+ visits"))


@pytest.mark.usefixtures("node_packages")
def test_the_older_client_sees_the_same(kettle, person):
    reader, ann = person(), person().open(kettle)
    reader.context.route("**/socket.io/socket.io.js", lambda route: route.fulfill(path=OLDER, content_type="text/javascript"))
    page = reader.open(kettle)
    for each in (page, ann):
        see(each, 2)
    assert "v4.7.4" in OLDER.read_text()[:200]
    scroll(page, 1)
    expect(other(ann)).to_have_attribute("aria-label", re.compile(r": 100%$"))
