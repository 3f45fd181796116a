"""The forecast reads the latest releases in force, of the caller's audience, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.domain.disclosure import Audience, ProtectedCell
from gateway.domain.lattice import Dims, PeriodKind
from gateway.services.show_forecast import show_forecast
from gateway.store.releases import Release
from tests.builders import PROJECT, a_caller, instant
from tests.services.desk import Desk
from tests.store.seeds import OTHER_PROJECT

POLICY_MAKER, COORDINATOR = a_caller(Role.POLICY_MAKER), a_caller(Role.COORDINATOR)
MONTHS = ("2021-11", "2021-12", "2022-01", "2022-02")
CODE = "794010"


def a_release(period: str, revision: int = 1) -> Release:
    kind = "month" if len(period) == 7 and "Q" not in period else "quarter"
    name = f"actions-{kind}-{period}-{revision}"
    return Release(name, "v1", "actions", kind, period, revision, instant("2022-03-10T00:00Z"), 0.4, {})


def a_cell(period: str, beneficiaries: int, audience: Audience = "general", **named: str) -> ProtectedCell:
    kind = "month" if "Q" not in period else "quarter"
    dims: Dims = tuple(sorted({kind: period, "project": PROJECT, **named}.items()))
    return ProtectedCell(dims, audience, beneficiaries, beneficiaries, None, 6, 12)


def outlooks(desk: Desk, caller: Any = POLICY_MAKER) -> dict[str | None, list[str]]:
    found = desk.ask(caller, show_forecast, PROJECT)
    return {one.pseudocode: [one.outlooks[kind].value for kind in list(PeriodKind)[:3]] for one in found}


def test_nothing_released_leaves_everything_open(desk: Desk) -> None:
    assert outlooks(desk) == dict.fromkeys([None, CODE, "794021", "794999"], ["open"] * 3)


def test_code_that_was_published_every_time_is_expected_again_and_over_longer_periods(desk: Desk) -> None:
    with desk.context.store.transaction() as tx:
        for month in MONTHS:
            tx.releases.add(a_release(month), [a_cell(month, 40, pseudocode=CODE)])

    found = outlooks(desk)

    assert found[CODE] == ["likely"] * 3
    assert found[None] == found["794021"] == ["unlikely", "open", "open"]


def test_only_the_latest_three_periods_count_and_only_in_their_latest_revision(desk: Desk) -> None:
    with desk.context.store.transaction() as tx:
        tx.releases.add(a_release(MONTHS[0]), [])
        tx.releases.add(a_release(MONTHS[1]), [])
        tx.releases.add(replace(a_release(MONTHS[1], 2)), [a_cell(MONTHS[1], 40, pseudocode=CODE)])
        for month in MONTHS[2:]:
            tx.releases.add(a_release(month), [a_cell(month, 40, pseudocode=CODE)])
        tx.releases.add(a_release("2021-Q4"), [])

    assert outlooks(desk)[CODE] == ["likely", "unlikely", "open"]


def test_own_coordinator_is_told_by_the_own_cells(desk: Desk) -> None:
    with desk.context.store.transaction() as tx:
        tx.releases.add(a_release(MONTHS[3]), [a_cell(MONTHS[3], 40, "own", pseudocode=CODE)])

    assert outlooks(desk, COORDINATOR)[CODE][0] == "likely"
    assert outlooks(desk, POLICY_MAKER)[CODE][0] == "unlikely"


@pytest.mark.parametrize(
    ("caller", "project", "refusal"),
    [
        (POLICY_MAKER, "demo-ouest", errors.UnknownProject),
        (COORDINATOR, OTHER_PROJECT, errors.ForeignProject),
        (a_caller(Role.INSURER), PROJECT, errors.RoleNotAllowed),
    ],
)
def test_forecast_is_refused(desk: Desk, caller: Any, project: str, refusal: type[errors.Problem]) -> None:
    with pytest.raises(refusal):
        desk.ask(caller, show_forecast, project)
