"""What is true: exact counts of any cell, from the facts in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.domain.lattice import COMPONENT, Measure, PeriodKind
from tests.attacks.register import COMPONENTS_OF, PSEUDOCODES, YEAR, Flags, Ints, Register

Values = tuple[str, ...]
"""A cell of a node: its period's label and the values of its dimensions, in the node's order."""
Table = dict[Values, tuple[int, int]]
"""Beneficiaries and clipped actions of the cells that are not empty."""
MONTHS_IN = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12, PeriodKind.CONVENTION: 12}


def label(kind: PeriodKind, number: int, project: str = "") -> str:
    """The label of the period with a number: months from 1, quarters from 0, years and conventions 0."""
    match kind:
        case PeriodKind.MONTH:
            return f"{YEAR}-{number:02}"
        case PeriodKind.QUARTER:
            return f"{YEAR}-Q{number + 1}"
        case PeriodKind.YEAR:
            return str(YEAR)
    return project


def period_of(kind: PeriodKind, month: Ints) -> Ints:
    """The number of the period in which months lie."""
    return month if kind is PeriodKind.MONTH else (month - 1) // MONTHS_IN[kind]


def table(register: Register, kind: PeriodKind, dims: Sequence[str], kept: Flags | None = None) -> Table:
    """The exact cells of a node; of some facts alone when `kept` says which."""
    facts = register.facts if kept is None else {name: column[kept] for name, column in register.facts.items()}
    if COMPONENT in dims:
        facts = _with_components(facts)
    people: Table = {}
    keys = np.stack([period_of(kind, facts["month"]), *(facts[name] for name in dims)], axis=1)
    cells, cell = np.unique(keys, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    actions = np.bincount(cell, weights=facts["n"], minlength=len(cells)).astype(int)
    pairs = np.unique(cell * (1 << 32) + facts["person"])
    beneficiaries = np.bincount(pairs >> 32, minlength=len(cells))
    for values, persons, total in zip(cells.tolist(), beneficiaries.tolist(), actions.tolist(), strict=True):
        people[named(register, kind, dims, values)] = (persons, total)
    return people


def named(register: Register, kind: PeriodKind, dims: Sequence[str], values: Sequence[int]) -> Values:
    """The name of a cell from its numbers."""
    texts = [
        str(value) if name == COMPONENT else register.values[name][value]
        for name, value in zip(dims, values[1:], strict=True)
    ]
    project = texts[list(dims).index("project")] if kind is PeriodKind.CONVENTION else ""
    return (label(kind, values[0], project), *texts)


def _with_components(facts: dict[str, Ints]) -> dict[str, Ints]:
    """Every fact once per component of its pseudocode."""
    pairs = np.array([(code, part) for code, parts in enumerate(COMPONENTS_OF) for part in parts])
    fact, pair = np.nonzero(facts["pseudocode"][:, None] == pairs[None, :, 0])
    return {**{name: column[fact] for name, column in facts.items()}, COMPONENT: pairs[pair, 1]}


def of_component(code: str) -> tuple[int, ...]:
    """The components of a pseudocode."""
    return COMPONENTS_OF[PSEUDOCODES.index(code)]


def flow(
    register: Register, measure: Measure, kind: PeriodKind, dims: Sequence[str], kept: Flags | None = None
) -> Table:
    """The exact cells of an inclusion measure, actions left at 0; of some people alone when `kept` says which."""
    columns = register.people if kept is None else {name: one[kept] for name, one in register.people.items()}
    found: Table = {}
    for number in _numbers(register, kind):
        first = number if kind is PeriodKind.MONTH else number * MONTHS_IN[kind] + 1
        match measure:
            case Measure.JOINED:
                inside = columns["first"] == first
            case Measure.LEFT:
                inside = columns["last"] == first - 1
            case _:
                inside = (columns["first"] <= first) & (columns["last"] >= first)
        keys = np.stack([np.full(int(inside.sum()), number), *(columns[name][inside] for name in dims)], axis=1)
        cells, counts = np.unique(keys, axis=0, return_counts=True)
        for values, count in zip(cells.tolist(), counts.tolist(), strict=True):
            found[named(register, kind, dims, values)] = (count, 0)
    return found


def valid_in(register: Register, kind: PeriodKind, dims: Sequence[str]) -> Table:
    """Who is valid on any day of a period, per cell without pseudocode."""
    found: Table = {}
    columns = register.people
    for number in _numbers(register, kind):
        first, last = _months_of(register, kind, number)
        inside = (columns["first"] <= last) & (columns["last"] >= first)
        keys = np.stack([np.full(int(inside.sum()), number), *(columns[name][inside] for name in dims)], axis=1)
        cells, counts = np.unique(keys, axis=0, return_counts=True)
        for values, count in zip(cells.tolist(), counts.tolist(), strict=True):
            found[named(register, kind, dims, values)] = (count, 0)
    return found


def _numbers(register: Register, kind: PeriodKind) -> range:
    if kind is PeriodKind.MONTH:
        return range(1, register.size.months + 1)
    return range((register.size.months - 1) // MONTHS_IN[kind] + 1)


def _months_of(register: Register, kind: PeriodKind, number: int) -> tuple[int, int]:
    if kind is PeriodKind.MONTH:
        return number, number
    first = number * MONTHS_IN[kind] + 1
    return first, min(first + MONTHS_IN[kind] - 1, register.size.months)
