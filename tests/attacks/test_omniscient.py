"""The omniscient attacker on facts of small projects, and that its model is the gateway's mechanism."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from gateway.domain.disclosure import ExactCell, protect
from gateway.domain.lattice import Measure, Period, PeriodKind, nodes
from gateway.domain.noise import draw, grid
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.veil import veil_of
from tests.attacks.grids import NONE
from tests.attacks.lattice_cells import Cells, one_fact, some_facts
from tests.attacks.mechanisms import ours
from tests.attacks.omniscient import level_of, second_noise
from tests.attacks.planting import plant_late
from tests.attacks.register import Register, Size, a_register
from tests.attacks.stage import omniscient_on_facts, omniscient_on_people, omniscient_table
from tests.attacks.world import a_world
from tests.http.issuer import an_issuer

SEED, SIZE, FACTS = 5, Size((150, 250, 400), months=12), 100
MEDIAN, MOST = 0.72, 0.86


def test_one_fact_is_told_seldom_better_than_by_chance() -> None:
    found = omniscient_on_facts(a_register(SIZE, SEED), FACTS, SEED)

    table = f"seed {SEED}, {SIZE}\n{omniscient_table(found)}"
    print(table)
    assert all(one.count >= 100 for one in found), table
    assert all(one.median <= MEDIAN and one.worst <= MOST for one in found), table


def test_person_over_a_year_is_told_and_this_is_reported_not_bounded() -> None:
    found = omniscient_on_people(a_register(Size((150, 250), months=12), SEED), 2, SEED)

    print(omniscient_table(found))
    assert all(0.5 <= one.median <= 1 for one in found)


@pytest.mark.parametrize(("largest", "beneficiaries"), [(4, 3), (20, 9), (60, 35), (200, 120)])
def test_model_of_the_second_draw_is_the_gateways(largest: int, beneficiaries: int) -> None:
    dims = (("project", "synthetic-1"), ("pseudocode", "794010"), ("quarter", "2022-Q1"))
    cell = ExactCell(dims, 250, 1500, 9, largest, largest // 2, beneficiaries, 2, 900, 900)

    for high in range(1, 64, 3):
        uniform = high << 58

        def general_alone(label: str, uniform: int = uniform) -> int:
            return uniform if "|general|" in label else 1 << 63

        own, general = protect(cell, release_id="r", uniform=general_alone)
        for count, one, two in (
            (beneficiaries, own.beneficiaries, general.beneficiaries),
            (largest, own.actions or 0, general.actions or 0),
        ):
            j = second_noise(count)
            assert two - one == (0 if j == NONE else draw(j, uniform))


def test_model_of_a_node_is_the_gateways() -> None:
    level = level_of("quarter", ("project", "pseudocode"), Fraction(1))

    assert (level.j, level.j_actions) == (grid(Fraction(15, 4)), grid(Fraction(15, 2)))
    assert (level.floor, level.has_providers, level.is_of_project) == (16, True, True)


def test_exact_counts_of_the_model_are_the_stores() -> None:
    register = a_register(Size((120, 160), months=3), SEED)
    cells, stored = Cells(register), _stored(register)

    for fact in some_facts(register, np.random.default_rng(SEED), 20):
        for pair in cells.pairs(one_fact(register, fact)):
            if pair.kind == PeriodKind.QUARTER and pair.dims in stored:
                assert astuple(pair.with_it) in stored[pair.dims], pair


def _stored(register: Register) -> dict[tuple[str, ...], set[tuple[int | None, ...]]]:
    """The exact statistics of the first quarter as the store counts them, by node."""
    with (
        TemporaryDirectory() as home,
        an_issuer() as issuer,
        a_world(register, ours(SEED), Path(home), veil_of(new_keys()), issuer) as world,
    ):
        plant_late(register, world.gateway.database_url)
        with world.gateway.context.store.reading() as tx:
            columns = tx.statistics.columns(Period(PeriodKind.QUARTER, "2022-Q1"), with_actions=True)
        with columns:
            wanted = [node for node in nodes(PeriodKind.QUARTER, Measure.ACTIONS) if len(node.dims) in (2, 3)]
            return {node.dims: {_counts(cell) for cell in columns.cells(node)} for node in wanted}


def _counts(cell: ExactCell) -> tuple[int | None, ...]:
    people, actions = (cell.beneficiaries, cell.actions, cell.providers), (cell.largest, cell.second)
    return (*people, *actions, cell.largest_beneficiaries, cell.all_pseudocodes, cell.valid)
