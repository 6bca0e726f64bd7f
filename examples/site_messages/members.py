"""The site itself: people, sessions, groups, subscriptions, pages. An ordinary web application that knows nothing of messages."""

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

FOLDER = Path(__file__).parent
STAFF = "admin"  # who signs in as this speaks for the site
MAX_BYTES = 64
MAX_FORM_BYTES = 4096
GROUPS = {"gardeners": "Gardeners", "kitchen": "Kitchen"}
RESOURCES = {"beans": "Growing beans", "bread": "Bread, slowly", "bees": "A year with bees"}
SCHEMA = """
CREATE TABLE IF NOT EXISTS people (user_id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lists (list TEXT NOT NULL, login TEXT NOT NULL, PRIMARY KEY (list, login)) WITHOUT ROWID;
"""
REGISTER = "INSERT INTO people (login, name) VALUES (?, ?) ON CONFLICT (login) DO UPDATE SET name = excluded.name"


class Members:
    """Who there is.

    Args:
        database: a file, so that people stay signed in when the server is restarted.
    """

    def __init__(self, database: str | Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/login", self.login_form),
                Route("/login", self.login, methods=["POST"]),
                Mount("/js", StaticFiles(directory=FOLDER / "js")),
            ]
        )

    # -- People ------------------------------------------------------------------------------------------------------

    def signed_in(self, session: str | None) -> sqlite3.Row | None:
        """Who a session cookie stands for."""
        return self._db.execute("SELECT people.* FROM sessions JOIN people USING (login) WHERE id = ?", [session]).fetchone()

    def sign_out(self, session: str | None) -> str | None:
        """End all sessions of the session's person; returns whose they were."""
        person = self.signed_in(session)
        if person is None:
            return None
        self._db.execute("DELETE FROM sessions WHERE login = ?", [person["login"]])
        return person["login"]

    def login_of(self, given: object) -> str | None:
        """Whom somebody means by a login or a user_id; None if that can be nobody's.

        A login that nobody has used yet may be written to: what is sent waits there.
        """
        if isinstance(given, bool) or not isinstance(given, (str, int)) or not is_login(text := str(given)):
            return None
        known = self._db.execute("SELECT login FROM people WHERE login = ?", [text]).fetchone()
        if known is None and text.isascii() and text.isdigit() and len(text) < 16:
            known = self._db.execute("SELECT login FROM people WHERE user_id = ?", [int(text)]).fetchone()
        return known["login"] if known else text

    # -- Lists: a group, and who subscribes to a resource ------------------------------------------------------------

    def join(self, which: str, login: str) -> None:
        """Put somebody on a list."""
        self._db.execute("INSERT OR IGNORE INTO lists VALUES (?, ?)", [which, login])

    def leave(self, which: str, login: str) -> None:
        """Take somebody off a list."""
        self._db.execute("DELETE FROM lists WHERE list = ? AND login = ?", [which, login])

    def on(self, which: str) -> list[str]:
        """Who is on a list."""
        return [row["login"] for row in self._db.execute("SELECT login FROM lists WHERE list = ? ORDER BY login", [which])]

    def lists_of(self, login: str) -> list[str]:
        """The lists that somebody is on."""
        return [row["list"] for row in self._db.execute("SELECT list FROM lists WHERE login = ?", [login])]

    # -- Pages -------------------------------------------------------------------------------------------------------

    async def page(self, request):
        """`GET /`."""
        person = self.signed_in(request.cookies.get("session"))
        if person is None:
            return RedirectResponse("/login", 303)
        page = (FOLDER / "page.html").read_text()
        for place, text in {"login": person["login"], "name": person["name"]}.items():
            page = page.replace("{{" + place + "}}", escape(text))
        return HTMLResponse(page)

    async def login_form(self, _):
        """`GET /login`."""
        return HTMLResponse((FOLDER / "login.html").read_text())

    async def login(self, request):
        """`POST /login` with the form fields `login` and `name`. A real site would ask for a password."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return HTMLResponse("This form is too long.", 413)
        form = parse_qs(body.decode("utf-8", "replace"))
        login, name = (form.get(field, [""])[0].strip() for field in ("login", "name"))
        if not is_login(login) or not name.isprintable() or len(name) > MAX_BYTES:
            return HTMLResponse(f"Fill in a login, of at most {MAX_BYTES} bytes, and a name.", 400)
        self._db.execute(REGISTER, [login, name or login])
        session = secrets.token_urlsafe(24)
        self._db.execute("INSERT INTO sessions VALUES (?, ?)", [session, login])
        response = RedirectResponse("/", 303)
        response.set_cookie("session", session, httponly=True, samesite="lax")
        return response


def is_login(text: str) -> bool:
    """Whether somebody can have this login. The tilde begins the ids of visitors without one."""
    return (
        bool(text)
        and text.isprintable()
        and not text.startswith("~")
        and text == text.strip()
        and len(text.encode()) <= MAX_BYTES
    )
