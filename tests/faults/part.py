"""The part of a campaign that every run of the tests holds: two and a half minutes on each store.

The rate is low: what is looked for is what a fault does, and CPU is what other tests need meanwhile.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.faults.campaign import Outcome, Size, campaign
from tests.faults.disk import flushing, small_disk

SEED = 20
SECONDS = 150.0
PER_SECOND = 3.0
FEWEST_KINDS = 5
"""Where the machine is so slow that recoveries take most of the time; elsewhere there are dozens."""
NEEDING_ROOT_OR_COMPILER = {"disk full", "disk cannot flush"}


def run_part(store: str, folder: Path) -> Outcome:
    """Run it on a store."""
    size = Size(
        store,
        SECONDS,
        PER_SECOND,
        SEED,
        people=60,
        clients=8,
        pause=3.0,
        outage=2.0,
        drain=120.0,
        months=("2021-12",),
        restores=store == "sqlite",
    )
    with ExitStack() as stack:
        disk, flushes = stack.enter_context(small_disk(200)), stack.enter_context(flushing())
        return campaign(size, folder, disk=disk, flushing=flushes)


def check(outcome: Outcome) -> None:
    """Check that no promise was broken, and that there was something that could have broken one."""
    assert [f"{one.clause}: {one.shown_by}" for one in outcome.violations] == []
    assert outcome.unanswered == 0
    assert outcome.drain_seconds is not None
    assert outcome.acknowledged > outcome.size.people + 200
    assert bool(outcome.replayed) == outcome.size.restores
    assert outcome.left_out.keys() <= NEEDING_ROOT_OR_COMPILER
    assert len(outcome.faults) > FEWEST_KINDS
