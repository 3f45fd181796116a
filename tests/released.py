"""Released cells written straight into the register, so that extracts have something to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from gateway.domain.disclosure import ProtectedCell, sigma
from gateway.domain.lattice import Period, PeriodKind, cell_dims
from gateway.store.releases import Release
from gateway.store.transaction import Store
from tests.builders import PROJECT, instant

CODES = ("794010", "794021", "794032")
Cells = Sequence[ProtectedCell]


def a_cell(
    period: Period, beneficiaries: int, actions: int, *, own: int | None = None, **named: Any
) -> list[ProtectedCell]:
    """A published cell for both audiences; `own` is what the coordinator sees, the general value unless given."""
    dims, spread = cell_dims(period, named), sigma(period.kind, list(named))
    margins = (ceil(2 * spread), ceil(4 * spread))
    seen = beneficiaries if own is None else own
    return [
        ProtectedCell(dims, "own", seen, actions, None, *margins),
        ProtectedCell(dims, "general", beneficiaries, actions, None, *margins),
    ]


def a_class(
    period: Period, beneficiaries: int = 60, actions: int = 100, codes: Iterable[str] = CODES, **named: Any
) -> list[ProtectedCell]:
    """One cell for each of three pseudocodes, with the same traits."""
    return [
        one
        for number, code in enumerate(codes)
        for one in a_cell(period, beneficiaries + number, actions + number, pseudocode=code, **named)
    ]


def quarter(label: str = "2022-Q1") -> Period:
    return Period(PeriodKind.QUARTER, label)


def year(label: str = "2022") -> Period:
    return Period(PeriodKind.YEAR, label)


def well_covered(period: Period, project: str = PROJECT, **named: Any) -> list[ProtectedCell]:
    """A project's cells that rung R3 covers, and R4; of one insurer when it is named."""
    cells = [one for sex in ("F", "M") for one in a_class(period, project=project, sex=sex, **named)]
    cells += a_class(period, 120, 210, project=project, **named)
    return [*cells, *a_cell(period, 150, 620, project=project, **named)]


def thin(period: Period, project: str = PROJECT, **named: Any) -> list[ProtectedCell]:
    """A project's cells that cover half of their parent, at R4 (or R6) alone."""
    return [*a_class(period, project=project, **named), *a_cell(period, 150, 620, project=project, **named)]


@dataclass
class Shelf:
    """Releases put on the shelf of a register, one after another."""

    store: Store

    def put(
        self,
        period: Period,
        cells: Cells,
        at: str = "2022-05-15T10:00+02:00",
        revision: int = 1,
        projects: Sequence[str] = (PROJECT,),
        measure: str = "actions",
    ) -> str:
        """A release; its id."""
        name = f"{measure}-{period.kind}-{period.label}-{revision}"
        declared = {one: {"pseudocodes": [*CODES], "municipalities": []} for one in projects}
        release = Release(
            id=name,
            lattice="v1",
            measure=measure,
            kind=period.kind.value,
            period=period.label,
            revision=revision,
            released_at=instant(at),
            rho=0.25,
            declared=declared,  # type: ignore[arg-type] # a TypedDict by its members
        )
        with self.store.transaction() as tx:
            tx.releases.add(release, cells)
        return name
