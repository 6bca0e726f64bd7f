"""The app of docs/howto/lock-a-form.md: a plain form, and a save that comes too late."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.pages import ROOT, blocks_of
from support.servers import ServerProcess, uvicorn

PAGE = ROOT / "docs/howto/lock-a-form.md"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The app as it stands in the how-to, in a folder of its own."""
    app = next(block for block in blocks_of(PAGE) if block.mark == "run: product.py")
    (tmp_path / "product.py").write_text(app.text)
    monkeypatch.chdir(tmp_path)
    with ServerProcess(*uvicorn("product:app", "--app-dir", str(tmp_path)), ready="/products/7") as server:
        yield server


def notice(page):
    return page.locator("also-editing .notice .text")


def button(page, name: str):
    return page.locator("also-editing .notice").get_by_role("button", name=name, exact=True)


def save(page, price: str) -> None:
    page.get_by_label("Price").fill(price)
    page.get_by_role("button", name="Save").click()


def test_a_plain_form_is_saved_and_who_comes_too_late_is_refused(shop, person):
    people = [person(), person()]
    for somebody in people:
        somebody.expect_complaints("favicon")
    ann = people[0].open(shop.url + "/products/7")
    button(ann, "Edit").click()
    save(ann, "66")
    expect(ann.get_by_label("Price")).to_have_value("66")
    expect(notice(ann)).to_have_text("You are editing this.")  # posted and back: the same tab goes on
    bob = people[1].open(shop.url + "/products/7")
    button(bob, "Ask to edit").click()
    ann.get_by_role("alertdialog").get_by_role("button", name="Let me finish").click()
    before = ann.evaluate("document.forms[0].fence.value")
    button(ann, "Hand over now").click()
    expect(notice(bob)).to_have_text("You are editing this.")
    # Ann's save was already on its way: what the browser would have sent a moment before.
    answer = ann.request.post(shop.url + "/products/7", form={"price": "1", "fence": before})
    assert answer.status == 409
    assert "somebody else edits this by now" in answer.text()
    save(bob, "68")
    expect(bob.get_by_label("Price")).to_have_value("68")
    answer = ann.request.post(shop.url + "/products/7", form={"price": "1", "fence": str(10**12)})  # made up
    assert answer.status == 409
    ann.reload()
    expect(ann.get_by_label("Price")).to_have_value("68")
