"""examples/fastapi_app: presence mounted below /here of somebody else's application, under uvicorn's own WebSockets."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/fastapi_app/server.py")


def test_people_who_signed_in_see_each_other(person, pictures):
    with ServerProcess(SERVER, "--port", "{port}", ready="/login") as server:
        stranger = person()
        stranger.expect_complaints("<also-here>|Authentication error")
        pages = [person().open(server.url) for _ in range(2)]
        sockets = []
        pages[0].on("websocket", lambda socket: sockets.append(socket.url))
        for page, name in zip(pages, ("Ann Lee", "Ben"), strict=True):
            page.get_by_label("Your name").fill(name)
            page.get_by_role("button", name="Sign in").click()
            page.goto(server.url + "/notes/plan")
        for page, names in zip(pages, (["Ann Lee (you)", "Ben"], ["Ben (you)", "Ann Lee"]), strict=True):
            expect(page.locator("also-here .face")).to_have_count(2)
            assert [face.get_attribute("aria-label") for face in page.locator("also-here .face").all()] == names
        assert [urlsplit(url).path for url in sockets][-1] == "/here/socket.io/"  # where the script came from, without a src
        pages[0].screenshot(path=pictures / "fastapi.png", animations="disabled")
        outside = stranger.open(server.url + "/notes/plan")  # the page is public, presence is for those who signed in
        expect(outside.get_by_role("heading")).to_have_text("Plan")
        pages[1].goto(server.url + "/notes/ideas")
        expect(pages[0].locator("also-here .face")).to_have_count(1)
        expect(outside.locator("also-here .face")).to_have_count(0)
