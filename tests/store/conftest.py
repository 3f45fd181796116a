"""Fixtures of the register's room."""

from __future__ import annotations

import pytest

from gateway.store.transaction import Store
from tests.store.seeds import seeded


@pytest.fixture
def register(store: Store) -> Store:
    """The register with a catalogue in it."""
    return seeded(store)
