"""Which URLs are databases, and what a session with one promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from alsohere.backends.sql.engine import create_engine, database_url
from alsohere.errors import ConfigError
from support.databases import new_database, rows

POSTGRES = "postgresql+psycopg://u:p%40ss@h:5433/d"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_every_way_to_write_postgresql_is_one(scheme: str):
    url = database_url(f"{scheme}://u:p%40ss@h:5433/d")
    assert url.render_as_string(hide_password=False) == POSTGRES


def test_what_asyncpg_calls_ssl_is_sslmode():
    assert database_url("postgresql+asyncpg://h/d?ssl=require").query == {"sslmode": "require"}
    assert database_url("postgresql://h/d?sslmode=verify-full&application_name=x").query == {
        "sslmode": "verify-full",
        "application_name": "x",
    }


def test_the_path_of_a_sqlite_file_is_that_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for written in ("sqlite:///alsohere.db", "sqlite+aiosqlite:///alsohere.db", f"sqlite:///{tmp_path}/alsohere.db"):
        assert database_url(written).database == str(tmp_path / "alsohere.db")


def test_a_link_to_a_sqlite_file_is_that_file(tmp_path: Path):
    (tmp_path / "link.db").symlink_to(tmp_path / "alsohere.db")
    assert database_url(f"sqlite:///{tmp_path}/link.db").database == str(tmp_path / "alsohere.db")


@pytest.mark.parametrize(
    "wrong", ["", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory", "mysql://h/d", "alsohere.db"]
)
def test_what_is_no_database_is_refused_with_the_fix(wrong: str):
    with pytest.raises(ConfigError, match=r"^database_url: "):
        database_url(wrong)


def test_sqlite_has_the_bytes_on_the_disk_when_a_commit_returns(tmp_path: Path):
    with create_engine(database_url(new_database("sqlite", tmp_path)), "test").connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "fullfsync")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1}


@pytest.mark.parametrize(
    ("of_the_server", "ours"), [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
def test_postgresql_has_them_too_whatever_the_server_thinks(of_the_server: str, ours: str, tmp_path: Path):
    url = new_database("postgres", tmp_path)
    rows(url, f"ALTER DATABASE {database_url(url).database} SET synchronous_commit = '{of_the_server}'")
    with create_engine(database_url(url), "test").connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == ours
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "1500ms"
