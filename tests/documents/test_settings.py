"""The README's table of settings says what gateway/settings.py reads."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import PREFIX, Settings, read_settings
from tests.documents.texts import read, rows, section

OTHER_VALUES = {
    "data_dir": "elsewhere",
    "database_url": "postgresql://elsewhere/register",
    "replica_url": "postgresql://replica/register",
    "keys": "elsewhere.json",
    "kek": "mounted:/run/secrets/kek",
    "pseudonym_domain": "https://ehealth.example/pseudo/v1/domains/x",
    "pseudonym_key": "elsewhere.pem",
    "extracts_dir": "elsewhere",
    "checkpoints_dir": "elsewhere",
    "issuer": "https://issuer.example",
    "audience": "another-gateway",
    "mycarenet_url": "https://mycarenet.example",
    "trusted_hosts": "gateway.example,other.example",
    "threads": "3",
    "sandbox": "1",
    "caller_rate": "7.5",
    "project_rate": "75",
    "standby": "1",
    "free_mib": "512",
    "lease_seconds": "7",
    "backoff_seconds": "70",
    "batch_days": "60",
    "late_hours": "24",
    "month_end_days": "7",
    "otlp_endpoint": "http://127.0.0.1:4318",
}


def documented() -> dict[str, list[str]]:
    """Unit, default and meaning by variable."""
    return {row[0].strip("`"): row[1:] for row in rows(section(read("README.md"), "Settings"))}


def shown(value: Any) -> str:
    """A default as the table shows it."""
    match value:
        case None | "":
            return "unset"
        case bool():
            return f"`{int(value)}`"
        case tuple():
            return f"`{','.join(value)}`"
        case float():
            return f"`{value:g}`"
        case _:
            return f"`{value}`"


def test_the_table_has_every_setting_and_no_other() -> None:
    assert list(documented()) == [PREFIX + field.name.upper() for field in fields(Settings)]


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_a_setting_has_its_unit_its_default_and_a_meaning(name: str) -> None:
    unit, default, meaning = documented()[PREFIX + name.upper()]

    assert default == shown(getattr(Settings(), name))
    assert unit
    assert meaning


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_a_documented_variable_changes_its_setting_alone(name: str) -> None:
    changed = read_settings({PREFIX + name.upper(): OTHER_VALUES[name]})

    differing = {one.name for one in fields(Settings) if getattr(changed, one.name) != getattr(Settings(), one.name)}
    assert differing == {name}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_what_unset_stands_for() -> None:
    settings = Settings(data_dir=Path("data"))

    assert settings.store_url == f"sqlite:///{Path('data').resolve() / 'register.sqlite3'}"
    assert settings.keyring_path == Path("data/keys.json")
