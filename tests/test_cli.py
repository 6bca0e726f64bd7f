"""The command line: what each command does, and the sentence that a newcomer's mistake is answered with."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alsohere import AlsoHere, __version__
from alsohere.cli import main
from alsohere.config import environment_names
from alsohere.server.serve import address
from support.databases import rows
from support.polls import PollSession, ask
from support.raw import RawClient, joined
from support.servers import API_KEY, SECRET, ServerProcess, free_port


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in [*environment_names(), "ALSOHERE_URL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def call(*args: str, status: int = 0, **env: str) -> Result:
    result = CliRunner().invoke(main, args, env=env)
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


# -- secret, token -----------------------------------------------------------------------------------------------------


def test_a_new_secret_can_be_used_at_once():
    secret, another = call("secret").stdout.strip(), call("secret").stdout.strip()
    assert secret != another
    assert "The configuration can be used." in call("check", ALSOHERE_SECRET=secret).output


def test_a_token_is_one_that_the_server_takes():
    given = ("--name", "Ann", "--ttl", "60", "--room", "/post/*", "--room", "/")
    token = call("token", "42", *given, ALSOHERE_SECRET=SECRET).stdout.strip()
    user = AlsoHere(secret=SECRET).tokens.verify(token)
    assert (user.id, user.name, user.rooms) == ("42", "Ann", ("/post/*", "/"))


def test_a_token_without_a_secret_says_how_to_get_one():
    assert call("token", "42", status=1).stderr == (
        "Error: secret: set ALSOHERE_SECRET to sign tokens; make one with: alsohere secret\n"
    )


def test_a_token_that_nobody_could_use_is_not_made():
    assert "begin with ~ are those of anonymous visitors" in call("token", "~42", status=1, ALSOHERE_SECRET=SECRET).stderr
    assert "'--ttl'" in call("token", "42", "--ttl", "-5", status=2, ALSOHERE_SECRET=SECRET).stderr


# -- check -------------------------------------------------------------------------------------------------------------


def test_a_good_configuration_is_called_good():
    said = "The database is empty; the server will create its tables.\nThe configuration can be used.\n"
    assert call("check", ALSOHERE_SECRET=SECRET).output == said


WRONG = {
    "ALSOHERE_PORT": ("99999", "wrong: ALSOHERE_PORT: Input should be less than or equal to 65535"),
    "ALSOHERE_SECRET": ("short", "wrong: secret must have at least 32 bytes; make one with: alsohere secret"),
    "ALSOHERE_ORIGINS": ("example.org", "wrong: origins: 'example.org' is not an origin; write https://example.org, "),
    "ALSOHERE_PUBLIC_KEY": ("x", "wrong: public_key: not a public key in PEM"),
    "WEB_CONCURRENCY": ("4", "wrong: workers above 1 need REDIS_URL"),
    "ALSOHERE_CATEGORIES": ("message", "wrong: categories: this is not JSON: "),
}


@pytest.mark.parametrize(("name", "value", "said"), [(name, *rest) for name, rest in WRONG.items()], ids=WRONG)
def test_a_wrong_setting_is_named_with_the_fix(name: str, value: str, said: str):
    assert call("check", status=1, **{name: value}).output.startswith(said)


def test_check_refuses_what_serve_refuses():
    several = {"REDIS_URL": "redis://localhost", "ALSOHERE_WORKERS": "2"}
    said = "workers: this version runs one process; set ALSOHERE_WORKERS=1\n"
    assert call("check", status=1, **several).output == f"wrong: {said}"
    assert call("serve", status=2, **several).stderr.endswith(f"Error: {said}")


def test_a_name_in_the_file_that_nobody_reads_is_answered_too(tmp_path: Path):
    (tmp_path / ".env").write_text("ALSOHERE_SECRT=x\n")
    assert "risky: ALSOHERE_SECRT is not a setting of alsohere; did you mean ALSOHERE_SECRET?" in call("check").output
    # What is wrong besides hides no name that is none.
    assert call("check", status=1, ALSOHERE_TICK_S="100").output.startswith("risky: ALSOHERE_SECRT")


PROVIDER = {"ALSOHERE_TOKEN_ISSUER": "https://login.example"}
RISKY = {
    "nobody can connect: set ALSOHERE_SECRET (tokens), ALSOHERE_ANONYMOUS=1 (visitors), or use --dev": {},
    "jwks_url is set without ALSOHERE_TOKEN_AUDIENCE": PROVIDER | {"ALSOHERE_JWKS_URL": "https://login.example/keys"},
    "jwks_url is asked over http": PROVIDER | {"ALSOHERE_JWKS_URL": "http://login.example/keys"},
    "auth_url is asked over http": {"ALSOHERE_AUTH_URL": "http://shop.internal/login"},
    "dev is on and the server listens beyond this machine": {"ALSOHERE_DEV": "1", "ALSOHERE_HOST": "0.0.0.0"},
    "redis_url is set and not used yet": {"REDIS_URL": "redis://localhost"},
    "origins has *": {"ALSOHERE_ORIGINS": "*"},
    "trusted_proxies has *": {"ALSOHERE_TRUSTED_PROXIES": "*"},
    "without ALSOHERE_SECRET, anonymous visitors get a new id whenever the server starts": {"ALSOHERE_ANONYMOUS": "1"},
    "metrics are served to anybody who reaches the port": {"ALSOHERE_HOST": "::"},
    "connections is 90000000, and this process may only open files for": {"ALSOHERE_CONNECTIONS": "90000000"},
    "ALSOHERE_SECRT is not a setting of alsohere; did you mean ALSOHERE_SECRET?": {"ALSOHERE_SECRT": "x"},
}


@pytest.mark.parametrize(("said", "env"), RISKY.items(), ids=[said[:40] for said in RISKY])
def test_what_is_risky_is_said_and_allowed(said: str, env: dict[str, str]):
    assert f"risky: {said}" in call("check", **env).output


# -- The database ------------------------------------------------------------------------------------------------------

DATABASE_MISTAKES = {
    "mysql://here/x": "database_url: mysql:// is not spoken; use sqlite:///, postgresql:// or memory://",
    "here.db": "database_url: not a URL; for a SQLite file write sqlite:///here.db",
    "sqlite://": "database_url: SQLite needs the path of a file, as in sqlite:///alsohere.db; or use memory://",
    "sqlite:////nowhere/at/all.db": "database_url: there is no directory /nowhere/at; create it, or name another file",
    "sqlite:////proc/self": "database_url: ",  # a directory is no file
    "postgresql://nobody@127.0.0.1:1/x": "database_url: the database cannot be used: ",
}


@pytest.mark.parametrize(("url", "said"), DATABASE_MISTAKES.items())
def test_a_database_that_cannot_be_used_is_said_with_the_fix(url: str, said: str):
    assert call("check", status=1, ALSOHERE_SECRET=SECRET, DATABASE_URL=url).output.startswith(f"wrong: {said}")
    assert call("migrate", status=1, DATABASE_URL=url).stderr.startswith(f"Error: {said}")


def test_a_database_is_migrated_once_and_checked(tmp_path: Path):
    assert re.fullmatch(r"schema none -> \d{4}\n", call("migrate").output)
    assert re.fullmatch(r"The database has schema \d{4} already\.\n", call("migrate").output)
    assert (tmp_path / "alsohere.db").exists()
    assert call("check", ALSOHERE_SECRET=SECRET).output == "The database can be used.\nThe configuration can be used.\n"
    assert "nothing to migrate" in call("migrate", DATABASE_URL="memory://").output
    assert call("check", ALSOHERE_SECRET=SECRET, DATABASE_URL="memory://").output == "The configuration can be used.\n"


def test_serve_does_not_start_on_a_schema_that_it_does_not_know(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/newer.db"
    call("migrate", DATABASE_URL=url)
    rows(url, "UPDATE alsohere_version SET version_num = '9999'")
    said = call("serve", "--dev", "--port", "0", status=1, DATABASE_URL=url).stderr
    assert "Error: The database has schema 9999, which a newer version of alsohere has made" in said


# -- online ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


def test_who_is_online_is_asked_from_a_running_server(server: ServerProcess):
    with joined(server.url, "visitor-of-the-cli") as client:
        member = client.call("room:enter", {"room": "/a b/ü"})["self"]
        line = f"  {member['name']}  ({member['id']}, active)\n"
        assert call("online", ALSOHERE_URL=server.url + "/", ALSOHERE_API_KEY=API_KEY).output == f"1 online\n{line}"
        room = call("online", "--url", server.url, "--room", "/a b/ü", ALSOHERE_API_KEY=API_KEY).output
        assert room == f"1 in /a b/ü\n{line}"


def test_who_has_no_key_or_a_wrong_one_is_told_which_it_is(server: ServerProcess):
    missing = call("online", "--url", server.url, status=1).stderr
    assert missing == f"Error: set ALSOHERE_API_KEY to a key of {server.url}\n"
    wrong = call("online", "--url", server.url, status=1, ALSOHERE_API_KEY="wrong").stderr
    assert wrong.startswith("Error: This API key is not one of this server")


class Stranger(BaseHTTPRequestHandler):
    """Another program's web server."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"hello": "world"}' if self.path.startswith("/api/v1/online") else b"<html>")

    def log_message(self, *_: object) -> None:
        return


