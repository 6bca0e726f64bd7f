"""A database gets its schema in two ways, made empty or migrated; both lead to what schema.py says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from alsohere.backends.sql.engine import create_engine, database_url
from alsohere.backends.sql.schema import METADATA
from alsohere.backends.sql.store import Store
from alsohere.backends.sql.upkeep import examine, migrate
from alsohere.backends.sql.versions import MIGRATIONS, VERSION, VERSION_TABLE
from alsohere.errors import ConfigError, Unavailable
from support.databases import DURABLE, new_database, rows
from support.loop import asynchronous

CATALOGUE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL",
    "postgres": """
        SELECT 'column', table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
            || coalesce(column_default, '') || ' ' || is_identity FROM information_schema.columns WHERE table_schema = 'alsohere'
        UNION SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'alsohere'
        UNION SELECT contype::text, conname || pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'alsohere'::regnamespace""",
}


@pytest.fixture(params=DURABLE)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def url(kind: str, tmp_path: Path) -> str:
    return new_database(kind, tmp_path)


def proved(url: str) -> None:
    """What a server does at its start, and its end."""
    store = Store(url)
    store.prove()
    asyncio.run(store.close())


def set_version(url: str, version: str) -> None:
    rows(url, f"UPDATE {VERSION_TABLE.name} SET version_num = '{version}'")


def catalogue(kind: str, url: str) -> set[Any]:
    """Everything that a database knows of its tables, without the order of a CREATE TABLE's lines."""
    return {(name, *sorted(re.split(r"[,\s()]+", sql))) for name, sql in rows(url, CATALOGUE[kind])}


def test_the_migrations_lead_to_the_tables_of_the_schema(url: str):
    assert migrate(url) == (None, VERSION)
    with create_engine(database_url(url), "test", reads=True).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE.name, "compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_an_empty_database_gets_the_very_same_tables_without_them(kind: str, url: str, tmp_path: Path):
    proved(url)
    migrated = new_database(kind, tmp_path)
    migrate(migrated)
    assert catalogue(kind, url) == catalogue(kind, migrated)
    assert len(catalogue(kind, url)) > len(METADATA.tables)
    assert migrate(url) == (VERSION, VERSION)


def test_the_version_is_that_of_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [VERSION]
    assert {path.name[1:5] for path in (MIGRATIONS / "versions").glob("v*.py")} == {
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
    }


@asynchronous
async def test_a_server_refuses_another_schema_and_says_what_to_do(url: str):
    migrate(url)
    set_version(url, "9999")
    for ask in (Store(url).prove, lambda: examine(url), lambda: migrate(url)):
        with pytest.raises(ConfigError, match="which a newer version of alsohere has made; this one knows"):
            ask()
    store = Store(url)
    with pytest.raises(Unavailable):
        await store.writer.ask(lambda _: None)
    await store.close()


def test_an_old_schema_is_only_changed_by_the_command(url: str, monkeypatch: pytest.MonkeyPatch):
    migrate(url)
    monkeypatch.setattr("alsohere.backends.sql.versions.VERSION", "9999")  # as a newer version of us would say
    for ask in (Store(url).prove, lambda: examine(url)):
        with pytest.raises(ConfigError, match="and run: alsohere migrate"):
            ask()


@asynchronous
async def test_a_database_in_use_is_not_migrated(url: str):
    store = Store(url)
    await store.writer.ask(lambda _: None)
    with pytest.raises(Unavailable, match="Stop that server"):
        migrate(url)
    assert examine(url) == VERSION
    await store.close()
    assert migrate(url) == (VERSION, VERSION)


def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path):
    url = new_database("postgres", tmp_path)
    rows(url, "CREATE TABLE public.locks (mine int)")
    rows(url, "CREATE TABLE public.alembic_version (version_num text)")
    migrate(url)
    assert rows(url, "SELECT count(*) FROM public.locks") == [(0,)]
    assert rows(url, "SELECT count(*) FROM alsohere.locks") == [(0,)]


def test_a_schema_that_an_administrator_has_made_is_used(tmp_path: Path):
    url = new_database("postgres", tmp_path)
    name = database_url(url).database
    rows(url, f"CREATE ROLE {name} LOGIN")
    rows(url, f"CREATE SCHEMA alsohere AUTHORIZATION {name}")
    rows(url, f"REVOKE CREATE ON DATABASE {name} FROM PUBLIC")
    theirs = url.replace("postgres:@", f"{name}@")
    proved(theirs)
    assert examine(theirs) == VERSION
    other = new_database("postgres", tmp_path).replace("postgres:@", f"{name}@")
    with pytest.raises(ConfigError, match="permission denied"):
        migrate(other)
