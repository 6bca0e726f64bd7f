"""The sample site, as people use it."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from browser.line import Line
from browser.people import own_name, record, recorded
from support.servers import ServerProcess

DEMO = ("-m", "alsohere", "demo", "--no-open", "--port", "{port}")
TEA, STEEPS = "/articles/tea", "/articles/steeps"
PATIENCE_MS = 15_000
LOST = r"WebSocket|net::ERR"


@pytest.fixture
def demo():
    """A server of its own for each test: nobody is still leaving."""
    with ServerProcess(*DEMO, env={"ALSOHERE_DRAIN_S": "0.1"}) as server:
        yield server


def faces(page, selector="also-here"):
    return page.locator(f"{selector} .face")


def count(page):
    return page.locator("also-online .label")


def see(page, people, online):
    """Wait for that many faces and that count."""
    expect(faces(page)).to_have_count(people)
    expect(count(page)).to_have_text(f"{online} online")


def test_two_people_see_each_other(demo, person):
    ann, ben = person().open(demo.url + TEA), person().open(demo.url + TEA)
    for page in (ann, ben):
        see(page, 2, online=2)
    assert {own_name(ann), own_name(ben)} == {label.removesuffix(" (you)") for label in labels(ann)}
    assert own_name(ann) != own_name(ben)


def labels(page, selector="also-here"):
    return [face.get_attribute("aria-label") for face in faces(page, selector).all()]


def test_ten_tabs_are_one_person(demo, person):
    ann, ben = person().open(demo.url + TEA), person()
    tabs = [ben.open(demo.url + TEA)]
    see(ann, 2, online=2)
    record(ann, "also-here")
    record(ann, "also-online")
    both = labels(ann)
    tabs += [ben.open(demo.url + TEA, "commit") for _ in range(9)]
    for tab in tabs:
        expect(faces(tab)).to_have_count(2)
    for tab in tabs[1:]:
        tab.close()
    tabs[0].close()
    see(ann, 1, online=1)
    assert recorded(ann, "also-here") == [both, both[:1]]  # nor does anybody turn idle on the way
    assert recorded(ann, "also-online") == [["2 online"], ["1 online"]]


def test_changing_page_leaves_the_page_at_once_and_does_not_flicker_online(demo, person):
    ann, reader = person(), person()
    start, tea = ann.open(demo.url + "/"), ann.open(demo.url + TEA)
    ben = reader.open(demo.url + TEA)
    see(tea, 2, online=2)
    expect(faces(start, 'also-here[room="@online"]')).to_have_count(2)
    everyone = labels(start, 'also-here[room="@online"]')
    record(start, 'also-here[room="@online"]')
    record(tea, "also-online")
    for path in (STEEPS, "/products", "/products/kettle", TEA, STEEPS):
        ben.goto(demo.url + path)
        expect(count(ben)).to_have_text("2 online")
        expect(faces(tea)).to_have_count(2 if path == TEA else 1)
    for _ in range(3):
        ben.reload()
        see(ben, 1, online=2)
    expect(faces(start, f'also-here[room="{STEEPS}"]')).to_have_count(1)  # who only looks at it from here is not counted
    expect(faces(start, f'also-here[room="{TEA}"]')).to_have_count(1)
    ben.close()
    expect(count(tea)).to_have_text("1 online")
    assert recorded(tea, "also-online") == [["2 online"], ["1 online"]]
    assert recorded(start, 'also-here[room="@online"]') == [everyone, everyone[:1]]  # nor does anybody turn idle on the way


def test_closing_removes(demo, person):
    ann, ben = person().open(demo.url + TEA), person()
    page = ben.open(demo.url + TEA)
    see(ann, 2, online=2)
    began = time.monotonic()
    page.close()
    expect(faces(ann)).to_have_count(1)
    left_s = time.monotonic() - began
    expect(count(ann)).to_have_text("1 online")
    offline_s = time.monotonic() - began
    assert left_s < 1.5
    assert offline_s < 5  # the grace that a page change needs, and a second for the count


def test_a_dead_network_is_noticed_by_the_heartbeat(person):
    env = {"ALSOHERE_PING_INTERVAL_S": "1", "ALSOHERE_PING_TIMEOUT_S": "1"}
    with ServerProcess(*DEMO, env=env) as server, Line(server.port) as line:
        ann, reader = person().open(server.url + TEA), person()
        reader.expect_complaints(LOST)
        ben = reader.open(line.url + TEA)
        see(ann, 2, online=2)
        line.fall_silent()
        began = time.monotonic()
        see(ann, 1, online=1)
        assert time.monotonic() - began < 5  # the heartbeat, a second for the count, and slow machines
        expect(ben.locator("also-here .row")).to_have_attribute("data-stale", "")


def test_after_a_restart_the_list_comes_back_by_itself(person):
    people = [person(), person()]
    with ServerProcess(*DEMO, env={"ALSOHERE_DRAIN_S": "0.1"}) as server:
        pages = [somebody.open(server.url + TEA) for somebody in people]
        for page in pages:
            expect(faces(page)).to_have_count(2)
        names = [own_name(page) for page in pages]
        for somebody in people:
            somebody.expect_complaints(LOST)
        server.stop()
        for page in pages:
            expect(page.locator("also-here .row")).to_have_attribute("data-stale", "")
    with ServerProcess(*DEMO, port=server.port):
        for page in pages:
            expect(page.locator("also-here .row")).not_to_have_attribute("data-stale", "", timeout=PATIENCE_MS)
            see(page, 2, online=2)
        assert [own_name(page) for page in pages] == names


def test_a_note_to_somebody_who_is_here_and_what_becomes_of_it(demo, person):
    ann, ben = person().open(demo.url), person().open(demo.url + TEA)
    see_toast = ben.locator("also-toasts .toast")
    name = own_name(ben)
    ann.get_by_label("For").select_option(label=name)
    ann.get_by_role("textbox", name="Note").fill("Less water")
    ann.get_by_role("button", name="Leave it").click()
    expect(see_toast).to_contain_text("Less water")
    expect(ann.locator("#left")).to_have_text(f"{name}: it has arrived.")
    expect(ben.locator("also-inbox .badge")).to_have_text("1")
    ben.locator("also-inbox .bell").click()
    ben.locator("also-inbox .entry").click()
    expect(ann.locator("#left")).to_have_text(f"{name}: it has been read.")
    expect(see_toast).to_have_count(0)


def test_a_note_waits_for_who_has_gone(demo, person):
    ann, reader = person().open(demo.url), person()
    ben = reader.open(demo.url + TEA)
    expect(faces(ann, 'also-here[room="@online"]')).to_have_count(2)
    ann.get_by_label("For").select_option(label=own_name(ben))
    ben.close()
    expect(count(ann)).to_have_text("1 online")
    ann.get_by_role("button", name="Leave it").click()
    expect(ann.locator("#left")).to_contain_text("it is in the inbox")
    expect(reader.open(demo.url + STEEPS).locator("also-inbox .badge")).to_have_text("1")
