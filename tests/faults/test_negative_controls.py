"""The negative controls: gateways with a fault planted in them turn the checker red, each by its own clause.

Source: GUARANTEES 4: a checker never seen red is no evidence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.faults.campaign import Size, campaign
from tests.faults.planted import without_unique_constraints


def told(folder: Path, store: str, fault: str, *, pause: float = 0.3, **planted: Any) -> set[str]:
    """Which promises are broken by a short campaign, in a deployment with something planted."""
    size = Size(
        store,
        5.0 + 2 * pause,
        25.0,
        seed=20,
        people=40,
        clients=8,
        pause=pause,
        outage=1.5,
        kinds=(fault,),
        drain=4.0,
        closes=False,
    )
    return {one.clause for one in campaign(size, folder, **planted).violations}


def test_a_gateway_that_answers_before_its_commit_is_told(tmp_path: Path) -> None:
    found = told(tmp_path, "sqlite", "gateway killed", pause=2.0, variant="commit-after-answer")

    assert "acknowledged is stored" in found


def test_a_register_without_unique_constraints_and_an_outbox_read_by_position_are_told(tmp_path: Path) -> None:
    found = told(tmp_path, "sqlite", "worker killed", variant="outbox-by-position", prepare=without_unique_constraints)

    assert "a business key has one row" in found
    assert "nothing waits at the end" in found


def test_a_database_that_does_not_wait_for_its_journal_is_told(tmp_path: Path) -> None:
    lying = {"synchronous_commit": "off", "wal_writer_delay": "10s"}

    found = told(tmp_path, "postgresql", "PostgreSQL killed", settings=lying)

    assert "acknowledged is stored" in found
