"""The blog itself: articles, sign-in, counts of reads and likes. An ordinary web application that knows nothing of presence."""

from __future__ import annotations

import re
import secrets
import sqlite3
import unicodedata
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

HERE = Path(__file__).parent
OWNER = "owner"
MAX_CHARACTERS = 50
MAX_BODY_BYTES = 16 * 1024
MAX_COUNTED = 10_000  # ids come from outside, so there is an end to how many are remembered
SCHEMA = """
CREATE TABLE IF NOT EXISTS users
    (user_id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, folded TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS users_by_name ON users (folded);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users);
CREATE TABLE IF NOT EXISTS reads (kind TEXT, id TEXT, count INTEGER NOT NULL, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS likes (kind TEXT, id TEXT, who TEXT, PRIMARY KEY (kind, id, who));
"""
REGISTER = """
INSERT INTO users (login, name, folded) VALUES (?, ?, ?)
ON CONFLICT (login) DO UPDATE SET name = excluded.name, folded = excluded.folded RETURNING *
"""
PLACE = re.compile(r"{{(\w+)}}")
READ = """
INSERT INTO reads VALUES (?, ?, 1) ON CONFLICT (kind, id) DO UPDATE SET count = count + 1 RETURNING count
"""


class Article(NamedTuple):
    """A post or a note; a draft has no date and is nobody's business but the owner's."""

    id: str
    kind: str
    slug: str
    created: str
    title: str
    paragraphs: list[str]

    @property
    def path(self) -> str:
        return f"/{self.kind}s/{self.slug}"

    @property
    def is_draft(self) -> bool:
        return not self.created


class Account(NamedTuple):
    """Somebody who has signed in."""

    id: str
    name: str

    @property
    def is_owner(self) -> bool:
        return self.id.startswith("owner_")


