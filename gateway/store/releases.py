"""Releases: protected values and the ledger of all that ever left.

Stage: anonymous.
Cost: a question is one look by primary key per cell of its answer, and one by index per period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any, TypedDict

from sqlalchemy import Connection, Row, Select, and_, bindparam, insert, or_, select
from sqlalchemy.exc import IntegrityError

from gateway.domain.disclosure import ProtectedCell
from gateway.domain.errors import AlreadyReleased
from gateway.store.prepared import Prepared
from gateway.store.tables import cell, release

CELLS_AT_ONCE = 1_000
SIZES = (8, 48)
"""For how many cells there is a prepared look; where there are fewer, the last one is named again.

psycopg reads a statement of more than fifty values anew each time.
"""


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


_ADD = Prepared(insert(release))
_OF_A_KIND = (release.c.measure == bindparam("b_measure"), release.c.kind == bindparam("b_kind"))
_FIND = Prepared(
    select(release)
    .where(*_OF_A_KIND, release.c.period == bindparam("b_period"))
    .order_by(release.c.revision.desc())
    .limit(1)
)
_PERIODS = Prepared(select(release.c.period).where(*_OF_A_KIND).order_by(release.c.released_at, release.c.id))
_NAMES = tuple(f"b_{number}" for number in range(SIZES[-1]))


def _select_cells(count: int) -> Select[Any]:
    """A look for so many cells of a release."""
    asked = cell.c.dims.in_([bindparam(name) for name in _NAMES[:count]])
    return select(cell).where(
        cell.c.release == bindparam("b_release"), cell.c.audience == bindparam("b_audience"), asked
    )


_general, _own = cell.alias("general"), cell.alias("own")
_GENERAL: Select[Any] = (
    select(
        *(_general.c[name] for name in ("dims", "beneficiaries", "actions", "margin_beneficiaries", "margin_actions")),
        _own.c.beneficiaries.label("own_beneficiaries"),
    )
    .outerjoin_from(
        _general,
        _own,
        and_(_own.c.release == _general.c.release, _own.c.audience == "own", _own.c.dims == _general.c.dims),
    )
    .where(_general.c.audience == "general")
)
_CELLS = {size: Prepared(_select_cells(size)) for size in SIZES}


class Releases:
    """The releases inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Release, cells: Iterable[ProtectedCell]) -> None:
        """Keep a release with its published cells; protected ones leave no trace.

        Raises: AlreadyReleased when that revision is there already; the transaction can then only be rolled back.
        """
        try:
            _ADD.change(self._connection, _columns(new))
        except IntegrityError as taken:  # to skip a conflict, Citus wants the right to change what is there
            raise AlreadyReleased from taken
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
        return self.find_each(measure, kind, [period]).get(period)

    def find_each(self, measure: str, kind: str, periods: Sequence[str]) -> dict[str, Release]:
        """The releases in force for some periods of one kind, by period; of those that are released."""
        asked = [{"b_measure": measure, "b_kind": kind, "b_period": period} for period in periods]
        return {row.period: _release_of(row) for found in _FIND.ask_each(self._connection, asked) for row in found}

    def periods(self, measure: str, kind: str) -> list[str]:
        """The periods of one kind that are released, in order of their first release."""
        rows = _PERIODS.ask(self._connection, {"b_measure": measure, "b_kind": kind})
        return list(dict.fromkeys(row.period for row in rows))

    def list(self, measure: str | None = None, kind: str | None = None) -> list[Release]:
        """The ledger in order of release."""
        query = select(release).order_by(release.c.released_at, release.c.id)
        if measure is not None:
            query = query.where(release.c.measure == measure)
        if kind is not None:
            query = query.where(release.c.kind == kind)
        return [_release_of(row) for row in self._connection.execute(query)]

    def cells(self, audience: str, asked: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], Row[Any]]:
        """The published ones among some cells of some releases, by release and dims.

        Shape: `asked` are the dims of cells by the id of their release.
        Cost: hangs on how many are asked for, and not on how many are published.
        """
        waiting: dict[int, list[dict[str, str]]] = {}
        for release_id, dims in asked.items():
            for first in range(0, len(dims), SIZES[-1]):
                piece = dims[first : first + SIZES[-1]]
                size = next(one for one in SIZES if len(piece) <= one)
                filled = zip(_NAMES, chain(piece, repeat(piece[-1], size - len(piece))), strict=False)
                waiting.setdefault(size, []).append({"b_release": release_id, "b_audience": audience, **dict(filled)})
        return {
            (row.release, row.dims): row
            for size, given in waiting.items()
            for found in _CELLS[size].ask_each(self._connection, given)
            for row in found
        }

    def general(self, release_id: str, likes: Iterable[str]) -> Iterator[Row[Any]]:
        """The general cells of a release whose names are like one of some patterns, in pieces and no order.

        Shape: `dims`, beneficiaries, actions and their margins, the beneficiaries of the own cell or None.
        """
        query = _GENERAL.where(_general.c.release == release_id, or_(*(_general.c.dims.like(like) for like in likes)))
        for piece in self._connection.execute(query.execution_options(yield_per=CELLS_AT_ONCE)).partitions():
            yield from piece


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
