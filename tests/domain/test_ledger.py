"""The privacy ledger: node by node by hand, and the totals that are published."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gateway.domain.lattice import RELEASED, WHOLE, Measure, Node, PeriodKind, Subset
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


@pytest.mark.parametrize(
    ("period", "measure", "whole", "released"),
    [
        (MONTH, Measure.ACTIONS, 0.4190, 0.2464),
        (QUARTER, Measure.ACTIONS, 0.5326, 0.1465),
        (YEAR, Measure.ACTIONS, 0.4492, 0.1036),
        (CONVENTION, Measure.ACTIONS, 0.3593, 0.0829),
        (MONTH, Measure.JOINED, 0.1209, 0.0657),
        (QUARTER, Measure.INCLUDED, 0.1212, 0.0391),
    ],
)
def test_rho_of_a_release(period: PeriodKind, measure: Measure, whole: float, released: float) -> None:
    assert float(release_rho(period, measure, WHOLE)) == pytest.approx(whole, abs=5e-5)
    assert float(release_rho(period, measure, RELEASED)) == pytest.approx(released, abs=5e-5)


def test_nothing_is_spent_where_nothing_is_released() -> None:
    nothing = Subset(RELEASED.periods, frozenset({Measure.ACTIONS}), RELEASED.dims)

    assert release_rho(MONTH, Measure.JOINED, nothing) == release_rho(QUARTER, Measure.JOINED, WHOLE) == Fraction(0)


def test_totals() -> None:
    assert float(fact_rho(WHOLE)) == pytest.approx(1.760, abs=5e-4)
    assert float(person_rho(WHOLE)) == pytest.approx(20.72, abs=5e-3)
    assert float(inclusion_rho(WHOLE)) == pytest.approx(0.8355, abs=5e-5)
    assert float(inclusion_rho()) == pytest.approx(0.3153, abs=5e-5)
    assert fact_rho() == sum(release_rho(period, Measure.ACTIONS) for period in PeriodKind)
