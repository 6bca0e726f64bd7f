"""The OpenAPI document, and the server held against it: by schemathesis, with whatever it thinks of, and with people there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis

from alsohere import AlsoHere
from support.polls import ask
from support.raw import joined
from support.servers import API_KEY, SECRET, ServerProcess

KEY = {"Authorization": f"Bearer {API_KEY}"}
DOCUMENT = "/api/v1/openapi.json"
TESTS = Path(__file__).parent.parent
CONFIG = TESTS / "support" / "schemathesis.toml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`alsohere serve` with a database, as in production but for visitors."""
    env = {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('openapi') / 'alsohere.db'}"}
    with ServerProcess(env=env) as process:
        yield process


@pytest.fixture(scope="module")
def document(server: ServerProcess) -> dict[str, Any]:
    return ask(server.url, DOCUMENT).json()


# -- The document ------------------------------------------------------------------------------------------------------


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, found) for path, methods in document["paths"].items() for method, found in methods.items()]


def test_the_document_is_openapi_3_1(document: dict[str, Any]):
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()


def test_everything_in_it_is_described(document: dict[str, Any]):
    undescribed = [(path, method) for path, method, found in operations(document) if not found["summary"].endswith(".")]
    undescribed += [
        (path, parameter["name"])
        for path, _, found in operations(document)
        for parameter in found.get("parameters", [])
        if not parameter.get("description")
    ]
    undescribed += [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")]
    assert undescribed == []


def test_what_needs_the_key_says_so_and_how_it_refuses(document: dict[str, Any]):
    public = [path for path, _, found in operations(document) if found.get("security") == []]
    assert public == [DOCUMENT]
    for path, _, found in operations(document):
        assert {"400", "401", "403"} <= set(found["responses"]) or path in public
        refusals = [answer["content"] for status, answer in found["responses"].items() if status != "200"]
        assert all(list(content) == ["application/problem+json"] for content in refusals)


# -- The server --------------------------------------------------------------------------------------------------------


def test_the_server_does_what_the_document_says(server: ServerProcess, tmp_path: Path):
    """All checks and phases of schemathesis, with what it generates the same in every run."""
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(CONFIG),
        "run",
        server.url + DOCUMENT,
        "--url",
        server.url,
    ]
    command += ["--header", f"Authorization: {KEY['Authorization']}", "--max-examples", "10"]
    command += ["--generation-deterministic", "--suppress-health-check", "all", "--no-color"]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "support.name_formats", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    ran = subprocess.run(command, cwd=tmp_path, env=env, timeout=120, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout


def test_answers_about_people_are_as_the_document_says(server: ServerProcess):
    schema = schemathesis.openapi.from_url(server.url + DOCUMENT)
    tokens = AlsoHere(secret=SECRET)
    with joined(server.url, token=tokens.token(42, name="Ann", info={"team": [1]})) as ann, joined(server.url) as visitor:
        for client in (ann, visitor):
            assert client.call("room:enter", {"room": "/post/1", "state": {"position": 0.5}})["ok"]
            assert client.call("lock:acquire", {"lock": "/post/1"})["ok"]
        asked = [
            ("/api/v1/online", {}),
            ("/api/v1/rooms", {}),
            ("/api/v1/rooms/{room}", {"room": "/post/1"}),
            ("/api/v1/users/{id}", {"id": "42"}),
            ("/api/v1/locks/{lock}", {"lock": "/post/1"}),
        ]
        for path, variables in asked:
            case = schema[path]["GET"].Case(path_parameters={name: quote(value, safe="") for name, value in variables.items()})
            answer = case.call_and_validate(base_url=server.url, headers=KEY)
            assert b"/post/1" in answer.content or b"Ann" in answer.content, (path, answer.content)
