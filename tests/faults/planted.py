"""Gateways with a fault planted in them: the negative controls, which the checker has to tell from the real one.

Each is planted in a process before its command runs (`tests/faults/parts.py`); nothing of it is in the gateway.
Source: GUARANTEES 4.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select, text

from gateway.store import outbox as outboxes
from gateway.store import tables
from gateway.store.group_commit import GroupCommit

LATE_SECONDS = 1.5


def commit_after_the_answer() -> None:
    """Let the writers of a gateway on SQLite go before their commit, which follows a little later."""
    if sys.argv[1] != "serve":
        return
    end = GroupCommit._end
    clock = Path(os.environ["CHRONICCARE_DATA_DIR"]) / "clock"

    def end_late(self: GroupCommit, group: Any) -> None:
        if not clock.exists() or not clock.read_text(encoding="ascii").startswith("2022"):
            return end(self, group)  # the catalogue and those who are there already
        group.done.set()
        return threading.Timer(LATE_SECONDS, end, (self, group)).start()

    setattr(GroupCommit, "_end", end_late)  # noqa: B010 - planted: it is what this is about


def without_unique_constraints(database_url: str) -> None:
    """Drop the constraints that keep out a second open inclusion of a person, and a second action like the first."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for name in ("uq_inclusion_open", "uq_action_recorded"):
            connection.execute(text(f"DROP INDEX {name}"))
    engine.dispose()


def outbox_by_position() -> None:
    """Let the worker remember how far it came, and look only at what was committed after that."""
    position = datetime.min.replace(tzinfo=UTC)
    created, bucket = tables.outbox.c.created_at, tables.outbox.c.bucket

    def due_buckets(self: Any, _now: datetime, limit: int, _latest: datetime) -> list[int]:
        nonlocal position
        later = select(bucket, created).where(created > position).order_by(created).limit(limit)
        rows = self._connection.execute(later).all()
        position = rows[-1].created_at if rows else position
        return list(dict.fromkeys(row.bucket for row in rows))

    setattr(outboxes.Outbox, "due_buckets", due_buckets)  # noqa: B010 - planted


VARIANTS: Mapping[str, Callable[[], None]] = {
    "commit-after-answer": commit_after_the_answer,
    "outbox-by-position": outbox_by_position,
}
