"""Pulses: what workers and jobs did since the register began, one row for each kind of work; and what waits for them.

Shape: `done` and `seconds` only grow; they are the same for every gateway that is asked, and outlive every process.
Stage: none; a pulse is about work, never about a person or a project.
Cost: one row, taken last in its transaction, so that two workers wait for each other briefly and never in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from gateway.store.batch_tables import batch
from gateway.store.dialects import Statement
from gateway.store.tables import extract, pulse

_BEAT = Statement(
    lambda insert: (added := insert(pulse)).on_conflict_do_update(
        index_elements=["name"],
        set_={
            "at": added.excluded.at,
            "done": pulse.c.done + added.excluded.done,
            "seconds": pulse.c.seconds + added.excluded.seconds,
        },
    )
)
_UNDONE = ("queued", "running")
_BATCHES = select(func.count()).select_from(batch).where(batch.c.state.in_(_UNDONE))
_EXTRACTS = select(func.count()).select_from(extract).where(extract.c.state.in_(_UNDONE))
_WAITING = select(_BATCHES.scalar_subquery(), _EXTRACTS.scalar_subquery())


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many batches and extracts wait for a worker."""

    batches: int
    extracts: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """When a kind of work was last done, how often, and how long it took altogether.

    Units: seconds of real time.
    """

    at: datetime
    done: int
    seconds: float


class Pulses:
    """The pulses inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def beat(self, name: str, now: datetime, seconds: float = 0.0, count: int = 1) -> None:
        """Count work that was done now; to be called last in its transaction."""
        done = {"name": name, "at": now, "done": count, "seconds": seconds}
        self._connection.execute(_BEAT.on(self._connection), done)

    def all(self) -> Mapping[str, Pulse]:
        """Every pulse by its name."""
        return {row.name: Pulse(row.at, row.done, row.seconds) for row in self._connection.execute(select(pulse))}

    def waiting(self) -> Waiting:
        """What waits."""
        return Waiting(*self._connection.execute(_WAITING).one())
