"""How much is left to work with: what is protected and how far the rest lies from the truth, per node and audience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isnan

import numpy as np

from gateway.domain.lattice import (
    AGE_BAND,
    DISTRICT,
    INSURER,
    PROFESSION,
    PROJECT,
    PSEUDOCODE,
    SEX,
    Measure,
    PeriodKind,
)
from tests.attacks.grids import draws
from tests.attacks.inference import Knowledge, actions
from tests.attacks.lattice_cells import Cells
from tests.attacks.omniscient import level_of, probabilities
from tests.attacks.register import Register
from tests.attacks.view import Actor, View

KINDS = tuple(PeriodKind)
SHOWN: tuple[tuple[str, ...], ...] = (
    (),
    (PSEUDOCODE,),
    (PROJECT,),
    (PROJECT, PSEUDOCODE),
    *((PROJECT, PSEUDOCODE, one) for one in (PROFESSION, INSURER, AGE_BAND, SEX, DISTRICT)),
    (PROJECT, PSEUDOCODE, AGE_BAND, SEX),
)
AUDIENCE: dict[Actor, str] = {"outsider": "general", "coalition": "own"}


@dataclass(frozen=True, slots=True)
class Utility:
    """One node for one audience.

    Shape: shares of the cells that are not empty, and of their actions; errors of published actions, relative.
    """

    node: str
    audience: str
    cells: int
    protected_cells: float
    protected_volume: float
    median_error: float
    error_90: float


def utilities(view: View, known: Knowledge, kinds: Sequence[PeriodKind] = KINDS) -> Iterator[Utility]:
    """Every node of the table, as an actor sees it; the own audience where cells are of a project alone."""
    for kind in kinds:
        for dims in SHOWN:
            has_audience = PROJECT in dims or (kind is not PeriodKind.CONVENTION and view.actor == "outsider")
            if has_audience and (Measure.ACTIONS, kind, dims) in view.shelves:
                yield utility(view, known, kind, dims)


def utility(view: View, known: Knowledge, kind: PeriodKind, dims: Sequence[str]) -> Utility:
    """One node, as an actor sees it."""
    name = actions(kind, *dims)
    true, shelf = known.whole(name), view.shelves[name]
    volume = sum(count for _, count in true.values())
    errors = [abs(shown.actions - true[key][1]) / true[key][1] for key, shown in shelf.items()]
    seen = sum(true[key][1] for key in shelf)
    text = " x ".join((kind.value, *dims)) if dims else f"{kind} (all)"
    return Utility(
        text,
        AUDIENCE[view.actor],
        len(true),
        1 - len(shelf) / max(1, len(true)),
        1 - seen / max(1, volume),
        float(np.median(errors)) if errors else float("nan"),
        float(np.quantile(errors, 0.9)) if errors else float("nan"),
    )


def as_table(rows: Sequence[Utility], title: str) -> str:
    """The nodes as a table in Markdown."""
    lines = [
        f"**{title}**",
        "",
        "| node | audience | cells | cells protected | volume protected | median error | 90th percentile |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in rows:
        lines.append(f"| {one.node} | {one.audience} | {one.cells} | {' | '.join(_percents(one))} |")
    return "\n".join(lines)


def _percents(one: Utility) -> list[str]:
    numbers = (one.protected_cells, one.protected_volume, one.median_error, one.error_90)
    return ["–" if isnan(number) else f"{100 * number:.0f} %" for number in numbers]


def beside(one: Sequence[Utility], two: Sequence[Utility], first: str, second: str) -> str:
    """Two registers beside each other, node by node: protected volume and median error."""
    others = {(row.node, row.audience): row for row in two}
    lines = [
        f"| node | audience | {first}: cells, volume protected, median error, 90th percentile | {second}: the same |",
        "|---|---|---|---|",
    ]
    for row in one:
        other = others.get((row.node, row.audience))
        right = "–" if other is None else ", ".join(_percents(other))
        lines.append(f"| {row.node} | {row.audience} | {', '.join(_percents(row))} | {right} |")
    return "\n".join(lines)


def simulated_error(register: Register, factor: Fraction, seed: int) -> tuple[float, float]:
    """With every sigma multiplied: the median relative error of own values and the share of volume protected.

    Shape: of a project's pseudocodes, over months and quarters.
    """
    chance = np.random.default_rng(seed)
    errors: list[float] = []
    seen = volume = 0
    for kind in (PeriodKind.MONTH, PeriodKind.QUARTER):
        dims = (PROJECT, PSEUDOCODE)
        level = level_of(kind, dims, factor)
        for counts in Cells(register).of_node(kind, dims):
            cell = probabilities(level, counts)
            volume += counts.actions
            own = counts.beneficiaries + int(draws(level.j, chance, 1)[0])
            if chance.random() < cell.is_allowed and own >= level.floor:
                noise = int(draws(level.j_actions, chance, 1)[0])
                errors.append(abs(noise) / counts.actions)
                seen += counts.actions
    return float(np.median(errors)) if errors else float("nan"), 1 - seen / max(1, volume)
