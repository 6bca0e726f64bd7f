"""A small FastAPI site: sign in with a name, read three notes. The ten lines marked `alsohere` show who reads along."""

from __future__ import annotations

import argparse
import secrets
from html import escape
from urllib.parse import parse_qs

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from alsohere import AlsoHere, User  # alsohere 1

NOTES = {
    "plan": ("Plan", "Ship the small thing first. Then look at it for a day."),
    "minutes": ("Minutes", "Ann brings the samples. Ben calls the printer. We meet again on Monday."),
    "ideas": ("Ideas", "A shelf for returned books. A bell at the door. Fewer meetings."),
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 17px/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1rem }}
  input, button {{ font: inherit }}
</style>
<script type="module" src="/here/alsohere.js"></script> <!-- alsohere 2 -->
<also-here></also-here> <!-- alsohere 3 -->
<h1>{title}</h1>
{body}
"""
FORM = '<form method="post" action="/login"><label>Your name <input name="name" required></label> <button>Sign in</button></form>'

here = AlsoHere()  # alsohere 4
app = FastAPI(lifespan=here.lifespan)  # alsohere 5 (was: FastAPI())
app.mount("/here", here)  # alsohere 6
sessions: dict[str, str] = {}


@here.authenticate  # alsohere 7
async def who(conn):  # alsohere 8
    name = sessions.get(conn.cookies.get("session"))  # alsohere 9
    return User(id=f"user-{name}", name=name) if name else None  # alsohere 10


@app.get("/")
async def home(request: Request):
    if request.cookies.get("session") not in sessions:
        return RedirectResponse("/login", 303)
    links = "".join(f'<li><a href="/notes/{key}">{escape(title)}</a></li>' for key, (title, _) in NOTES.items())
    return page("Notes", f"<ul>{links}</ul>")


@app.get("/notes/{key}")
async def note(key: str):
    if key not in NOTES:
        raise HTTPException(404, "There is no such note.")
    title, text = NOTES[key]
    return page(title, f'<p>{escape(text)}</p><p><a href="/">All notes</a></p>')


@app.get("/login")
async def login_form():
    return page("Sign in", FORM)


@app.post("/login")
async def login(request: Request):
    name = parse_qs((await request.body()).decode()).get("name", [""])[0].strip()[:30]
    if not name.isprintable() or not name:
        raise HTTPException(400, "Fill in a name.")
    session = secrets.token_urlsafe(24)
    sessions[session] = name
    response = RedirectResponse("/", 303)
    response.set_cookie("session", session, httponly=True, samesite="lax")
    return response


def page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=escape(title), body=body))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=8000)
    given = arguments.parse_args()
    uvicorn.run(app, host=given.host, port=given.port)
