"""Fixtures of the verbs' room."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.services.context import Context
from tests.conftest import LegalClock
from tests.services.batch_desk import Batches
from tests.services.desk import Desk
from tests.services.extract_desk import ExtractDesk


@pytest.fixture
def desk(context: Context, legal_clock: LegalClock, database_url: str) -> Desk:
    """The desk in front of a register with a catalogue, on 15 January 2022."""
    return Desk(context, legal_clock, database_url)


@pytest.fixture
def batches(desk: Desk) -> Batches:
    """The desk on 1 March 2022, for batches; nobody is included yet."""
    return Batches(desk.at("2022-03-01T08:00+01:00"))


@pytest.fixture
def extracts(desk: Desk, tmp_path: Path) -> ExtractDesk:
    """The desk on 1 March 2024, for extracts; nothing is released yet."""
    return ExtractDesk(desk.at("2024-03-01T08:00+01:00"), tmp_path / "extracts")
