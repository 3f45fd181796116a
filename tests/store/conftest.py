"""Fixtures of the register's room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.transaction import Store
from tests.citus import CITUS
from tests.conftest import STORES, fresh


@pytest.fixture(params=(*STORES, *CITUS))
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """As for all tests; here on a Citus cluster as well, where one is given."""
    yield from fresh(request, tmp_path)


@pytest.fixture
def register(store: Store) -> Store:
    """The register with a catalogue in it (WITH_CATALOGUE)."""
    return store
