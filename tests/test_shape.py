"""Size and shape of the code: small files, short functions, and docstrings on everything that people import."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

import alsohere

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()

LISTED_ABOVE_LINES = 350
MOST_LINES = 600
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


SIZES = {path.relative_to(ROOT).as_posix(): size for path in SOURCES if (size := lines_of(path))}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


BODIES = {
    f"{path.relative_to(ROOT)}:{function.name}": body_lines(function)
    for path in SOURCES
    for function in functions(ast.parse(path.read_text()))
}


# -- Size --------------------------------------------------------------------------------------------------------------


def test_the_median_file_has_at_most_150_lines():
    assert median(SIZES.values()) <= 150


def test_nine_files_in_ten_have_at_most_350_lines():
    assert sum(size <= LISTED_ABOVE_LINES for size in SIZES.values()) >= 0.9 * len(SIZES)


def test_no_file_is_over_600_lines_and_those_over_350_are_named_in_the_architecture():
    assert not {name for name, size in SIZES.items() if size > MOST_LINES}
    large = {name for name, size in SIZES.items() if size > LISTED_ABOVE_LINES}
    reasons = ARCHITECTURE.partition("\n## Size\n")[2].partition("\n## ")[0]
    missing = {name for name in large if f"`{name.removeprefix('src/alsohere/')}`" not in reasons}
    assert not missing, f"say in ARCHITECTURE.md why these are that long: {missing}"


@pytest.mark.parametrize("folder", ["tests", "bench", "examples", "js/src", "js/test"])
def test_nor_is_a_file_that_is_not_shipped(folder: str):
    own = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".ts"} and "node_modules" not in path.parts]
    assert own
    assert not [path.name for path in own if lines_of(path) > MOST_LINES]


def test_the_median_function_has_at_most_8_lines():
    assert median(BODIES.values()) <= 8


def test_95_functions_in_100_have_at_most_40_lines():
    assert quantiles(BODIES.values(), n=20)[-1] <= 40


# -- Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "examples", "docs"])
def test_files_are_named_after_what_they_hold(folder: str):
    stems = {part for path in (ROOT / folder).rglob("*.py") for part in (path.stem, path.parent.name)}
    assert not stems & VAGUE_NAMES


def test_a_test_imports_no_mock_library():
    pattern = re.compile(r"^\s*(?:from|import)\s+(?:unittest\.mock|mock|pytest_mock)\b", re.MULTILINE)
    assert not [path for path in (ROOT / "tests").rglob("*.py") if pattern.search(path.read_text())]


def test_every_module_has_its_place_in_the_import_law():
    law = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    placed = {name for layer in law["layers"] for name in re.findall(r"[\w.]+", layer)}
    package = ROOT / "src" / "alsohere"
    modules = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    assert {f"alsohere.{name}" for name in modules if not name.startswith("__")} <= placed


# -- Docstrings of what people import ----------------------------------------------------------------------------------

MADE_BY_US = {"Namespace"}  # handed out, never constructed by an application
PUBLIC = {name: value for name in alsohere.__all__ if inspect.isclass(value := getattr(alsohere, name))}


@pytest.mark.parametrize("kind", [alsohere.Member, alsohere.RoomCount, alsohere.User])
def test_what_presence_hands_out_says_what_its_fields_are(kind: type):
    described = re.findall(r"^    (\w+):", inspect.cleandoc(kind.__doc__), re.MULTILINE)
    assert described == list(kind.__struct_fields__)


def public_methods() -> Iterator[tuple[str, object]]:
    for name, cls in PUBLIC.items():
        for attribute, value in vars(cls).items():
            plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if not attribute.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
                yield f"{name}.{attribute}", plain


METHODS = dict(public_methods())


def parameters(function: object) -> list[str]:
    """What a caller passes: a decorator's function is what it decorates, and says itself what it takes."""
    names = list(inspect.signature(inspect.unwrap(function)).parameters)
    return [name for name in names if name not in {"self", "cls", "function"} and not name.startswith("_")]


def raised(function: object) -> set[str]:
    """The exceptions that the body raises itself, inner functions left out."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    inner = {node for outer in functions(tree) if outer is not tree for node in ast.walk(outer)}
    found = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc and node not in inner)
    return {call.func.id for call in found if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}


def arguments_of(doc: str) -> set[str]:
    """The names under `Args:`."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", doc, re.MULTILINE)
    named = re.findall(r"^    (\w+(?:, \w+)*):", section[1], re.MULTILINE) if section else []
    return {name for names in named for name in names.split(", ")}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_class_says_what_it_is_and_what_it_takes(name: str):
    cls = PUBLIC[name]
    doc = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    assert doc
    if "__init__" in vars(cls) and name not in MADE_BY_US:
        taken = set(parameters(cls.__init__)) if "Attributes:" not in doc else set()
        assert taken <= arguments_of(doc)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_public_method_says_what_it_gives_takes_and_raises(name: str):
    method = METHODS[name]
    doc = inspect.getdoc(method) or ""
    assert doc
    if not isinstance(method, property):
        assert set(parameters(method)) <= arguments_of(doc)
        assert not {error for error in raised(method) if f"{error}:" not in doc.partition("Raises:")[2]}
