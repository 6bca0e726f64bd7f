"""examples/document_occupied: its React hook in three browsers."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/document_occupied/server.py")
FREE = "Nobody else is on this document."
OCCUPIED = "Somebody is already on this document. You are told when it is free."
RELEASED = "It is your turn: whoever was on this document has left."


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    env = {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('documents')}/alsohere.db", "ALSOHERE_DRAIN_S": "0.1"}
    with ServerProcess(SERVER, "--port", "{port}", env=env) as server:
        yield server


@pytest.fixture
def visit(server, person):
    """Somebody opens a document, in a browser of their own."""

    def visit(document, expected, **options):
        page = person(**options).open(f"{server.url}/#{document}")
        see(page, expected)
        return page

    return visit


def see(page, message):
    expect(page.get_by_role("status")).to_have_text(message)
    expect(page.get_by_label("Text")).to_be_editable(editable=message != OCCUPIED)


def test_the_first_leaves_and_the_next_is_told(visit, pictures):
    phone = {"viewport": {"width": 375, "height": 720}}
    first = visit(1, FREE)
    second = visit(1, OCCUPIED, color_scheme="dark", **phone)
    third = visit(1, OCCUPIED, **phone)
    for page, name in ((first, "free"), (second, "occupied")):
        page.screenshot(path=pictures / f"document-{name}.png", animations="disabled")
    first.close()  # the tab, without a word
    see(second, RELEASED)
    second.screenshot(path=pictures / "document-released.png", animations="disabled")
    see(third, OCCUPIED)
    visit(1, OCCUPIED).close()
    second.close()
    see(third, RELEASED)


def test_every_document_is_held_by_itself(visit):
    visit(2, FREE)
    page = visit(3, FREE)
    page.get_by_role("link", name="Offer to Harbour Works").click()  # the page is loaded again, as the hook joins once
    see(page, OCCUPIED)
    visit(3, FREE)


def test_a_window_of_the_same_person_is_another_one(visit, server):
    """The page says of nobody who they are, and a document that is open twice would be saved twice."""
    page = visit(2, FREE)
    tab = page.context.new_page()
    tab.goto(f"{server.url}/#2")
    see(tab, OCCUPIED)
    page.close()
    see(tab, RELEASED)
