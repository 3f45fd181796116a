"""Releases: protected values and the ledger of all that ever left.

Stage: anonymous.
Cost: a question is one look by primary key per cell of its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Connection, Row, insert, select

from gateway.domain.disclosure import ProtectedCell
from gateway.domain.errors import AlreadyReleased
from gateway.store.prepared import Prepared
from gateway.store.tables import cell, release

CELLS_AT_ONCE = 1_000


class Declared(TypedDict):
    """What a project had in the catalogue when a period closed."""

    pseudocodes: list[str]
    municipalities: list[str]


@dataclass(frozen=True, slots=True)
class Release:
    """One closed period: what was protected once and is served ever after.

    Shape: `declared` maps each project to the pseudocodes and to the municipalities that it had at the close; `rho` is
    what one fact spent; `reason` is that of a revision, None for a first release.
    """

    id: str
    lattice: str
    measure: str
    kind: str
    period: str
    revision: int
    released_at: datetime
    rho: float
    declared: dict[str, Declared]
    reason: str | None = None


_ADD = Prepared(lambda insert: insert(release).on_conflict_do_nothing().returning(release.c.id))


class Releases:
    """The releases inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Release, cells: Iterable[ProtectedCell]) -> None:
        """Keep a release with its published cells; protected ones leave no trace.

        Raises: AlreadyReleased when that revision is there already.
        """
        if not _ADD.ask(self._connection, _columns(new)):
            raise AlreadyReleased
        rows = [
            {
                "release": new.id,
                "audience": one.audience,
                "dims": dims_key(one.dims),
                "beneficiaries": one.beneficiaries,
                "actions": one.actions,
                "providers": None if one.providers is None else str(one.providers),
                "margin_beneficiaries": one.margin_beneficiaries,
                "margin_actions": one.margin_actions,
            }
            for one in cells
        ]
        if rows:
            self._connection.execute(insert(cell), rows)

    def find(self, measure: str, kind: str, period: str) -> Release | None:
        """The release in force for a period: its latest revision, or None."""
        row = self._connection.execute(
            select(release)
            .where(release.c.measure == measure, release.c.kind == kind, release.c.period == period)
            .order_by(release.c.revision.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else _release_of(row)

    def list(self, measure: str | None = None, kind: str | None = None) -> list[Release]:
        """The ledger in order of release."""
        query = select(release).order_by(release.c.released_at, release.c.id)
        if measure is not None:
            query = query.where(release.c.measure == measure)
        if kind is not None:
            query = query.where(release.c.kind == kind)
        return [_release_of(row) for row in self._connection.execute(query)]

    def cells(self, release_id: str, audience: str, dims: Sequence[str]) -> dict[str, Row[Any]]:
        """The published ones among some cells, by their dims."""
        found = {}
        for first in range(0, len(dims), CELLS_AT_ONCE):
            asked = cell.c.dims.in_(dims[first : first + CELLS_AT_ONCE])
            rows = self._connection.execute(
                select(cell).where(cell.c.release == release_id, cell.c.audience == audience, asked)
            )
            found.update({row.dims: row for row in rows})
        return found

    def of_release(self, release_id: str) -> Iterator[Row[Any]]:
        """Every published cell of a release, by audience and name, in pieces."""
        query = select(cell).where(cell.c.release == release_id).order_by(cell.c.audience, cell.c.dims)
        yield from self._connection.execute(query.execution_options(yield_per=CELLS_AT_ONCE))


def dims_key(dims: Iterable[tuple[str, str]]) -> str:
    """The canonical name of a cell: its dimensions in order.

    >>> dims_key([("month", "2022-02"), ("project", "demo-nord")])
    'month=2022-02|project=demo-nord'
    """
    return "|".join(f"{name}={value}" for name, value in sorted(dims))


def _columns(new: Release) -> dict[str, Any]:
    return {column.name: getattr(new, column.name) for column in release.columns}


def _release_of(row: Row[Any]) -> Release:
    return Release(**row._mapping)
