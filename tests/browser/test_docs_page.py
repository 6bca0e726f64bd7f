"""The page of the HTTP API at /docs: complete without the network, on a desk and on a phone, wherever the server is mounted."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from support.polls import ask
from support.servers import API_KEY, ServerProcess

MOUNTED = str(Path(__file__).parents[2] / "examples/fastapi_app/server.py")
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module", params=["", "/here"], ids=["alone", "mounted"])
def address(request):
    """Where the server is, alone and below another application's path."""
    if request.param:
        server = ServerProcess(MOUNTED, "--port", "{port}", ready="/login")
    else:
        server = ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env={"ALSOHERE_DATABASE_URL": "memory://"})
    with server:
        yield server.url + request.param


@pytest.fixture
def docs(address, person):
    """Open the page where nothing but its own server can be reached; `asked` is what it asked for."""

    def open_page(query="", **options):
        somebody = person(**options)
        asked = []
        somebody.context.route(
            "**/*", lambda route: route.abort() if not route.request.url.startswith(address) else route.continue_()
        )
        somebody.context.on("request", lambda request: asked.append(request.url))
        page = somebody.open(address + "/docs" + query)
        page.asked = asked
        return page

    return open_page


def document_of(address):
    parts = urlsplit(address)
    return ask(f"{parts.scheme}://{parts.netloc}", parts.path + "/api/v1/openapi.json").json()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_endpoint_is_shown_without_the_network(docs, address, pictures, size, scheme):
    page = docs(viewport=SIZES[size], color_scheme=scheme)
    methods = [(path, method.upper()) for path, methods in document_of(address)["paths"].items() for method in methods]
    expect(page.locator(".opblock")).to_have_count(len(methods))
    for path, method in methods:
        block = page.locator(f".opblock:has([data-path='{path}'])").filter(has=page.get_by_text(method, exact=True))
        expect(block).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    assert [url for url in page.asked if not url.startswith((address, "data:"))] == []
    page.screenshot(path=pictures / f"docs-{size}-{scheme}.png", animations="disabled")


def test_an_endpoint_can_be_tried_with_the_key(docs):
    page = docs()
    page.get_by_role("button", name="Authorize").click()
    page.locator(".auth-container", has_text="X-API-Key").get_by_role("textbox").fill(API_KEY)
    page.locator(".auth-container", has_text="X-API-Key").get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    room = page.locator("#operations-rooms-room")
    room.locator("button.opblock-summary-control").click()
    room.get_by_role("button", name="Try it out").click()
    room.get_by_placeholder("room").fill("/post/1 ü#")
    room.get_by_role("button", name="Execute").click()
    expect(room.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(room.locator(".live-responses-table .response-col_description pre").first).to_contain_text('"room": "/post/1 ü#"')


def test_a_link_cannot_make_the_page_show_somebody_else_s_document(docs, address):
    page = docs("?url=https://other.example/openapi.json&configUrl=https://other.example/config.json")
    expect(page.locator(".opblock").first).to_be_visible()
    assert [url for url in page.asked if not url.startswith((address, "data:"))] == []


def test_the_page_may_talk_to_its_own_server_only(address):
    parts = urlsplit(address)
    answer = ask(f"{parts.scheme}://{parts.netloc}", parts.path + "/docs")
    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
