"""How log lines look: as JSON for machines, or as text for people.

Invariant: what clients have sent begins no line and moves no cursor (H108). JSON escapes it; in text, control characters are
written as escapes, and a traceback is indented.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = re.compile(r"[\n\t]")


def log_to_stderr(*, as_json: bool) -> None:
    """Have every logger write to stderr.

    Args:
        as_json: one object per line, instead of text.
    """
    before: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso")]
    if as_json:
        before.append(structlog.processors.format_exc_info)
        renderer: Any = structlog.processors.JSONRenderer()
    else:
        before.append(_with_one_line)
        # Plain: where Rich is installed, the default shows local variables, and so tokens and what clients have sent.
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=before))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _with_one_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["event"] = _LINE_ENDS.sub(_escape, _CONTROLS.sub(_escape, str(event["event"])))
    return event


def _traceback(target: TextIO, error: ExcInfo) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    lines = _CONTROLS.sub(_escape, text.getvalue()).split("\n")
    target.write("\n".join("  " + line if line.strip() else "" for line in lines))
