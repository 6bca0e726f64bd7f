"""A blog that shows who reads along: visitors online, everybody's place in an article, what is being read and what was read most.

Presence is in readers.py, what pages ask over HTTP in api.py; blog.py is the site itself, which knows nothing of presence.
"""

from __future__ import annotations

import argparse
import os
from html import escape
from pathlib import Path

from api import Api
from blog import Blog
from readers import Readers, now_ms
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from alsohere import AlsoHere, AlsoHereError, Unavailable

FOLDER = Path(__file__).parent
WEEK_MS = 7 * 86_400_000

blog = Blog(os.environ.get("BLOG_DB", FOLDER / "blog.db"))
site = Starlette()
here = AlsoHere(app=site, history=("article-*",))
readers = Readers(here, blog)
api = Api(here, blog, readers)


async def index(request):
    """`GET /`: the articles, and what they are read."""
    articles = "".join(
        f'<li><a href="{article.path}">{escape(article.title)}</a> <span class="reading" data-room="article-{article.id}"></span>'
        f"<small>{article.created} · {times(blog.reads(article), 'read')}</small></li>"
        for article in blog.published()
    )
    return blog.page(request, "Articles", f'<ul class="articles">{articles}</ul>{await numbers()}')


async def numbers():
    """What was read most in a week, and how many were here today; nothing of that while the database is away."""
    try:
        read = await readers.most_read(now_ms() - WEEK_MS, now_ms() + 1)
        most, visits = await readers.today()
    except Unavailable:
        return ""
    titles = {f"article-{article.id}": article.title for article in blog.published()}
    rows = "".join(
        f"<li>{escape(titles[room])} <small>{times(count, 'visit')}</small></li>"
        for room, count in read.items()
        if room in titles
    )
    today = f'<p class="days">Today: at most {most} online at a time, {times(visits, "visit")}.</p>'
    return (f'<h2>Read most this week</h2><ol class="ranking">{rows}</ol>' if rows else "") + today


def times(count, what):
    return f"{count} {what}" + "s" * (count != 1)


site.router.routes += [
    Route("/", index),
    Route("/posts/{slug}", blog.article),
    Route("/notes/{slug}", blog.article),
    Route("/login", blog.login, methods=["POST"]),
    Route("/logout", blog.logout, methods=["POST"]),
    *api.routes,
    Mount("/api/v2", routes=api.routes),
    Mount("/js", StaticFiles(directory=FOLDER / "js")),
]

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=2333)
    given = arguments.parse_args()
    print(f"Open http://{given.host}:{given.port}/ - in two browsers, at the same article.", flush=True)
    try:
        here.run(given.host, given.port)
    except AlsoHereError as error:
        raise SystemExit(str(error)) from None