def test_who_asks_where_no_alsohere_is_is_told_how_to_start_one():
    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        other = f"http://127.0.0.1:{stranger.server_port}"
        questions = [
            ("--url", f"http://127.0.0.1:{free_port()}"),
            ("--url", "127.0.0.1:8765"),
            ("--url", "here"),
            ("--url", other),
            ("--url", other, "--room", "x"),
        ]
        for question in questions:
            said = call("online", *question, status=1).stderr
            assert said.startswith(f"Error: no alsohere answers at {question[1]} (")
            assert said.endswith("); start one with: alsohere serve\n")
        stranger.shutdown()


# -- serve, demo, conformance-server -----------------------------------------------------------------------------------


def test_serve_says_where_it_is_and_what_is_risky():
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env={"ALSOHERE_SECRET": "", "ALSOHERE_PRT": "1"}) as server:
        assert server.get("/livez")[0] == 200
        status, output = server.stop()
    assert status == 0
    assert output.splitlines() == [
        "warning: ALSOHERE_PRT is not a setting of alsohere; did you mean ALSOHERE_PORT?",
        "warning: nobody can connect: set ALSOHERE_SECRET (tokens), ALSOHERE_ANONYMOUS=1 (visitors), or use --dev",
        f"alsohere {__version__} · http://127.0.0.1:{server.port}/socket.io/",
    ]


