"""Fixtures of the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.app import build_context
from gateway.clock import SandboxClock
from gateway.pseudonyms.keyring import new_keys, write_keyring
from gateway.settings import read_settings
from tests.builders import instant
from tests.conftest import LegalClock
from tests.services.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, seeded_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk at the register of the command line."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, value in {"DATA_DIR": str(folder), "SANDBOX": "1"}.items():
        monkeypatch.setenv(f"CHRONICCARE_{name}", value)
    SandboxClock(folder / "clock").move(instant("2022-01-15T09:00Z"))
    settings = read_settings()
    write_keyring(new_keys(), settings.keyring_path)
    shutil.copy(seeded_template, folder / "register.sqlite3")
    context = build_context(settings)
    with closing(context.store):
        yield Desk(context, LegalClock(), settings.store_url)
