"""Settings: where they come from, what they may be, and what is said about those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from alsohere.config import Config, environment_names, unknown_variables
from alsohere.errors import ConfigError

LONG_ENOUGH = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def refused(**given: object) -> str:
    with pytest.raises(ConfigError) as error:
        Config.load(**given)
    return str(error.value)


# -- Where they come from ----------------------------------------------------------------------------------------------


def test_without_anything_the_server_is_safe_and_local():
    config = Config.load()
    assert (config.host, config.port) == ("127.0.0.1", 8765)
    assert not config.lets_anonymous_in
    assert config.origins == config.trusted_proxies == ()
    assert config.api_key is None


def test_arguments_come_before_variables_and_variables_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / ".env").write_text("ALSOHERE_TICK_S=0.2\nALSOHERE_SAMPLE_SIZE=20\nALSOHERE_DRAIN_S=20\n")
    monkeypatch.setenv("ALSOHERE_SAMPLE_SIZE", "30")
    monkeypatch.setenv("ALSOHERE_DRAIN_S", "30")
    config = Config.load(drain_s=40)
    assert (config.tick_s, config.sample_size, config.drain_s) == (0.2, 30, 40)


@pytest.mark.parametrize(
    ("name", "value", "setting", "wanted"),
    [
        ("PORT", "5000", "port", 5000),
        ("WEB_CONCURRENCY", "1", "workers", 1),
        ("REDIS_URL", "redis://cache", "redis_url", "redis://cache"),
        ("DATABASE_URL", "postgresql://db", "database_url", "postgresql://db"),
    ],
)
def test_what_hosting_platforms_set_is_understood(monkeypatch, name: str, value: str, setting: str, wanted: object):
    monkeypatch.setenv(name, value)
    found = getattr(Config.load(), setting)
    assert (found.get_secret_value() if setting.endswith("url") else found) == wanted


def test_our_own_name_comes_before_the_platforms(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PORT", "5000")
    monkeypatch.setenv("ALSOHERE_PORT", "6000")
    assert Config.load().port == 6000


def test_an_empty_variable_is_like_none(monkeypatch: pytest.MonkeyPatch):
    for name in ("ALSOHERE_PORT", "ALSOHERE_SECRET", "ALSOHERE_API_KEY", "REDIS_URL", "ALSOHERE_DEV"):
        monkeypatch.setenv(name, "")
    config = Config.load()
    assert (config.port, config.secret, config.api_key, config.redis_url, config.dev) == (8765, None, None, None, False)


@pytest.mark.parametrize("text", ["https://a.example,https://b.example", "https://a.example https://b.example"])
def test_a_list_is_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("ALSOHERE_ORIGINS", text)
    assert Config.load().origins == ("https://a.example", "https://b.example")
    assert Config.load(origins=text + ", ").origins == ("https://a.example", "https://b.example")
    assert Config.load(origins=["https://a.example"]).origins == ("https://a.example",)


# -- What they may be --------------------------------------------------------------------------------------------------

OUT_OF_RANGE = {
    "port": 70_000,
    "workers": 0,
    "ping_interval_s": 0,
    "ping_timeout_s": 301,
    "connect_timeout_s": -1,
    "max_payload_bytes": 10,
    "leave_grace_s": -0.1,
    "tick_s": 0,
    "room_full_limit": 0,
    "sample_size": 0,
    "connections": 0,
    "connections_per_user": 0,
    "rooms_per_connection": 0,
    "packets_per_s": 0,
    "outbox_bytes": 1,
    "drain_s": "soon",
    "dev": "maybe",
}


@pytest.mark.parametrize(("setting", "value"), OUT_OF_RANGE.items())
def test_a_value_out_of_range_is_refused_by_the_name_of_its_setting(setting: str, value: object):
    assert refused(**{setting: value}).startswith(f"{setting}: ")


def test_a_variable_that_is_wrong_is_refused_by_its_own_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("ALSOHERE_TICK_S", "fast")
    message = refused()
    assert "PORT: " in message
    assert "tick_s: " in message


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"secret": "too short"}, "secret must have at least 32 bytes; make one with: alsohere secret"),
        ({"workers": 2}, "workers above 1 need REDIS_URL"),
        ({"room_full_limit": 100, "room_full_again": 101}, "room_full_again must not be above room_full_limit"),
    ],
)
def test_settings_that_do_not_fit_together_are_named_with_the_fix(given: dict, named: str):
    assert named in refused(**given)


def test_a_setting_that_does_not_exist_is_answered_with_the_nearest_that_does():
    assert refused(prot=1) == "there is no setting 'prot'; did you mean port?"
    assert refused(zzzzzzzzzz=1) == "there is no setting 'zzzzzzzzzz'"


def test_a_variable_that_nobody_reads_is_answered_with_the_nearest_that_somebody_does():
    environ = {"ALSOHERE_SECRT": "x", "ALSOHERE_PING_INTERVAL": "5", "ALSOHERE_PORT": "1", "ALSOHERE_URL": "", "PATH": "/bin"}
    assert unknown_variables(environ) == [
        "ALSOHERE_PING_INTERVAL is not a setting of alsohere; did you mean ALSOHERE_PING_INTERVAL_S?",
        "ALSOHERE_SECRT is not a setting of alsohere; did you mean ALSOHERE_SECRET?",
    ]


def test_secrets_are_not_shown():
    config = Config.load(secret=LONG_ENOUGH, api_key="the-key", redis_url="redis://:password@cache", database_url="pg://u:pw@db")
    shown = f"{config!r} {config}"
    assert not any(secret in shown for secret in (LONG_ENOUGH, "the-key", "password", "pw@"))
    assert "too short" not in refused(secret="too short")