def test_serve_takes_its_port_from_the_environment():
    port = free_port()
    with ServerProcess("-m", "alsohere", "serve", env={"PORT": str(port), "ALSOHERE_ANONYMOUS": "1"}, port=port) as server:
        with joined(server.url):
            pass


@pytest.mark.parametrize("command", [("demo", "--no-open"), ()], ids=["demo", "no command"])
def test_the_demo_needs_nothing_and_shows_two_lines_to_paste(command: tuple[str, ...]):
    port = free_port()
    with ServerProcess("-m", "alsohere", *command, env={"ALSOHERE_SECRET": "", "PORT": str(port)}, port=port) as server:
        assert ask(server.url, "/").headers["content-type"] == "text/html; charset=utf-8"
        assert "alsohere.js" in ask(server.url, "/").text
        assert PollSession(server.url).join({"visitor": "visitor-of-the-demo"}).sid
        output = server.stop()[1]
    assert f"http://127.0.0.1:{port}/\n" in output
    assert f'<script type="module" src="http://127.0.0.1:{port}/alsohere.js"></script>\n    <also-here></also-here>\n' in output


def test_the_conformance_server_echoes():
    with ServerProcess("-m", "alsohere", "conformance-server", "--port", "{port}") as server:
        with RawClient(server.url, "/engine.io/").handshake() as client:
            client.send("4hello")
            assert client.receive() == "4hello"


MISTAKES = {
    "a command that does not exist": (("srve",), "No such command 'srve'"),
    "no port": (("serve", "--port", "99999"), "'--port': 99999 is not in the range"),
    "no port for the suites": (("conformance-server", "--port", "99999"), "'--port': 99999 is not in the range"),
    "more processes than one can join": (("serve", "--workers", "2"), "workers above 1 need REDIS_URL"),
    "a secret that is too short": (("serve",), "secret must have at least 32 bytes; make one with: alsohere secret"),
}


@pytest.mark.parametrize(("args", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered_with_one_sentence_and_status_2(args: tuple[str, ...], said: str):
    env = {"ALSOHERE_SECRET": "short"} if args == ("serve",) else {}
    assert said in call(*args, status=2, **env).stderr


def test_more_workers_than_this_version_runs_is_said():
    said = call("serve", "--workers", "2", status=2, REDIS_URL="redis://127.0.0.1").stderr
    assert "this version runs one process" in said


def test_python_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "alsohere", "--version"], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == f"alsohere, version {__version__}\n"


def test_an_ipv6_address_is_printed_so_that_it_can_be_opened():
    assert address("::1", 8765) == "http://[::1]:8765"
    assert address("localhost", 80) == "http://localhost:80"
