"""examples/fenced_save with its page: who looks on, who edits, and who comes too late."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.line import Line
from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/fenced_save/server.py")
STALE = "Somebody else edits this by now. Your text was not saved: keep a copy of it, and load the page again to see theirs."
SLEPT = r"WebSocket|net::ERR|status of 40[09]"
PHONE = {"width": 375, "height": 720}


@pytest.fixture
def server(tmp_path):
    env = {
        "DOCUMENTS_DB": str(tmp_path / "documents.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/alsohere.db",
        "ALSOHERE_PING_INTERVAL_S": "1",
        "ALSOHERE_PING_TIMEOUT_S": "1",
        "ALSOHERE_LOCK_GRACE_S": "0.5",
    }
    with ServerProcess(SERVER, "--port", "{port}", env=env, ready="/login") as server:
        yield server


def arrive(somebody, url, name):
    page = somebody.open(url + "/login")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(url + "/")
    return page


def text(page):
    return page.get_by_label("Text")


def save(page):
    page.get_by_role("button", name="Save").click()


def told(page):
    return page.locator("form [role=status]")


def test_one_edits_and_then_the_other(server, person, pictures):
    ann, ben = arrive(person(), server.url, "Ann"), arrive(person(viewport=PHONE, color_scheme="dark"), server.url, "Ben")
    edit = ann.locator("also-editing").get_by_role("button", name="Edit")
    edit.click()
    expect(text(ann)).to_be_editable()
    expect(text(ben)).to_be_disabled()
    text(ann).fill("Ann was here.")
    save(ann)
    expect(told(ann)).to_have_text("Saved.")
    ben.screenshot(path=pictures / "fenced-looks-on.png", animations="disabled")
    ann.screenshot(path=pictures / "fenced-edits.png", animations="disabled")
    ann.close()
    ben.locator("also-editing").get_by_role("button", name="Edit").click()
    expect(text(ben)).to_have_value("Ann was here.")
    expect(text(ben)).to_be_editable()


def test_who_slept_through_the_end_of_their_turn_is_refused(server, person, pictures):
    sleeper = person(viewport=PHONE)
    sleeper.expect_complaints(SLEPT)
    with Line(server.port) as line:
        ann, ben = arrive(sleeper, line.url, "Ann"), arrive(person(), server.url, "Ben")
        ann.evaluate("document.querySelector('also-editing').edit()")
        expect(text(ann)).to_be_editable()
        text(ann).fill("Ann was late.")
        ben.evaluate("document.querySelector('also-editing').edit()")
        line.fall_silent()
        expect(text(ben)).to_be_editable()
        with ann.expect_response(lambda answer: answer.request.method == "PUT") as refused:
            save(ann)  # on a page that knows of nothing yet
            line.resume()
        assert refused.value.status == 409
        expect(told(ann)).to_have_text(STALE)
        expect(text(ann)).to_have_value("Ann was late.")  # to be copied
        ann.screenshot(path=pictures / "fenced-too-late.png", animations="disabled")
        text(ben).fill("Ben was here.")
        save(ben)
        expect(told(ben)).to_have_text("Saved.")
        ann.reload()
        expect(text(ann)).to_have_value("Ben was here.")
