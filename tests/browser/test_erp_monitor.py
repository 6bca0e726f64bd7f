"""The back office of examples/erp_monitor, with its article's client, as two operators use it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.line import Line
from browser.people import record, recorded, recorded_at
from support.servers import ServerProcess, wait_for

SERVER = str(Path(__file__).parents[2] / "examples/erp_monitor/server.py")
ANN, BEN = "Ann Lee (login: ann, id: 1)", "Ben (login: ben, id: 2)"
LOST = r"WebSocket|net::ERR|status of 400"  # 400: a poll of a session that the server has given up
PATIENCE_MS = 15_000


@pytest.fixture
def start(tmp_path):
    """Start the office; again on the same port and database, if it is given one."""

    def start(port=None, **env) -> ServerProcess:
        settings = {"OFFICE_DB": str(tmp_path / "office.db"), "ALSOHERE_DRAIN_S": "0.1"} | env
        return ServerProcess(SERVER, "--port", "{port}", env=settings, port=port)

    return start


@pytest.fixture
def office(start):
    with start() as server:
        yield server


@pytest.fixture
def ann(office, person):
    """The page that watches, on the first product."""
    page = person().sign_in(office.url, "ann", "Ann Lee")
    page.goto(office.url + "/products/1")
    expect(page.locator("#sockstat")).to_have_text("connected")
    return page


def see(page, listed, *people):
    expect(page.locator(f"#{listed} li")).to_have_text(list(people))


def test_who_is_online_and_who_is_on_this_page(office, ann, person):
    see(ann, "online", ANN)
    see(ann, "alsohere", ANN)
    ben = person().sign_in(office.url, "ben", "Ben")
    see(ann, "online", ANN, BEN)
    see(ann, "alsohere", ANN)
    ben.goto(office.url + "/products/1#price")
    for page in (ann, ben):
        see(page, "alsohere", ANN, BEN)
    ben.goto(office.url + "/products/2")
    see(ann, "alsohere", ANN)
    see(ben, "alsohere", BEN)


def test_ten_tabs_of_one_person_are_one_entry(office, ann, person):
    ben = person()
    ben.sign_in(office.url, "ben", "Ben")
    see(ann, "online", ANN, BEN)
    record(ann, "#online")
    tabs = [ben.open(office.url + "/products/1", "commit") for _ in range(9)]
    for tab in tabs:
        see(tab, "alsohere", ANN, BEN)
    see(ann, "alsohere", ANN, BEN)
    for tab in tabs:
        tab.close()
    see(ann, "alsohere", ANN)
    assert recorded(ann, "#online") == [[ANN, BEN]]


def test_changing_page_does_not_flicker(office, ann, person):
    ben = person().sign_in(office.url, "ben", "Ben")
    see(ann, "online", ANN, BEN)
    record(ann, "#online")
    record(ann, "#alsohere")
    for path in ("/products/1", "/orders", "/", "/products/1"):
        ben.goto(office.url + path)
        see(ben, "online", ANN, BEN)
        see(ann, "alsohere", *([ANN, BEN] if path == "/products/1" else [ANN]))
    ben.close()
    see(ann, "online", ANN)
    assert recorded(ann, "#online") == [[ANN, BEN], [ANN]]
    assert recorded(ann, "#alsohere") == [[ANN], [ANN, BEN], [ANN], [ANN, BEN], [ANN]]


@pytest.mark.parametrize("leave", ["close", "go_back"])
def test_leaving_removes_at_once(office, ann, person, leave):
    page = person().sign_in(office.url, "ben", "Ben")
    upgrades = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda packet: packet == "5" and upgrades.append(packet)))
    page.goto(office.url + "/products/1")
    see(ann, "alsohere", ANN, BEN)
    # socket.io-client begins with polling, whose end is not told; "5" is its last step to a WebSocket.
    wait_for(lambda: page.title() and upgrades, what="the upgrade")
    record(ann, "#online")
    began = time.monotonic()
    getattr(page, leave)()
    see(ann, "alsohere", ANN)
    assert time.monotonic() - began < 1.5
    assert recorded(ann, "#online") == [[ANN, BEN]]


def test_signing_out_removes_every_tab_at_once(office, ann, person):
    ben = person()
    tabs = [ben.sign_in(office.url, "ben", "Ben"), ben.open(office.url + "/orders")]
    see(ann, "online", ANN, BEN)
    tabs[0].get_by_role("button", name="Sign out").click()
    see(ann, "online", ANN)
    expect(tabs[1].locator("#sockstat")).to_have_text("lost")
    tabs[1].reload()
    expect(tabs[1]).to_have_url(office.url + "/login")


def test_a_page_without_a_session_is_refused(office, ann, person):
    stranger = person()
    stranger.expect_complaints("WebSocket is closed before the connection is established")  # refused while it was upgrading
    stranger.expect_complaints("400 .*transport=polling")  # its goodbye may overtake its last poll, which finds no session
    page = stranger.open(office.url + "/login")
    page.add_script_tag(url="/socket.io/lib/socket.io.js")
    refusal = page.evaluate(
        "new Promise((done) => io.connect(location.origin).on('connect_error', (error) => done(error.message)))"
    )
    assert refusal == "Authentication error"
    see(ann, "online", ANN)


def test_names_are_text(office, ann, person):
    name = "<img src=x onerror=alert(1)>"
    person().sign_in(office.url, "ben", name)
    see(ann, "online", f"{name} (login: ben, id: 2)", ANN)
    expect(ann.locator("#online img")).to_have_count(0)


def test_lost_is_shown_only_after_half_a_second(office, person):
    operator = person()
    with Line(office.port) as line:
        operator.expect_complaints(LOST)
        page = operator.sign_in(line.url, "ann", "Ann Lee")
        see(page, "online", ANN)
        record(page, "#sockstat")
        hung_up_s = page.evaluate("performance.now()") / 1000
        line.hang_up()
        page.wait_for_function("document.getElementById('sockstat').history.length === 3")
        assert recorded(page, "#sockstat") == [["connected"], ["lost"], ["connected"]]
        assert recorded_at(page, "#sockstat", "lost") - hung_up_s >= 0.5
        see(page, "alsohere", ANN)


def test_a_browser_that_dies_silently_goes_after_the_heartbeat(start, person):
    with start(ALSOHERE_PING_INTERVAL_S="1", ALSOHERE_PING_TIMEOUT_S="1") as office, Line(office.port) as line:
        ann, operator = person().sign_in(office.url, "ann", "Ann Lee"), person()
        operator.expect_complaints(LOST)
        ben = operator.sign_in(line.url, "ben", "Ben")
        see(ann, "online", ANN, BEN)
        line.fall_silent()
        began = time.monotonic()
        see(ann, "online", ANN)
        assert time.monotonic() - began < 5  # the heartbeat, a second for the count, and slow machines
        expect(ben.locator("#sockstat")).to_have_text("lost")


def test_after_a_restart_the_lists_come_back_by_themselves(start, person):
    people = [person(), person()]
    with start() as office:
        pages = [people[0].sign_in(office.url, "ann", "Ann Lee"), people[1].sign_in(office.url, "ben", "Ben")]
        for page, somebody in zip(pages, people, strict=True):
            see(page, "alsohere", ANN, BEN)
            somebody.expect_complaints(LOST)
        office.stop(signal.SIGKILL)
        for page in pages:
            expect(page.locator("#sockstat")).to_have_text("lost")
    with start(port=office.port):
        for page in pages:
            expect(page.locator("#sockstat")).to_have_text("connected", timeout=PATIENCE_MS)
            for listed in ("online", "alsohere"):
                expect(page.locator(f"#{listed} li")).to_have_count(2)
