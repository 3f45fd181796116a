"""The desk for batches: hands them in, runs them, looks at what became of their lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gateway.domain.access import Caller
from gateway.domain.batches import Mode, restored
from gateway.http.api.batch_forms import NDJSON, NdjsonLines
from gateway.http.api.batch_lines import read_line
from gateway.services.batch_lines import LineReader
from gateway.services.context import Context
from gateway.services.follow_batch import get_batch, settled_lines
from gateway.services.register_batch import Upload, register_batch
from gateway.services.run_batches import LINES_PER_GROUP, run_batches
from gateway.services.stage_batch import Staging
from gateway.store.batches import Batch, SettledLine
from gateway.store.tables import action, inclusion, outbox
from tests.builders import PROJECT, PSEUDOCODE
from tests.sandboxes import synthetic_ssin
from tests.services.desk import PARTNER, Desk
from tests.store.rows import rows

LEASE = timedelta(seconds=30)
Line = dict[str, Any]


def an_inclusion_line(number: int = 0, **changes: Any) -> Line:
    agreement = {"agreed_on": "2022-01-10", "informed": True, "in_target_group": True}
    line = {"type": "inclusion", "project": PROJECT, "ssin": synthetic_ssin(number), "agreement": agreement}
    return {**line, **changes}


def an_action_line(number: int = 0, **changes: Any) -> Line:
    line = {"type": "action", "project": PROJECT, "ssin": synthetic_ssin(number), "pseudocode": PSEUDOCODE}
    return {**line, "performed_on": "2022-02-14", **changes}


def an_exit_line(number: int = 0, **changes: Any) -> Line:
    return {"type": "exit", "project": PROJECT, "ssin": synthetic_ssin(number), "reason": "moved", **changes}


@dataclass
class Batches:
    """Hands in batches at a desk and runs them."""

    desk: Desk

    def staged(
        self, lines: Sequence[Line | bytes], caller: Caller = PARTNER, mode: Mode = Mode.PER_ITEM
    ) -> tuple[Staging, Upload]:
        """Lines that arrived, in a batch that is not registered yet."""
        raw = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        staging = Staging(self.desk.context, caller, NDJSON, mode)
        for number, line in NdjsonLines([raw]):
            staging.add(number, line)
        staging.flush()
        return staging, Upload(staging.batch, len(lines), 0)

    def send(self, lines: Sequence[Line | bytes], caller: Caller = PARTNER, mode: Mode = Mode.PER_ITEM) -> Batch:
        staging, upload = self.staged(lines, caller, mode)
        try:
            return self.desk.ask(caller, register_batch, upload).batch
        finally:
            staging.drop()

    def round(
        self,
        read: LineReader = read_line,
        most: int = 200,
        context: Context | None = None,
        group: int = LINES_PER_GROUP,
    ) -> int:
        return run_batches(context or self.desk.context, read, LEASE, most, group)

    def run(
        self, lines: Sequence[Line | bytes], caller: Caller = PARTNER, mode: Mode = Mode.PER_ITEM
    ) -> list[SettledLine]:
        sent = self.send(lines, caller, mode)
        while self.round():
            pass
        return self.results(sent, caller)

    def results(self, sent: Batch, caller: Caller = PARTNER) -> list[SettledLine]:
        return list(settled_lines(self.desk.context, self.desk.ask(caller, get_batch, sent.id)))

    def look(self, sent: Batch, caller: Caller = PARTNER) -> tuple[str, dict[str, int]]:
        found = self.desk.ask(caller, get_batch, sent.id)
        return found.state.value, {outcome.value: count for outcome, count in found.counts.items()}

    def facts(self) -> tuple[int, int, int]:
        """Current inclusions, actions, and messages."""
        url = self.desk.database_url
        current = [[one for one in rows(url, table) if one["superseded_at"] is None] for table in (inclusion, action)]
        return len(current[0]), len(current[1]), len(rows(url, outbox))


def outcomes(lines: Sequence[SettledLine]) -> list[str]:
    return [line.outcome.value for line in lines]


def codes(lines: Sequence[SettledLine]) -> list[str | None]:
    return [None if line.problem is None else restored(line.problem).code for line in lines]


def of_the_database(batches: Batches, table: Any) -> list[dict[str, Any]]:
    return [one for one in rows(batches.desk.database_url, table) if one["superseded_at"] is None]
