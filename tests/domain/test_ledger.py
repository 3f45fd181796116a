"""The privacy ledger: node by node by hand, and the totals that are published."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gateway.domain.lattice import Measure, Node, PeriodKind
from gateway.domain.ledger import fact_rho, inclusion_rho, node_rho, person_rho, release_rho

MONTH, QUARTER, YEAR, CONVENTION = PeriodKind


@pytest.mark.parametrize(
    ("node", "measure", "expected"),
    [
        # s^2 = 2^(j/4) on the grid; beneficiaries + actions (+ providers), halved
        (Node(MONTH, ("project", "pseudocode")), Measure.ACTIONS, 1.5 * 2 ** (-13 / 4)),
        (Node(MONTH, ()), Measure.ACTIONS, 1.5 * 2 ** (-29 / 4)),
        (Node(MONTH, ("project", "pseudocode", "sex")), Measure.ACTIONS, 2 ** (-22 / 4)),
        (Node(QUARTER, ("project", "component")), Measure.ACTIONS, 2 ** (-16 / 4)),
        (Node(MONTH, ("project",)), Measure.JOINED, 0.5 * 2 ** (-13 / 4)),
        (Node(YEAR, ("sex",)), Measure.INCLUDED, 0.5 * 2 ** (-35 / 4)),
        (Node(YEAR, ("project", "pseudocode", "sex", "age_group")), Measure.ACTIONS, 2 ** (-27 / 4)),
    ],
)
def test_rho_of_a_node(node: Node, measure: Measure, expected: float) -> None:
    assert float(node_rho(node, measure)) == pytest.approx(expected, rel=1e-12)


def test_more_actions_or_a_smaller_cap_weigh_more() -> None:
    node = Node(YEAR, ("project", "pseudocode", "sex"))
    one = 2 ** (-27 / 4) / 2  # sigma 9.75

    assert float(node_rho(node, Measure.ACTIONS, actions=12)) == pytest.approx(one * (1 + 36))
    assert float(node_rho(node, Measure.ACTIONS, actions=1)) == pytest.approx(one * (1 + 1 / 4))
    assert float(node_rho(node, Measure.ACTIONS, actions=1, cap=1)) == pytest.approx(one * 2)


RUNGS = {
    # R1 and R2, each with and without insurer: sigma 8.125 is 2^(25/8) on the grid, twice that 2^(33/8)
    QUARTER: 4 * (2 ** (-25 / 4) + 4 * 2 ** (-33 / 4)) / 2,
    # R5, with and without insurer: sigma 9.75
    YEAR: 2 * (2 ** (-27 / 4) + 4 * 2 ** (-35 / 4)) / 2,
}


@pytest.mark.parametrize(
    ("period", "measure", "lattice"),
    [
        (MONTH, Measure.ACTIONS, 0.4190),
        (QUARTER, Measure.ACTIONS, 0.5326),
        (YEAR, Measure.ACTIONS, 0.4492),
        (CONVENTION, Measure.ACTIONS, 0.3593),
        (MONTH, Measure.JOINED, 0.1209),
        (MONTH, Measure.LEFT, 0.1209),
        (QUARTER, Measure.INCLUDED, 0.1212),
        (YEAR, Measure.INCLUDED, 0.1089),
    ],
)
def test_release_spends_what_its_lattice_and_its_rungs_do(period: PeriodKind, measure: Measure, lattice: float) -> None:
    rungs = 0.0 if measure.is_of_inclusions else RUNGS.get(period, 0.0)

    assert float(release_rho(period, measure)) == pytest.approx(lattice + rungs, abs=5e-5)


@pytest.mark.parametrize(("period", "measure"), [(QUARTER, Measure.JOINED), (CONVENTION, Measure.INCLUDED)])
def test_nothing_is_spent_where_nothing_is_released(period: PeriodKind, measure: Measure) -> None:
    assert release_rho(period, measure) == Fraction(0)


def test_totals() -> None:
    # a year of one action a month: three in a quarter, twelve in the year; four quarters
    quarters = 4 * 4 * (2 ** (-25 / 4) + 9 * 2 ** (-33 / 4)) / 2
    year = 2 * (2 ** (-27 / 4) + 144 * 2 ** (-35 / 4)) / 2

    assert float(fact_rho()) == pytest.approx(1.760 + sum(RUNGS.values()), abs=5e-4)
    assert float(person_rho()) == pytest.approx(20.72 + quarters + year, abs=5e-3)
    assert float(inclusion_rho()) == pytest.approx(0.8355, abs=5e-5)
    assert fact_rho() == sum(release_rho(period, Measure.ACTIONS) for period in PeriodKind)
