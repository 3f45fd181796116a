"""Extracts as somebody has them on a disk: made by the worker on SQLite, with the keys that signed them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.clock import real_now
from gateway.domain.access import Caller, Role
from gateway.domain.disclosure import ProtectedCell
from gateway.domain.lattice import Period
from gateway.pseudonyms.veil import Veil
from gateway.services.build_extracts import run_extracts
from gateway.services.context import Call, Context
from gateway.services.perform import perform
from gateway.services.register_extract import register_extract
from gateway.store.extracts import Extract
from gateway.store.idempotency import KeptAnswer
from gateway.store.transaction import Store
from tests.builders import a_caller, instant
from tests.released import Shelf, quarter, well_covered
from tests.store.seeds import seeded


@dataclass
class Desk:
    """A register on SQLite whose extracts can be made and saved."""

    context: Context
    home: Path

    @property
    def jwks(self) -> Path:
        path = self.home / "jwks.json"
        path.write_text(json.dumps(self.context.veil.receipts.jwks()), encoding="utf-8")
        return path

    def release(self, period: Period, cells: Sequence[ProtectedCell] | None = None) -> None:
        Shelf(self.context.store).put(period, well_covered(period) if cells is None else cells)

    def save(self, form: str, caller: Caller | None = None) -> Path:
        """The folder of an extract of all that is released, in a format."""
        kept: list[Extract] = []
        asked = {"kind": "policy", "from": "2022-01", "to": "2022-12", "format": form, "purpose": "policy"}
        call = Call(caller or a_caller(Role.POLICY_MAKER), "register_extract", "request-1")

        def dump(new: Extract) -> KeptAnswer:
            kept.append(new)
            return KeptAnswer(202, {}, b"")

        perform(self.context, call, lambda work: register_extract(work, asked), dump)
        assert run_extracts(self.context, timedelta(seconds=30)) == 1
        return self.context.extracts_dir / str(kept[0].id)


def a_desk(template: Path, veil: Veil, home: Path, *, is_empty: bool = False) -> Desk:
    """A desk with one released quarter, or none."""
    path = home / "register.sqlite3"
    shutil.copy(template, path)
    store = seeded(Store(f"sqlite:///{path}", lambda: instant("2024-03-01T08:00+01:00")))
    desk = Desk(Context(store, veil, real_now, home / "extracts"), home)
    if not is_empty:
        desk.release(quarter())
    return desk
