"""Settings: each with its default, its range, and one sentence that names it when it is ill-formed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings, SettingsError, read_settings, read_token


def read(**given: str) -> Settings:
    return read_settings({f"CHRONICCARE_{name.upper()}": value for name, value in given.items()})


def test_empty_environment_gives_the_defaults() -> None:
    settings = read()

    assert settings == Settings()
    assert settings.keyring_path == Path("data/keys.json")
    assert settings.store_url == f"sqlite:///{Path('data').resolve() / 'register.sqlite3'}"
    assert (settings.audience, settings.sandbox, settings.issuer) == ("chroniccare-gateway", False, "")
    assert settings.trusted_hosts == ("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data_dir", "/srv/data", Path("/srv/data")),
        ("database_url", "postgresql+psycopg://gateway@db/register", "postgresql+psycopg://gateway@db/register"),
        ("keys", "/run/keys.json", Path("/run/keys.json")),
        ("issuer", "https://issuer.example", "https://issuer.example"),
        ("audience", "chroniccare-acc", "chroniccare-acc"),
        ("mycarenet_url", "https://mycarenet.example", "https://mycarenet.example"),
        ("trusted_hosts", "a.example,b.example", ("a.example", "b.example")),
        ("threads", "1", 1),
        ("threads", "1000", 1000),
        ("sandbox", "1", True),
        ("sandbox", "0", False),
        ("lease_seconds", "1", 1.0),
        ("lease_seconds", "3600", 3600.0),
        ("backoff_seconds", "0.1", 0.1),
        ("backoff_seconds", "86400", 86400.0),
        ("otlp_endpoint", "https://traces.example", "https://traces.example"),
    ],
)
def test_setting_is_read(name: str, text: str, value: Any) -> None:
    assert getattr(read(**{name: text}), name) == value


def test_setting_of_the_key_ring_and_database_win_over_the_data_directory() -> None:
    settings = read(keys="/run/keys.json", database_url="sqlite:////srv/register.sqlite3")

    assert settings.keyring_path == Path("/run/keys.json")
    assert settings.store_url == "sqlite:////srv/register.sqlite3"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("otlp_endpoint", "127.0.0.1:4318", "CHRONICCARE_OTLP_ENDPOINT begins with http:// or https://"),
        ("threads", "0", "CHRONICCARE_THREADS is a number from 1 to 1000"),
        ("threads", "1001", "CHRONICCARE_THREADS is a number from 1 to 1000"),
        ("threads", "many", "CHRONICCARE_THREADS is a number from 1 to 1000"),
        ("threads", "", "CHRONICCARE_THREADS is a number from 1 to 1000"),
        ("threads", "nan", "CHRONICCARE_THREADS is a number from 1 to 1000"),
        ("threads", "inf", "CHRONICCARE_THREADS is a number from 1 to 1000"),
        ("lease_seconds", "0.9", "CHRONICCARE_LEASE_SECONDS is a number from 1 to 3600"),
        ("lease_seconds", "3601", "CHRONICCARE_LEASE_SECONDS is a number from 1 to 3600"),
        ("lease_seconds", "-1", "CHRONICCARE_LEASE_SECONDS is a number from 1 to 3600"),
        ("backoff_seconds", "0", "CHRONICCARE_BACKOFF_SECONDS is a number from 0.1 to 86400"),
        ("backoff_seconds", "86401", "CHRONICCARE_BACKOFF_SECONDS is a number from 0.1 to 86400"),
        ("sandbox", "yes", "CHRONICCARE_SANDBOX is 0 or 1"),
        ("sandbox", "true", "CHRONICCARE_SANDBOX is 0 or 1"),
        ("sandbox", "", "CHRONICCARE_SANDBOX is 0 or 1"),
    ],
)
def test_setting_out_of_range_is_named_with_what_it_takes(name: str, text: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**{name: text})

    assert str(refused.value) == told


def test_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONICCARE_AUDIENCE", "chroniccare-acc")
    monkeypatch.setenv("AUDIENCE", "other")

    assert read_settings().audience == "chroniccare-acc"


@pytest.mark.parametrize("given", [{}, {"CHRONICCARE_TOKEN": ""}, {"CHRONICCARE_TOKEN": " "}])
def test_token_of_a_command_must_be_there(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="CHRONICCARE_TOKEN is missing"):
        read_token(given)


def test_token_of_a_command_is_read_and_never_a_setting() -> None:
    environment = {"CHRONICCARE_TOKEN": " abc\n"}

    assert read_token(environment) == "abc"
    assert "abc" not in str(read_settings(environment))
