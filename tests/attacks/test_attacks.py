"""The attacker on small registers: ours holds against every attack, and three planted weak mechanisms are broken.

All registers are synthetic. Seeds are fixed, so a run can be repeated; `make attack` does the same on a large register.
"""

from __future__ import annotations

import pytest

from gateway.domain.lattice import PeriodKind
from tests.attacks.mechanisms import REUSED, ROUNDED, THRESHOLD, Planted, ours
from tests.attacks.register import Size, a_register
from tests.attacks.score import as_table, pooled
from tests.attacks.stage import run

SEEDS = (1, 2)
SIZE = Size((300, 400, 450, 550), months=6)
WEAK_SEED, WEAK_SIZE = 3, Size((250, 300, 400, 550), months=6)
KINDS = (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR)
BREAKS = [
    (
        THRESHOLD,
        {
            "marginal differencing",
            "subset differencing",
            "roll-up differencing",
            "linear reconstruction of the lattice",
            "equality of parent and child",
            "homogeneity",
            "averaging over questions and accounts",
            "change from month to month",
            "one record arriving late",
        },
    ),
    (
        ROUNDED,
        {"linear reconstruction of the lattice", "change from month to month"},
    ),
    (REUSED, {"change from month to month", "one record arriving late"}),
]


def test_no_attack_tells_more_than_the_limit() -> None:
    attacks = pooled(tally for seed in SEEDS for tally in run(a_register(SIZE, seed), ours(seed)).tallies)

    table = as_table(attacks, f"ours, seeds {SEEDS}, {SIZE}")
    print(table)
    assert [(one.name, one.actor) for one in attacks if not one.holds] == [], table
    assert [(one.name, one.actor) for one in attacks if not one.is_enough] == [], table


@pytest.mark.parametrize(("planted", "expected"), BREAKS, ids=[planted.name for planted, _ in BREAKS])
def test_weak_mechanism_is_broken(planted: Planted, expected: set[str]) -> None:
    kinds = KINDS[:1] if planted is REUSED else KINDS
    found = pooled(run(a_register(WEAK_SIZE, WEAK_SEED), planted, ["outsider"], kinds).tallies)

    table = as_table(found, f"{planted.name}, seed {WEAK_SEED}, {WEAK_SIZE}")
    print(table)
    assert expected <= {one.name for one in found if one.is_enough and not one.holds}, table
