"""The desk for extracts: asks for them, builds them, reads what lies in their folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.domain.access import Caller, Role
from gateway.domain.extract import Record
from gateway.extracts.columns import record_of
from gateway.extracts.formats import FORMATS, file_name
from gateway.services.build_extracts import run_extracts
from gateway.services.context import Context
from gateway.services.register_extract import register_extract
from gateway.store.extracts import Extract
from tests.builders import a_caller
from tests.released import Shelf
from tests.services.desk import Desk

LEASE = timedelta(seconds=30)
INSURER = a_caller(Role.INSURER)
POLICY_MAKER = a_caller(Role.POLICY_MAKER)


@dataclass
class Ahead:
    """Real time, moved forward."""

    by: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@dataclass
class ExtractDesk:
    """Asks for extracts at a desk and builds them in a folder of its own."""

    desk: Desk
    folder: Path

    @property
    def context(self) -> Context:
        return replace(self.desk.context, extracts_dir=self.folder)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.desk.context.store)

    def later(self, by: timedelta) -> Context:
        """The same, when real time has gone on."""
        return replace(self.context, real_now=Ahead(by))

    def order(self, caller: Caller = POLICY_MAKER, **changes: str) -> Extract:
        return self.desk.ask(caller, register_extract, a_request(caller, **changes))

    def build(self, caller: Caller = POLICY_MAKER, **changes: str) -> Extract:
        """An extract that is done."""
        ordered = self.order(caller, **changes)
        while run_extracts(self.context, LEASE):
            pass
        return self.look(ordered)

    def look(self, ordered: Extract) -> Extract:
        """The row as it is."""
        with self.desk.context.store.reading() as tx:
            found = tx.extracts.find(ordered.shard, ordered.id)
        assert found is not None
        return found

    def place(self, made: Extract) -> Path:
        return self.folder / str(made.id)

    def file(self, made: Extract) -> Path:
        return self.place(made) / file_name(made.request["format"])

    def records(self, made: Extract) -> list[Record]:
        return [record_of(row) for row in FORMATS[made.request["format"]].read(self.file(made))]

    def report(self, made: Extract) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.place(made) / "disclosure_report.json").read_bytes())
        return told


def a_request(caller: Caller = POLICY_MAKER, **changes: str) -> dict[str, str]:
    """A year in NDJSON, of the kind that the caller may ask for; `first` and `last` are its months."""
    is_insurer = caller.role is Role.INSURER
    kind, purpose = ("insurer", "art3") if is_insurer else ("policy", "policy")
    first, last = changes.pop("first", "2022-01"), changes.pop("last", "2022-12")
    return {"kind": kind, "from": first, "to": last, "format": "ndjson", "purpose": purpose, **changes}
