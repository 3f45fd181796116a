"""Fixtures of the register's room."""

from __future__ import annotations

import pytest

from gateway.store.transaction import Store


@pytest.fixture
def register(store: Store) -> Store:
    """The register with a catalogue in it (WITH_CATALOGUE)."""
    return store
