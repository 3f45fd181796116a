"""What is left to work with: the own coordinator of a small, steady project sees enough."""

from __future__ import annotations

from gateway.domain.lattice import PeriodKind
from tests.attacks.stage import run_small_project
from tests.attacks.utility import as_table

SEED = 11
KINDS = (PeriodKind.MONTH, PeriodKind.QUARTER)


def test_own_coordinator_of_a_small_steady_project_sees_enough() -> None:
    rows = run_small_project(SEED, KINDS, months=3)

    table = as_table(rows, f"small project, seed {SEED}")
    print(table)
    own = {row.node: row for row in rows if row.audience == "own"}
    quarter, month = own["quarter x project x pseudocode"], own["month x project x pseudocode"]
    assert quarter.protected_volume <= 0.02, table
    assert quarter.error_90 <= 0.20, table
    assert month.protected_cells <= 0.35, table
