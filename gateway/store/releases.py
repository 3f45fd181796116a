"""Releases: protected values and the ledger of all that ever left.

Stage: anonymous.
Cost: a question is one look by primary key per cell of its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from gateway.domain.disclosure import ProtectedCell
from gateway.store.tables import cell, release


@dataclass(frozen=True, slots=True)
class Release:
    """One closed period: what was protected once and is served ever after.

    Shape: `declared` maps each project to the pseudocodes it had at the close; `rho` is what one fact spent.
    """

    id: str
    lattice: str
    measure: str
    kind: str
    period: str
    revision: int
    released_at: datetime
    rho: float
    declared: dict[str, list[str]]


class Releases:
    """The releases inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Release, cells: Iterable[ProtectedCell]) -> None:
        """Keep a release with its published cells; protected ones leave no trace."""
        self._connection.execute(insert(release), [_columns(new)])
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
        rows = self._connection.execute(
            select(cell).where(cell.c.release == release_id, cell.c.audience == audience, cell.c.dims.in_(dims))
        )
        return {row.dims: row for row in rows}


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
