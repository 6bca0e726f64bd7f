"""A site of one page, which has the elements that its address asks for: `/?body=<also-here></also-here>`.

python tests/browser/own_page.py PORT
"""

from __future__ import annotations

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from alsohere import AlsoHere

PAGE = '<!doctype html><title>Page</title><link rel="icon" href="data:,"><script type="module" src="/alsohere.js"></script><body>'


def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE + request.query_params["body"])


here = AlsoHere(app=Starlette(routes=[Route("/", page)]), anonymous=True)

if __name__ == "__main__":
    here.run(port=int(sys.argv[1]))
