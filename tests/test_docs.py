"""The documents say what is: every name is in them, every link leads somewhere."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import alsohere
from alsohere import facts
from alsohere.cli import main as cli
from alsohere.config import environment_names
from alsohere.errors import CloseCode
from alsohere.server import metrics, request
from alsohere.wire.events import COMMANDS, FACTS
from support.pages import ROOT, anchors_of, links_of, name_of, pages, section_of, tracked_files

SRC = ROOT / "src" / "alsohere"
REFERENCE = ROOT / "docs" / "reference"
PAGES = pages()
SOURCE_TEXT = "\n".join(path.read_text() for path in SRC.rglob("*.py"))


def reference(name: str) -> str:
    return (REFERENCE / name).read_text()


# -- The reference is complete -----------------------------------------------------------------------------------------


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


@pytest.mark.parametrize("page", list(GENERATOR.pages()), ids=lambda page: page.stem)
def test_what_is_generated_is_what_the_code_says(page: Path):
    assert GENERATOR.renewed(page.read_text()) == page.read_text(), "run: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("page", list(GENERATOR.pages()), ids=lambda page: page.stem)
def test_a_row_of_a_table_is_one_line(page: Path):
    assert not [line for line in page.read_text().splitlines() if line.startswith("| ") and not line.endswith("|")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described_with_its_fields_and_defaults(name: str):
    section = section_of(REFERENCE / "events.md", name)
    for field in msgspec.structs.fields(COMMANDS[name]):
        row = re.search(rf"^\| `{field.encode_name}` \| [^|]+ \| ([^|]+) \|", section, re.MULTILINE)
        assert row, field.encode_name
        default = (
            "*required*"
            if field.required
            else "none"
            if field.default in (None, msgspec.UNSET)
            else f"`{json.dumps(field.default)}`"
        )
        assert row[1] == default, field.encode_name


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_is_described_with_its_fields(name: str):
    rows = re.findall(r"^\| `(\w+)` \|", section_of(REFERENCE / "events.md", name), re.MULTILINE)
    assert {field.encode_name for field in msgspec.structs.fields(FACTS[name])} <= set(rows)


def test_the_parts_of_facts_are_described():
    events = reference("events.md")
    member = re.findall(r"^\| `(\w+)` \|", section_of(REFERENCE / "events.md", "Member"), re.MULTILINE)
    assert member == [field.name for field in msgspec.structs.fields(alsohere.Member)]
    words = [
        field.name for part in (facts.MemberUpdate, facts.MemberLeave, facts.Snapshot) for field in msgspec.structs.fields(part)
    ]
    words += [word for kind in (facts.Watch, facts.Mode, facts.Status, facts.LeaveReason) for word in get_args(kind)]
    assert not [word for word in words if not re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`", events)]


def error_codes() -> set[str]:
    """Every code that the source gives to a refusal: of a class, or where one is raised."""
    codes: set[str] = set()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                codes.add(node.value.value)
            elif isinstance(node, ast.Assign) and path.name == "errors.py" and isinstance(node.value, ast.Constant):
                codes |= {node.value.value for target in node.targets if getattr(target, "id", "") == "code"}
    return codes


def test_every_error_code_is_described_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \|", section_of(REFERENCE / "errors.md", "Codes"), re.MULTILINE)
    assert set(rows) == error_codes()


def test_every_close_code_is_described_and_no_other():
    rows = re.findall(r"^\| (\d{4}) \| (\w+) \|", reference("errors.md"), re.MULTILINE)
    assert {(int(code), name) for code, name in rows} == {(int(code), code.name) for code in CloseCode}


def test_a_close_code_that_is_said_not_to_be_sent_is_not():
    idle = re.findall(r"^\| \d{4} \| (\w+) \| not sent by this version", reference("errors.md"), re.MULTILINE)
    sent = r"(?:Disconnect|PacketError|close)\([^{}\n]*CloseCode\."
    assert not [name for name in idle if re.search(rf"{sent}{name}\b", SOURCE_TEXT)]


def test_every_engine_io_error_is_described():
    rows = re.findall(r"^\| (\d) \| (\w+) \|", reference("errors.md"), re.MULTILINE)
    assert {name: int(code) for code, name in rows} == {
        name: value for name, value in vars(request).items() if name.isupper() and isinstance(value, int) and value < 10
    }


def test_every_metric_that_a_scrape_shows_is_described():
    shown = re.findall(r"^# TYPE (\w+) ", metrics.exposition(alsohere.AlsoHere(dev=True).node).decode(), re.MULTILINE)
    assert len(shown) > 10
    assert not [name for name in shown if f"`{name}`" not in reference("metrics.md")]


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_and_option_of_the_command_line_is_described(name: str):
    section = section_of(REFERENCE / "cli.md", name)
    options = [option for parameter in cli.commands[name].params for option in (*parameter.opts, *parameter.secondary_opts)]
    assert not [option for option in options if option.lower() not in section.lower()]


def test_every_path_is_described():
    here = alsohere.AlsoHere(dev=True)
    paths = [route.path.replace(":path", "") for route in here._router.routes] + list(here.engines)
    headings = set(re.findall(r"^### [A-Z]+ (/\S+)$", reference("http.md"), re.MULTILINE))
    shown = re.findall(r"`(/[^`]*)`", reference("http.md"))
    assert not [path for path in paths if path not in headings and path.rstrip("/") not in [one.rstrip("/") for one in shown]]


def test_every_public_name_of_the_package_is_described():
    names = [name for name in alsohere.__all__ if not name.startswith("__")]
    assert not [name for name in names if not re.search(rf"(## {name}$|`{name}`)", reference("python.md"), re.MULTILINE)]


def test_every_public_name_of_the_browser_side_is_described():
    sources = {name_of(path): path.read_text() for path in (ROOT / "js" / "src").rglob("*.ts")}
    exports = re.findall(r"^export \{([^}]*)\}", sources["js/src/index.ts"] + sources["js/src/bundle.ts"], re.MULTILINE)
    names = [name.strip() for group in exports for name in group.split(",") if not name.strip().startswith("type ")]
    names += re.findall(r'\bdefine\("([\w-]+)"', sources["js/src/elements/index.ts"])
    names += [
        part
        for group in re.findall(r"observedAttributes = \[(.*?)\]", "".join(sources.values()))
        for part in re.findall(r"\w+", group)
    ]
    names += re.findall(r"var\((--also-[\w-]+)", "".join(sources.values()))
    names += re.findall(r"::part\((\w+)\)", sources["js/src/elements/style.ts"])
    page = reference("javascript.md")
    # AlsoHere: classes are for those who make their own, the page names the element.
    named = [re.sub(r"^Also(\w+)", lambda element: f"also-{element[1].lower()}", name) for name in names]
    assert not [name for name in named if not re.search(rf"(?<![\w-]){name}(?![\w-])", page)]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("connect.ts", "interface ConnectOptions"),
        ("connect.ts", "interface AtServer"),
        ("everything.ts", "class Store"),
        ("store.ts", "class PresenceStore"),
        ("store.ts", "interface Connection"),
        ("store.ts", "interface Room"),
        ("store.ts", "interface RoomOptions"),
        ("copy.ts", "interface RoomSnapshot"),
        ("copy.ts", "interface RoomEvents"),
        ("lock.ts", "interface LockSnapshot"),
        ("lock.ts", "interface LockEvents"),
        ("lock.ts", "interface Loss"),
        ("locks.ts", "interface Lock"),
        ("rankings.ts", "interface Ranking"),
        ("rankings.ts", "interface RankingOptions"),
    ],
)
def test_every_member_of_the_browser_side_is_described(path: str, name: str):
    source = (ROOT / "js" / "src" / "core" / path).read_text()
    body = re.search(rf"^export {name}\b[^{{]*\{{\n(.*?)^\}}", source, re.MULTILINE | re.DOTALL)[1]
    body = re.sub(r"  /\*\* @internal \*/\n.*\n", "", body)
    members = set(re.findall(r"^  (?:readonly |override |async )*(\w+)\??[:(<=]", body, re.MULTILINE)) - {"constructor"}
    assert members
    page = reference("javascript.md")
    assert not [member for member in members if not re.search(rf"`[^`]*\b{member}\b[^`]*`", page)]


def test_a_setting_that_is_named_anywhere_is_one():
    known = {*environment_names(), "ALSOHERE_URL"}
    for page in PAGES:
        named = set(re.findall(r"\bALSOHERE_[A-Z_]*[A-Z]\b", page.read_text()))
        assert named <= known, name_of(page)


# -- Links and names lead somewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path):
    for link in links_of(page):
        target, _, anchor = link.partition("#")
        if link.startswith(("http://", "https://")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if anchor:
            assert anchor in anchors_of(path), link


def test_every_page_can_be_reached_from_the_index():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [
            (page.parent / link.partition("#")[0]).resolve() for link in links_of(page) if not link.startswith(("http", "#"))
        ]
        waiting += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert {page for page in PAGES if "docs" in page.parts} <= reached


ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
FOR_READERS_OF_CODE = "\n".join([ARCHITECTURE, *(page.read_text() for page in PAGES if page.parent.name == "decisions")])
FOR_READERS_OF_CODE += (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b([\w/-]+/[\w.-]+\.py|\w+\.(?:py|toml))\b", FOR_READERS_OF_CODE))))
def test_a_file_that_is_named_exists(name: str):
    assert (SRC / name).exists() or (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]\w+)(?:\.\w+)?`", ARCHITECTURE))))
def test_a_class_that_the_architecture_names_exists(name: str):
    assert re.search(rf"^(class {name}\b|{name}(:| =))", SOURCE_TEXT, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(?:[A-Z]\w+\.)?([a-z_]+)`", ARCHITECTURE))))
def test_a_function_that_the_architecture_names_exists(name: str):
    modes = {*get_args(facts.Watch), "wire", "session", "domain", "__slots__"}
    assert name in modes or re.search(rf"^\s*(async )?def {name}\(", SOURCE_TEXT, re.MULTILINE)


INVARIANTS = [
    f"{kind}{number}" for kind, last in (("P", 12), ("L", 10), ("I", 7), ("R", 7), ("S", 5)) for number in range(1, last + 1)
]


@pytest.mark.parametrize("number", INVARIANTS)
def test_every_invariant_is_in_words_and_is_tested_where_it_is_said_to_be(number: str):
    assert f"**{number}** " in reference("invariants.md")
    row = re.search(rf"^\| {number} \| ([^|]+) \| ([^|]+) \|", ARCHITECTURE, re.MULTILINE)
    files = re.findall(r"`([^`]+)`", row[2])
    assert files
    for name in files:
        assert re.search(rf"\b{number}\b", (ROOT / name).read_text()), f"{name} does not quote {number}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_has_its_four_parts(page: Path):
    assert re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]


# -- What no file may hold ---------------------------------------------------------------------------------------------

# Written in two parts, so that this file does not hold them either.
FOREIGN = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "/wo" + "rk/", "/ro" + "ot/"]
FOREIGN += ["hostile-" + "inputs.md", "des" + "ign.md", "see" + "ds.md", "eco" + "system.md", "redis-" + "model.md"]
BINARY = {".png", ".ico", ".jpg", ".woff2"}


def test_no_file_names_a_package_registry_or_a_place_on_somebodys_machine():
    for path in tracked_files():
        if path.suffix not in BINARY:
            text = path.read_text()
            assert not [word for word in FOREIGN if word in text], name_of(path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_is_installed_from_an_index_while_it_is_on_none(page: Path):
    assert "It is not on a package index yet." in (ROOT / "README.md").read_text(), "then the pages may say so"
    installed = " ".join(re.findall(r"(?:pip install|npm install|uvx) ([^`\n]*)", page.read_text())).split()
    assert "alsohere" not in {word.strip("'\"`").partition("[")[0] for word in installed}


def test_no_file_tells_how_it_came_to_be():
    pattern = re.compile(r"\bissues? #?\d|\bissue number\b|" + "../sha" + r"red\b", re.IGNORECASE)
    for path in tracked_files():
        if path.suffix not in {*BINARY, ".js", ".txt"}:
            assert not pattern.search(path.read_text()), name_of(path)


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    package = json.loads((ROOT / "js" / "package.json").read_text())["version"]
    lock = json.loads((ROOT / "js" / "package-lock.json").read_text())["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert {project, package, lock, newest, alsohere.__version__} == {project}
