"""The examples of the documents work: Python runs, commands can be typed, the apps of the tutorial have people on their pages."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import click
import pytest
import uvicorn

import alsohere
from alsohere.cli import main as cli
from alsohere.config import environment_names
from alsohere.wire.events import COMMANDS
from support.pages import ROOT, Block, blocks_of, name_of, pages, section_of
from support.raw import RawClient, joined
from support.servers import API_KEY, SECRET, ServerProcess, wait_for

PAGES = pages()
EVENTS = ROOT / "docs" / "reference" / "events.md"
BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def of_language(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


# -- Examples work -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", of_language("python"), ids=str)
def test_python_compiles(block: Block):
    compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("block", of_language("json"), ids=str)
def test_json_is_json(block: Block):
    json.loads(block.text)


def node() -> str:
    found = shutil.which("node")
    assert found, "Node 20 is needed"
    return found


def test_javascript_parses(tmp_path: Path):
    for block in of_language("js"):
        script = tmp_path / "block.mjs"
        script.write_text(block.text)
        checked = subprocess.run([node(), "--check", str(script)], capture_output=True, text=True, timeout=30, check=False)
        assert checked.returncode == 0, f"{block}\n{checked.stderr}"


@pytest.mark.parametrize("block", [block for block in of_language("python") if block.mark == "run"], ids=str)
def test_python_that_is_marked_so_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name in environment_names()]:
        monkeypatch.delenv(name)
    exec(compile(block.text, str(block), "exec"), {"__name__": "example"})


@pytest.mark.parametrize("block", [block for block in of_language("python") if "@here.authorize" in block.text], ids=str)
def test_a_hook_that_is_shown_allows_no_visitor_what_nobody_may_without_one(block: Block, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name in environment_names()]:
        monkeypatch.delenv(name)
    names = {"__name__": "example", "here": alsohere.AlsoHere(dev=True)}
    exec(compile(block.text, str(block), "exec"), names)
    visitor = alsohere.User("~42", "Keen Owl", anonymous=True)
    assert asyncio.run(names["may"](visitor, "enter", "/posts/1"))
    assert not [action for action in ("take", "message", "push") if asyncio.run(names["may"](visitor, action, "/posts/1"))]


def marked(mark: str) -> Block:
    return next(block for block in BLOCKS if block.mark == mark)


@pytest.fixture(scope="module")
def server():
    with ServerProcess() as running:
        yield running


def test_the_socket_io_client_of_the_readme_sees_who_comes_and_goes(server: ServerProcess, tmp_path: Path):
    (tmp_path / "node_modules").symlink_to(ROOT / "js" / "node_modules")
    script = tmp_path / "readme.mjs"
    script.write_text(marked("run: readme.mjs").text.replace("http://127.0.0.1:8765", server.url))
    lines: list[str] = []
    with subprocess.Popen([node(), str(script)], stdout=subprocess.PIPE, text=True) as reader:
        try:
            lines.append(reader.stdout.readline().strip())
            with joined(server.url, "somebody-else") as other:
                assert other.call("room:enter", {"room": "/post/1"})["ok"]
                lines.append(reader.stdout.readline().strip())
                assert other.call("room:leave", {"room": "/post/1"})["ok"]
                lines.append(reader.stdout.readline().strip())
        finally:
            reader.terminate()
    assert lines[0]
    assert len(lines[1].split(", ")) == 2
    assert lines[2] == lines[0]


def test_the_back_end_of_the_how_to_gets_answers(server: ServerProcess, tmp_path: Path):
    script = tmp_path / "ask.py"
    script.write_text(marked("run: ask.py").text)
    with joined(server.url, "visitor-of-the-how-to") as visitor:
        name = visitor.call("room:enter", {"room": "/post/1"})["self"]["name"]
        env = os.environ | {"ALSOHERE_URL": server.url, "ALSOHERE_API_KEY": API_KEY}
        answer = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=30, check=True)
    assert " online" in answer.stdout
    assert name in answer.stdout


ARGUMENTS = {
    "room:enter": {"room": "/answers"},
    "room:update": {"room": "/answers", "state": {"a": 1}},
    "room:watch": {"rooms": ["/answers"]},
    "room:unwatch": {"rooms": ["/answers"]},
    "room:leave": {"room": "/answers"},
    "ranking:watch": {},
    "ranking:unwatch": {},
    "lock:acquire": {"lock": "/answers"},
    "lock:request": {"lock": "/answers"},
    "lock:touch": {"lock": "/answers"},
    "lock:release": {"lock": "/answers"},
    "user:status": {"status": "idle"},
    "user:identify": {"token": alsohere.AlsoHere(secret=SECRET).token("42")},
    # From here on it is somebody with an inbox.
    "topic:follow": {"topic": "/post/1"},
    "topic:unfollow": {"topic": "/post/1"},
    "inbox:preferences": {"mute": {"categories": ["reminder"]}},
    "inbox:mark": {"all": True, "as": "read"},
    "inbox:list": {},
}


# These need somebody else, the application's word, or a key: tests/node/test_lock_desk.py, test_inbox_desk.py, tests/server/test_offline.py.
NOT_ALONE = {"lock:hand_over", "lock:take", "message:send", "push:send", "webpush:subscribe", "webpush:unsubscribe"}


def test_every_field_of_an_answer_is_described(server: ServerProcess):
    assert set(ARGUMENTS) | NOT_ALONE == set(COMMANDS)
    with joined(server.url, "visitor-who-asks-all") as client:
        for name, argument in ARGUMENTS.items():
            section = section_of(EVENTS, name)
            answer = client.call(name, argument)
            assert answer.pop("ok"), name
            fields = {*answer, *(field for room in answer.get("rooms", []) for field in room)}
            assert not [field for field in fields if not re.search(rf"`[^`]*\b{field}\b[^`]*`", section)], name


EXPIRED = alsohere.AlsoHere(secret=SECRET).token("42", ttl_s=-60)
REFUSALS = [
    ("room:enter", {"room": ""}, "bad_room"),
    ("room:enter", {"room": "/r", "state": {"long": "x" * 2000}}, "bad_state"),
    ("room:enter", {"room": "/granted/not"}, "forbidden"),
    ("room:leave", {"room": "@other"}, "bad_room"),
    ("room:leave", {"room": "/r/nowhere"}, "not_in_room"),
    ("room:update", {"room": "/r/nowhere", "state": {}}, "not_in_room"),
    ("room:update", {"room": "@online", "state": {"long": "x" * 2000}}, "bad_state"),
    ("room:watch", {"rooms": ["/r/1", "@other"]}, "bad_room"),
    ("room:watch", {"rooms": ["/r/1", "/granted/not"]}, "forbidden"),
    ("room:watch", {"rooms": [f"/r/{number}" for number in range(101)]}, "limit"),
    ("room:unwatch", {"rooms": [""]}, "bad_room"),
    ("ranking:watch", {"prefix": "/r/", "limit": 0}, "bad_request"),
    ("ranking:watch", {"prefix": "@"}, "bad_room"),
    ("ranking:watch", {"prefix": "/granted/not"}, "forbidden"),
    ("ranking:unwatch", {"limit": 1000}, "bad_request"),
    ("user:identify", {"token": "none"}, "unauthenticated"),
    ("user:identify", {"token": EXPIRED}, "token_expired"),
    ("user:status", {"status": "asleep"}, "bad_request"),
]


def test_a_refusal_is_described_where_its_command_is(server: ServerProcess):
    token = alsohere.AlsoHere(secret=SECRET).token("7", rooms=["/r", "/r/*"])
    common = "bad_request"
    with joined(server.url, token=token) as client:
        for name, argument, code in REFUSALS:
            assert client.call(name, argument)["error"]["code"] == code, (name, argument)
            assert code == common or f"`{code}`" in section_of(EVENTS, name), (name, code)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark == "serve"], ids=str)
def test_the_app_of_the_tutorial_has_people_on_its_page(block: Block, tmp_path: Path):
    (tmp_path / "app.py").write_text(block.text)
    with ServerProcess("-m", "uvicorn", "app:app", "--app-dir", str(tmp_path), "--port", "{port}", ready="/") as app:
        page = fetch(app.url + "/")
        assert "<also-here>" in page
        assert "customElements" in fetch(app.url + re.search(r"/here/alsohere\.js", page)[0])
        auth = {"visitor": "a-first-visitor"}
        if "/here-token" in block.text:
            auth = {"token": fetch(app.url + "/here-token?name=Ann")}
        with RawClient(app.url, "/here/socket.io/").handshake().join(auth) as client:
            member = client.call("room:enter", {"room": "/"})["self"]
            assert member["name"] == "Ann" or member["anonymous"]
            if "/readers" in block.text:
                wait_for(lambda: json.loads(fetch(app.url + "/readers")) == [member["name"]], what="the reader")


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


# -- Commands can be typed ---------------------------------------------------------------------------------------------

OTHERS = {"export", "set", "mkdir", "curl", "python3", "python3.11", "systemctl", ".venv/bin/python", "/opt/alsohere/bin/pip"}


def typed(block: Block) -> list[list[str]]:
    return [shlex.split(line[2:]) for line in block.text.splitlines() if line.startswith("$ ")]


def check_options(command: click.Command, words: list[str]) -> None:
    while isinstance(command, click.Group) and words:
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("block", of_language("console"), ids=str)
def test_a_command_that_is_shown_exists(block: Block):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for program, *words in typed(block):
        name = program.rpartition("/")[2]
        if name == "make":
            assert set(words) <= targets
        elif name == "alsohere":
            check_options(cli.commands[words[0]], words[1:])
        elif name == "uvicorn":
            check_options(uvicorn.main, words)
        else:
            assert program in OTHERS, program


def test_every_chore_that_is_named_is_a_target():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"`make (\w+)`", page.read_text()))
        assert named <= targets, name_of(page)


def test_the_unit_file_starts_a_command_that_exists():
    unit = marked("unit").text
    program, command = re.search(r"^ExecStart=(\S+) (\w+)$", unit, re.MULTILINE).groups()
    assert program.endswith("/alsohere")
    assert command in cli.commands