class Blog:
    """Articles, people and counts.

    Args:
        database: a file, so that people stay signed in and counts go on when the server is restarted.
    """

    def __init__(self, database: str | Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)
        self.articles = {article.id: article for article in map(load, sorted((HERE / "articles").glob("*.txt")))}
        self.session_changed: list[Callable[[str, str], Awaitable[None]]] = []
        """Called with the session that a browser had before it signed in or out, and the one that it has now."""

    # -- People ------------------------------------------------------------------------------------------------------

    def account(self, session: str | None) -> Account | None:
        """Who a session cookie stands for; nobody signed in, in most cases."""
        found = "SELECT users.* FROM sessions JOIN users USING (user_id) WHERE id = ?"
        row = self._db.execute(found, [session]).fetchone()
        return row and account_of(row)

    def is_name_of_somebody(self, name: str) -> bool:
        """Whether an account has that name, however it is written."""
        return bool(self._db.execute("SELECT 1 FROM users WHERE folded = ?", [fold(name)]).fetchone())

    async def login(self, request: Request) -> Response:
        """`POST /login` with the form fields `login` and `name`. A real blog would ask for a password."""
        body = await body_of(request)
        form = parse_qs((body or b"").decode("utf-8", "replace"))
        login, name = (form.get(field, [""])[0].strip()[:MAX_CHARACTERS] for field in ("login", "name"))
        if not login or not login.isprintable() or not name.isprintable():
            return HTMLResponse("Fill in a login and a name.", 400)
        row = self._db.execute(REGISTER, [login, name or login, fold(name or login)]).fetchone()
        account, session = account_of(row), new_session()
        self._db.execute("INSERT INTO sessions VALUES (?, ?)", [session, row["user_id"]])
        return await self._renew(request, session, {"id": account.id, "name": account.name})

    async def logout(self, request: Request) -> Response:
        """`POST /logout`: the browser is a visitor's again."""
        self._db.execute("DELETE FROM sessions WHERE id = ?", [request.cookies.get("session")])
        return await self._renew(request, new_session(), {})

    async def _renew(self, request: Request, session: str, answer: dict[str, str]) -> Response:
        # The page asks with fetch and stays; without JavaScript it is an ordinary form.
        stays = "application/json" in request.headers.get("accept", "")
        response = JSONResponse(answer) if stays else RedirectResponse("/", 303)
        give_session(response, session)
        for changed in self.session_changed:
            await changed(request.cookies.get("session", ""), session)
        return response

    # -- Counts ------------------------------------------------------------------------------------------------------

    def read(self, kind: str, article_id: str) -> int | None:
        """Somebody has opened an article; returns how often that was, or None if there are too many to be counted."""
        known = "SELECT count(*) AS total, max(kind = ? AND id = ?) AS known FROM reads"
        row = self._db.execute(known, [kind, article_id]).fetchone()
        if row["total"] >= MAX_COUNTED and not row["known"]:
            return None
        return self._db.execute(READ, [kind, article_id]).fetchone()["count"]

    def reads(self, article: Article) -> int:
        """How often an article was opened."""
        row = self._db.execute("SELECT count FROM reads WHERE kind = ? AND id = ?", [article.kind, article.id]).fetchone()
        return row["count"] if row else 0

    def like(self, kind: str, article_id: str, who: str) -> None:
        """Somebody likes an article; twice is once."""
        if article_id in self.articles:
            self._db.execute("INSERT OR IGNORE INTO likes VALUES (?, ?, ?)", [kind, article_id, who])

    def likes(self, article: Article) -> int:
        """How many like an article."""
        query = "SELECT count(*) AS total FROM likes WHERE kind = ? AND id = ?"
        return self._db.execute(query, [article.kind, article.id]).fetchone()["total"]

    # -- Pages -------------------------------------------------------------------------------------------------------

    def published(self) -> list[Article]:
        """What everybody may read, newest first."""
        articles = [article for article in self.articles.values() if not article.is_draft]
        return sorted(articles, key=lambda article: article.created, reverse=True)

    async def article(self, request: Request) -> Response:
        """`GET /posts/{slug}` and `/notes/{slug}`."""
        account = self.account(request.cookies.get("session"))
        found = next((article for article in self.articles.values() if article.path == request.url.path), None)
        if found is None or (found.is_draft and not (account and account.is_owner)):
            return HTMLResponse("There is no such article.", 404)
        paragraphs = "".join(f"<p>{escape(text)}</p>" for text in found.paragraphs)
        reads, likes = self.reads(found), self.likes(found)
        return self.page(
            request,
            found.title,
            f'<p class="counts"><span id="reads">{reads}</span> reads · <span id="likes">{likes}</span> likes</p>'
            f'<article id="text" data-id="{found.id}" data-kind="{found.kind}">{paragraphs}</article>'
            '<button id="like" type="button">I like this</button>',
        )

    def page(self, request: Request, title: str, body: str) -> Response:
        """A page for whoever asks, who gets a session with the first one."""
        session = request.cookies.get("session")
        account = self.account(session)
        words = {"title": title, "identity": account.id if account else "", "name": account.name if account else ""}
        places = {place: escape(text) for place, text in words.items()} | {"body": body}
        response = HTMLResponse(PLACE.sub(lambda place: places[place[1]], (HERE / "page.html").read_text()))
        if session is None:
            give_session(response, new_session())
        return response


def account_of(row: sqlite3.Row) -> Account:
    """The owner of the blog is `owner_1` to its readers, everybody else `user_2`."""
    return Account(f"{'owner' if row['login'] == OWNER else 'user'}_{row['user_id']}", row["name"])


def fold(name: str) -> str:
    """One spelling for all that look the same."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def new_session() -> str:
    """A session of nobody in particular."""
    return secrets.token_urlsafe(24)


def give_session(response: Response, session: str) -> None:
    """Readers have a session before they sign in, so that their connections are known to be of one browser."""
    response.set_cookie("session", session, httponly=True, samesite="lax")


def load(path: Path) -> Article:
    """An article from its file: kind, slug and date; a title; paragraphs."""
    head, title, _, *lines = path.read_text().splitlines()
    kind, slug, date = head.split()
    return Article(path.stem, kind, slug, date.strip("-") and date, title, [line for line in lines if line])


async def body_of(request: Request) -> bytes | None:
    """What was posted, or None if it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return body
