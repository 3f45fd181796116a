"""A short campaign on each store; `make campaign` runs long ones."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.faults.campaign import Size, campaign
from tests.faults.kinds import KINDS
from tests.faults.schedule import schedule

SEED = 20
MONTH = ("2021-12",)
GENTLE = (
    "gateway killed",
    "killed before its commit",
    "worker killed",
    "MyCareNet: half-503",
    "clients' way: deaf",
    "way to MyCareNet: cut",
)
HARSH = ("PostgreSQL killed", "backends terminated", "way to the register: cut", "lock held")


def a_size(store: str, *kinds: str, seconds: float = 8.0) -> Size:
    return Size(
        store, seconds, 25.0, SEED, people=60, clients=8, pause=0.2, outage=1.0, kinds=kinds, drain=60.0, months=MONTH
    )


@pytest.mark.parametrize(
    "size",
    [a_size("sqlite", *GENTLE), a_size("postgresql", "gateway killed", "clients' way: deaf", *HARSH)],
    ids=["sqlite", "postgresql"],
)
def test_a_short_campaign_breaks_no_promise(size: Size, tmp_path: Path) -> None:
    outcome = campaign(size, tmp_path)

    assert outcome.violations == ()
    assert outcome.unanswered == 0
    assert outcome.drain_seconds is not None
    assert outcome.acknowledged > size.people + 50
    assert len(outcome.history.windows) > 2


def test_a_schedule_follows_from_its_seed_and_gives_every_kind_its_turn() -> None:
    kinds = list(KINDS.values())
    first, again, other = (
        list(islice(schedule(seed, kinds, pause=0.5, deep=True), 2 * len(kinds))) for seed in (1, 1, 2)
    )

    assert first == again != other
    assert {turn.kind.name for turn in first[: len(kinds)]} == KINDS.keys()
    assert all(turn.kind.shortest <= turn.seconds <= max(turn.kind.deep, turn.kind.longest) for turn in first)
