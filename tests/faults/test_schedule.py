"""Which fault comes when."""

from __future__ import annotations

from itertools import islice

from tests.faults.kinds import KINDS
from tests.faults.schedule import schedule


def test_a_schedule_follows_from_its_seed_and_gives_every_kind_its_turn() -> None:
    kinds = list(KINDS.values())
    first, again, other = (
        list(islice(schedule(seed, kinds, pause=0.5, deep=True), 2 * len(kinds))) for seed in (1, 1, 2)
    )

    assert first == again != other
    assert {turn.kind.name for turn in first[: len(kinds)]} == KINDS.keys()
    assert all(turn.kind.shortest <= turn.seconds <= max(turn.kind.deep, turn.kind.longest) for turn in first)
