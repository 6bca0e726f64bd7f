"""The back office itself: sign-in and a few pages. An ordinary web application that knows nothing of presence."""

from __future__ import annotations

import secrets
import sqlite3
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
MAX_CHARACTERS = 64
MAX_FORM_BYTES = 4096
PRODUCTS = {
    1: ("Ball bearing 6204", "4.20", 1200),
    2: ("V-belt A 1250", "11.90", 85),
    3: ("Hex bolt M8 × 40", "0.18", 40_000),
    4: ("Gear motor 0.37 kW", "289.00", 6),
}
ORDERS = [
    (10231, "Meyer & Sons", "in packing"),
    (10232, "Northwind", "waiting for 2 × Gear motor"),
    (10233, "Harbour Works", "sent"),
]
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (user_id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users);
"""
REGISTER = """
INSERT INTO users (login, name) VALUES (?, ?) ON CONFLICT (login) DO UPDATE SET name = excluded.name RETURNING user_id
"""


class Office:
    """People, sessions and pages.

    Args:
        database: a file, so that people stay signed in when the server is restarted.
    """

    def __init__(self, database: str | Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)
        self.app = Starlette(
            routes=[
                Route("/login", self.login_form),
                Route("/login", self.login, methods=["POST"]),
                Route("/", self.products),
                Route("/products/{product:int}", self.product),
                Route("/orders", self.orders),
                # Where a page of 2012 loads the client from.
                Route("/socket.io/lib/socket.io.js", lambda _: RedirectResponse("/socket.io/socket.io.js")),
                Mount("/js", StaticFiles(directory=HERE / "js")),
            ]
        )

    # -- Sessions ----------------------------------------------------------------------------------------------------

    def signed_in(self, session: str | None) -> sqlite3.Row | None:
        """Who a session cookie stands for."""
        return self._db.execute("SELECT users.* FROM sessions JOIN users USING (user_id) WHERE id = ?", [session]).fetchone()

    def sign_out(self, session: str | None) -> int | None:
        """End all sessions of the session's user; returns whose they were."""
        row = self.signed_in(session)
        if row is None:
            return None
        self._db.execute("DELETE FROM sessions WHERE user_id = ?", [row["user_id"]])
        return row["user_id"]

    async def login_form(self, _):
        return HTMLResponse((HERE / "login.html").read_text())

    async def login(self, request):
        """`POST /login` with the form fields `login` and `name`. A real office would ask for a password."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return HTMLResponse("This form is too long.", 413)
        form = parse_qs(body.decode("utf-8", "replace"))
        login, name = (form.get(field, [""])[0].strip()[:MAX_CHARACTERS] for field in ("login", "name"))
        if not login or not login.isprintable() or not name.isprintable():
            return HTMLResponse("Fill in a login and a name.", 400)
        user_id = self._db.execute(REGISTER, [login, name or login]).fetchone()[0]
        session = secrets.token_urlsafe(24)
        self._db.execute("INSERT INTO sessions VALUES (?, ?)", [session, user_id])
        response = RedirectResponse("/", 303)
        response.set_cookie("session", session, httponly=True, samesite="lax")
        return response

    # -- Pages -------------------------------------------------------------------------------------------------------

    def _page(self, request, title: str, body: str):
        user = self.signed_in(request.cookies.get("session"))
        if user is None:
            return RedirectResponse("/login", 303)
        page = (HERE / "page.html").read_text()
        for place, text in {"title": escape(title), "user": escape(user["name"]), "body": body}.items():
            page = page.replace("{{" + place + "}}", text)
        return HTMLResponse(page)

    async def products(self, request):
        rows = [
            (f'<a href="/products/{key}">{escape(name)}</a>', price, f"{stock:,}")
            for key, (name, price, stock) in PRODUCTS.items()
        ]
        return self._page(request, "Products", table(("Product", "Price", "In stock"), rows))

    async def product(self, request):
        found = PRODUCTS.get(request.path_params["product"])
        if found is None:
            return HTMLResponse("There is no such product.", 404)
        fields = zip(("Name", "Price", "In stock"), found, strict=True)
        labels = "".join(f'<label>{label}<input value="{escape(str(value))}"></label>' for label, value in fields)
        return self._page(request, found[0], f"<form>{labels}<button>Save</button></form>")

    async def orders(self, request):
        rows = [(str(number), escape(customer), escape(state)) for number, customer, state in ORDERS]
        return self._page(request, "Orders", table(("Order", "Customer", "State"), rows))


def table(heads, rows) -> str:
    """Rows of HTML as a table."""
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
