"""examples/push_server in a browser: its own page, and a page of another server that does what the article's does."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.polls import ask
from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/push_server/server.py")
PHONE = {"viewport": {"width": 375, "height": 720}}
OK = '{"responseCode":0,"data":"OK!"}'

# Asks for a token, logs in at every connect, and logs what it hears.
ARTICLE = """<!doctype html><title>Client</title><link rel="icon" href="data:,"><h1>You know nothing.</h1>
<script src="URL/socket.io/socket.io.js"></script>
<script>
  window.heard = [];
  const msgSocket = io("URL", { reconnectionAttempts: 10 });
  const tokenId = prompt("Please enter your tokenId", "1");
  msgSocket.on("connect", () => msgSocket.emit("user_login", { userId: 1234, socketId: msgSocket.id, tokenId }));
  msgSocket.on("receive_message", (msg) => heard.push(msg));
</script>"""


@pytest.fixture(scope="module")
def server():
    with ServerProcess(SERVER, "--port", "{port}", env={"ALSOHERE_DRAIN_S": "0.1"}) as server:
        yield server


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def article(server, tmp_path_factory):
    """The address of a page of another server on this machine."""
    folder = tmp_path_factory.mktemp("article")
    (folder / "index.html").write_text(ARTICLE.replace("URL", server.url))
    with HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://localhost:{host.server_port}/"
        host.shutdown()


def post(server, **body):
    answer = ask(server.url, "/api", "POST", json.dumps(body), Content_Type="application/json")
    assert answer.text == OK


def listening(page, token):
    expect(page.locator("#state")).to_have_text(f"Listening as {token}")
    return page


def test_a_message_is_in_every_tab_at_once(server, person, pictures):
    jon, arya = person(), person(**PHONE, color_scheme="dark")
    tabs = [listening(jon.open(server.url), "1"), listening(jon.open(server.url), "1")]
    other = listening(arya.open(server.url + "/?token=2"), "2")
    post(server, tokens=[1], entityType="like", data={"text": "Arya likes your photo"})
    post(server, tokens=["1", "2"], entityType="comment", data="<b>Winter</b> is coming")
    for page, texts in ((tabs[0], 2), (tabs[1], 2), (other, 1)):
        expect(page.locator("#messages li")).to_have_count(texts)
        expect(page.locator("#messages li pre").first).to_have_text("<b>Winter</b> is coming")
    expect(tabs[0].locator("#messages li").last).to_contain_text("Arya likes your photo")
    for page, name in ((tabs[0], "desktop"), (other, "phone")):
        page.get_by_text("Send one").click()
        page.screenshot(path=pictures / f"push-{name}.png", animations="disabled")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_can_play_the_back_end(server, person):
    jon, arya = person().open(server.url + "/?token=jon"), person().open(server.url + "/?token=arya")
    listening(arya, "arya")
    page = listening(jon, "jon")
    page.get_by_text("Send one").click()
    page.get_by_label("To tokens").fill("arya, nobody")
    page.get_by_label("Text").fill("Where are you?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("output")).to_have_text("OK!")
    expect(arya.locator("#messages li")).to_contain_text("Where are you?")
    expect(page.locator("#none")).to_be_visible()
    page.get_by_label("Token", exact=True).fill("arya")
    page.get_by_role("button", name="Listen").click()
    listening(page, "arya")


def test_a_page_comes_back_after_the_server_was_away(person):
    with ServerProcess(SERVER, "--port", "{port}", env={"ALSOHERE_DRAIN_S": "0.1"}) as first:
        jon = person()
        jon.expect_complaints("WebSocket connection|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|CONNECTION_RESET")
        page = listening(jon.open(first.url), "1")
    expect(page.locator("#state")).to_have_text("Not connected")
    with ServerProcess(SERVER, "--port", "{port}", env={"ALSOHERE_DRAIN_S": "0.1"}, port=first.port) as second:
        listening(page, "1")
        post(second, tokens=["1"], data="again")
        expect(page.locator("#messages li")).to_have_count(1)


def test_the_article_s_page_hears_what_its_back_end_posts(server, article, person):
    tabs = []
    for token in ("jon", "jon", "arya"):
        page = person().context.new_page()
        page.on("dialog", lambda dialog, token=token: dialog.accept(token))
        page.goto(article)
        page.wait_for_function("msgSocket.connected && msgSocket.io.engine.transport.name === 'websocket'")
        page.evaluate("new Promise((done) => msgSocket.emit('no-such-event', done))")  # it has logged in
        tabs.append(page)
    post(server, tokens=["jon"], entityType="follow", data={"by": "Sam"})
    for page in tabs[:2]:
        page.wait_for_function("heard.length")
        assert page.evaluate("heard") == [{"entityType": "follow", "data": {"by": "Sam"}}]
    assert tabs[2].evaluate("new Promise((done) => msgSocket.emit('no-such-event', () => done(heard)))") == []
    assert tabs[0].evaluate("msgSocket.id === msgSocket.io.engine.id")


def test_bytes_and_text_of_every_plane_over_long_polling(server, person):
    """In a browser, a client 2 takes binary bodies."""
    page = listening(person().open(server.url), "1")
    page.evaluate("() => { window.polling = io({ transports: ['polling'], forceNew: true }); }")
    page.wait_for_function("polling.connected")
    page.evaluate("() => { window.heard = []; polling.on('receive_message', (msg) => heard.push(msg)); }")
    page.evaluate("new Promise((done) => polling.emit('user_login', { tokenId: 'p', bytes: new Uint8Array([1, 2, 255]) }, done))")
    for text in ("é ✓ 👋", "plain", "7:4 colon"):
        post(server, tokens=["p"], data=text)
    page.wait_for_function("heard.length === 3")
    assert [message["data"] for message in page.evaluate("heard")] == ["é ✓ 👋", "plain", "7:4 colon"]
