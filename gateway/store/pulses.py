"""Pulses: what workers and jobs did since the register began, which workers there are, and what waits for them.

Shape: `done` and `seconds` only grow; they are the same for every gateway that is asked, and outlive every process.
Stage: none; a pulse is about work, never about a person or a project.
Cost: a row or a few, taken last in their transaction and in one order, so that two workers wait for each other briefly
and never in a circle.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select, text

from gateway.store.batch_tables import batch
from gateway.store.prepared import Prepared
from gateway.store.pulse_tables import lane_beat, latency, pulse
from gateway.store.tables import extract

BOUNDS = (1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 259_200, 604_800)
"""Upper bounds in seconds, from one second to a week, by which latencies are counted."""
ALIVE_FOR = timedelta(seconds=60)
"""How long a worker counts after its last beat."""
MISSED_FOR = timedelta(minutes=10)
"""How long the beats of a worker that ended without a word are still told."""
_BEAT = Prepared(
    lambda insert: (added := insert(pulse)).on_conflict_do_update(
        index_elements=["name"],
        set_={
            "at": added.excluded.at,
            "done": pulse.c.done + added.excluded.done,
            "seconds": pulse.c.seconds + added.excluded.seconds,
        },
    )
)
_OBSERVE = Prepared(
    lambda insert: (added := insert(latency)).on_conflict_do_update(
        index_elements=["name", "upto_seconds"], set_={"done": latency.c.done + added.excluded.done}
    )
)
_TURN = Prepared(
    lambda insert: (added := insert(lane_beat)).on_conflict_do_update(
        index_elements=["worker", "lane"], set_={"at": added.excluded.at}
    )
)
_LEAVE = delete(lane_beat).where(lane_beat.c.worker == bindparam("b_worker"))
_GONE = select(lane_beat.c.worker).group_by(lane_beat.c.worker).having(func.max(lane_beat.c.at) < bindparam("before"))
_FORGET = delete(lane_beat).where(lane_beat.c.worker.in_(_GONE))
_BATCHES = (
    select(func.count())
    .select_from(batch)
    .where(text("batch.state IN ('queued', 'running', 'cancelling')"), batch.c.state != "cancelling")
)  # first as the index says it, or else it would not be used
_EXTRACTS = select(func.count()).select_from(extract).where(text("extract.state IN ('queued', 'running')"))


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


@dataclass(frozen=True, slots=True)
class Workers:
    """Which workers there are: how many are alive, and of each lane the oldest latest beat among them.

    Shape: `oldest` counts those in that went silent a moment ago, so that one that hangs is not hidden by another.
    """

    alive: int
    oldest: Mapping[str, datetime]


class Pulses:
    """The pulses inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def beat(self, name: str, now: datetime, seconds: float = 0.0, count: int = 1) -> None:
        """Count work that was done now; to be called last in its transaction."""
        done = {"name": name, "at": now, "done": count, "seconds": seconds}
        _BEAT.tell(self._connection, done)

    def observe(self, name: str, now: datetime, waits: Sequence[float]) -> None:
        """Count work that was done now by how long each piece of it took; to be called last in its transaction."""
        if not waits:
            return
        places = Counter(bisect_left(BOUNDS, one) for one in waits)
        bounded = [
            {"name": name, "upto_seconds": BOUNDS[place], "done": count}
            for place, count in sorted(places.items())
            if place < len(BOUNDS)
        ]
        _OBSERVE.tell_all(self._connection, bounded)
        self.beat(name, now, sum(waits), len(waits))

    def latencies(self) -> Mapping[str, Mapping[int, int]]:
        """How many pieces of each kind of work took longer than the bound before and up to each bound."""
        found: dict[str, dict[int, int]] = {}
        for row in self._connection.execute(select(latency)):
            found.setdefault(row.name, {})[row.upto_seconds] = row.done
        return found

    def turn(self, worker: str, lane: str, now: datetime) -> None:
        """Say that a worker's lane goes on."""
        _TURN.tell(self._connection, {"worker": worker, "lane": lane, "at": now})

    def leave(self, worker: str) -> None:
        """Say that a worker has ended, and is not missed."""
        self._connection.execute(_LEAVE, {"b_worker": worker})

    def forget(self, now: datetime) -> int:
        """Forget the workers that have been missed for long enough; how many lanes they had."""
        return self._connection.execute(_FORGET, {"before": now - MISSED_FOR}).rowcount

    def workers(self, now: datetime) -> Workers:
        """Who is at work."""
        rows = self._connection.execute(select(lane_beat)).all()
        seen = {row.worker: max(one.at for one in rows if one.worker == row.worker) for row in rows}
        oldest: dict[str, datetime] = {}
        for row in rows:
            if seen[row.worker] >= now - MISSED_FOR:
                oldest[row.lane] = min(row.at, oldest.get(row.lane, row.at))
        return Workers(sum(at >= now - ALIVE_FOR for at in seen.values()), oldest)

    def all(self) -> Mapping[str, Pulse]:
        """Every pulse by its name."""
        return {row.name: Pulse(row.at, row.done, row.seconds) for row in self._connection.execute(select(pulse))}

    def waiting(self) -> Waiting:
        """What waits."""
        return Waiting(*(self._connection.execute(one).scalar_one() for one in (_BATCHES, _EXTRACTS)))
