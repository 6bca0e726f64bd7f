"""A save that cannot come too late: whoever was away while the lock went to somebody else does not overwrite what they wrote.

A lock alone cannot do that: its holder's laptop may fall asleep between "it is mine" and "save". So every save brings the lock's
fence, a number that is larger each time the lock is given, and the database takes none below the last it has seen.
The lines marked `fence` are all that it takes.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import BaseModel, Field

from alsohere import AlsoHere, Unauthenticated, User, verify_receipt

FOLDER = Path(__file__).parent
SECRET = os.environ.get("ALSOHERE_SECRET") or secrets.token_urlsafe(32)
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, text TEXT NOT NULL, fence INTEGER NOT NULL DEFAULT 0);
INSERT OR IGNORE INTO documents (id, text) VALUES ('plan', 'Ship the small thing first. Then look at it for a day.');
"""
READ = "SELECT text FROM documents WHERE id = :id"
# Who edits reads under their fence: from then on, whoever edited before cannot save any more, saved or not.
EDIT = "UPDATE documents SET fence = :fence WHERE id = :id AND fence <= :fence RETURNING text"  # fence
SAVE = "UPDATE documents SET text = :text, fence = :fence WHERE id = :id AND fence <= :fence RETURNING text"  # fence
STALE = "Somebody else edits this by now. Your text was not saved: keep a copy of it, and load the page again to see theirs."

db = sqlite3.connect(os.environ.get("DOCUMENTS_DB", FOLDER / "documents.db"), isolation_level=None)
db.row_factory = sqlite3.Row
db.executescript(SCHEMA)
here = AlsoHere(secret=SECRET)
app = FastAPI(lifespan=here.lifespan)
app.mount("/here", here)
sessions: dict[str, str] = {}


class Save(BaseModel):
    text: Annotated[str, Field(max_length=100_000)]
    fence: Annotated[int, Field(ge=0, le=2**53)]


class Edit(BaseModel):
    receipt: Annotated[str, Field(max_length=2048)]


class ProvenSave(Edit):
    text: Annotated[str, Field(max_length=100_000)]


@here.authenticate
async def who(conn):
    return user_of(conn.cookies.get("session"))


@here.authorize
async def may(user, action, room):
    return action in {"enter", "watch", "lock", "take"} and room.startswith("documents/")


@app.get("/documents/{document}")
async def read(document: str, request: Request):
    """The text, for whoever looks on."""
    signed_in(request)
    return {"text": text_of(READ, id=document)}


@app.post("/documents/{document}/edit")
async def edit(document: str, body: Edit, request: Request):
    """The text, for who has just got the lock."""
    return {"text": text_of(EDIT, id=document, fence=fence_of(document, body, request))}


@app.put("/documents/{document}")
async def save(document: str, body: ProvenSave, request: Request):
    """Save with the lock's receipt, in which the fence is signed: nobody has to be asked."""
    return {"text": text_of(SAVE, id=document, text=body.text, fence=fence_of(document, body, request))}


@app.put("/documents/{document}/asked")
async def save_asked(document: str, body: Save, request: Request):
    """Save with the bare number: alsohere is asked whose it is, as anybody can think of one; the database has the last word."""
    if not await here.check_fence(f"documents/{document}", body.fence, user=signed_in(request).id):  # fence
        raise HTTPException(409, STALE)
    return {"text": text_of(SAVE, id=document, text=body.text, fence=body.fence)}


def fence_of(document: str, body: Edit, request: Request) -> int:
    """The fence of a receipt that was given to this user, for this document."""
    try:
        receipt = verify_receipt(body.receipt, SECRET, lock=f"documents/{document}")  # fence
    except Unauthenticated as error:
        raise HTTPException(403, error.message) from None
    if receipt.user != signed_in(request).id:
        raise HTTPException(403, "This receipt was given to somebody else.")
    return receipt.fence


def text_of(statement: str, **values) -> str:
    rows = db.execute(statement, values).fetchall()
    if rows:
        return rows[0]["text"]
    if db.execute(READ, values).fetchone() is None:
        raise HTTPException(404, "There is no such document.")
    raise HTTPException(409, STALE)  # fence


# -- The site: one document, and a name to sign in with ------------------------------------------------------------------


def signed_in(request: Request) -> User:
    user = user_of(request.cookies.get("session"))
    if user is None:
        raise HTTPException(401, "Sign in first.")
    return user


def user_of(session: str | None) -> User | None:
    name = sessions.get(session or "")
    return User(id=f"user-{name}", name=name) if name else None


@app.get("/")
async def page(request: Request):
    if user_of(request.cookies.get("session")) is None:
        return RedirectResponse("/login", 303)
    return FileResponse(FOLDER / "page.html")


@app.get("/login")
async def login_form():
    return FileResponse(FOLDER / "login.html")


@app.post("/login")
async def login(request: Request):
    name = parse_qs((await request.body()).decode("utf-8", "replace")).get("name", [""])[0].strip()[:30]
    if not name.isprintable() or not name:
        raise HTTPException(400, "Fill in a name.")
    session = secrets.token_urlsafe(24)
    sessions[session] = name
    response = RedirectResponse("/", 303)
    response.set_cookie("session", session, httponly=True, samesite="lax")
    return response


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=8001)
    given = arguments.parse_args()
    uvicorn.run(app, host=given.host, port=given.port)
