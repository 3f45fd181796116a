"""An old backup is put back, clients send again what they had sent since, under their keys, and that is judged too.

Source: GUARANTEES G17.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.sandbox.supervisor import Plan as Deployment
from tests.faults.collect import collected
from tests.faults.history import History, Remains, Request, is_good
from tests.faults.journal import Journal
from tests.faults.load import Load, Plan
from tests.faults.orders import Order
from tests.faults.rig import Rig
from tests.faults.server import Server
from tests.faults.sessions import DATABASE
from tests.postgres import client_program

EARLIER = 500
"""How many of the latest requests from before the backup are sent again as well."""
CLIENTS = 8
REPLAY_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made while the load went on: from when until when, and the legal clock of then."""

    folder: Path
    began_at: float
    clock: bytes


def take(rig: Rig) -> Backup:
    """Make a backup, by the command."""
    folder = rig.data_dir.parent / "backup"
    clock, began_at = (rig.data_dir / "clock").read_bytes(), time.monotonic()
    _chroniccare(rig, "backup", folder)
    return Backup(folder, began_at, clock)


def put_back(rig: Rig, backup: Backup) -> None:
    """Replace the register by the backup, by the command, while everything stands still; then start everything."""
    if isinstance(rig.server, Server):
        rig.server.run(f"DROP DATABASE {DATABASE} WITH (FORCE)", "postgres")
        rig.server.create()
    else:
        register = Path(rig.database_url.removeprefix("sqlite:///"))
        for path in register.parent.glob(f"{register.name}*"):
            path.unlink()
    _chroniccare(rig, "restore", backup.folder)
    (rig.data_dir / "clock").write_bytes(backup.clock)
    for part in rig.parts:
        part.start()
    rig.await_healthy()


def again(
    rig: Rig, backup: Backup, history: History, plan: Plan, token: str, people: Sequence[str], months: Sequence[str]
) -> tuple[History, Remains]:
    """What clients know, and what is left, after they sent again what they had sent since the backup; it is put back.

    Shape: gateways and workers are stopped before and after. What was answered before the backup keeps its answer;
    what came later has the new one alone.
    """
    put_back(rig, backup)
    restored_at = time.monotonic()
    wanted = _since(backup, history)
    with closing(Journal(rig.data_dir.parent.parent / "history-again")) as journal:
        load = Load(rig.client_ports, token, journal, CLIENTS)
        load.start(iter([[order] for order in _orders(plan, wanted)]), 1e6)
        load.finish(REPLAY_SECONDS, drop=False)
        answered = {one.key: one for one in journal.requests()[0]}
    rig.drain()
    left = collected(rig, people, months)
    kept = {one.id for one in left.outbox}
    ledger = tuple(one for one in left.ledger if one.message_id in kept or one.received_at > restored_at)
    requests = (_joined(one, answered.get(one.key), backup) for one in history.requests)
    return History(tuple(requests)), replace(left, ledger=ledger)


def _since(backup: Backup, history: History) -> Mapping[str, Request]:
    """What was acknowledged since a backup began, and a little of what was before."""
    good = [one for one in history.requests if one.is_acknowledged and not one.key.startswith("seed-")]
    earlier = [one for one in good if _answered_at(one) < backup.began_at]
    later = [one for one in good if _answered_at(one) >= backup.began_at]
    return {one.key: one for one in (*earlier[-EARLIER:], *later)}


def count_since(backup: Backup, history: History) -> int:
    """How many requests had been acknowledged since a backup, and are lost with it until they are sent again."""
    return sum(_answered_at(one) >= backup.began_at for one in history.requests if one.is_acknowledged)


def _orders(plan: Plan, wanted: Mapping[str, Request]) -> Iterator[Order]:
    missing = set(wanted)
    for together in plan:
        for order in together:
            if order.key in missing and order.noun != "misuse" and order.method == "POST":
                missing.remove(order.key)
                yield order
        if not missing:
            return


def _joined(first: Request, now: Request | None, backup: Backup) -> Request:
    """A request as its client knows it after the restore; how often it failed before is judged already."""
    if not first.is_acknowledged:
        return replace(first, attempts=() if first.is_unknown else first.attempts[-1:])
    good = tuple(one for one in first.attempts if is_good(one))
    if _answered_at(first) < backup.began_at:
        return replace(first, attempts=(*good, *(now.attempts if now is not None else ())))
    assert now is not None
    return replace(first, attempts=now.attempts, id=now.id, shown=now.shown)


def _answered_at(one: Request) -> float:
    return min(attempt.ended_at for attempt in one.attempts if is_good(attempt))


def _chroniccare(rig: Rig, *arguments: str | Path) -> None:
    environment = Deployment(rig.data_dir, rig.gateway_ports[0], rig.mock_port, rig.database_url).environment()
    environment["PATH"] = f"{client_program('pg_dump').parent}:{os.environ['PATH']}"
    subprocess.run([sys.executable, "-m", "gateway", *arguments], check=True, env=environment, capture_output=True)
