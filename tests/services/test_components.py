"""Components: one of a single pseudocode copies that pseudocode's cell, one of several is drawn like any cell."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import pytest

from gateway.domain.action import Action, annulled
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.services import close_period as closing
from gateway.services.close_period import close_period, one_code_components
from gateway.store.tables import cell
from tests.builders import (
    PROJECT,
    PROJECT_LEVEL_PSEUDOCODE,
    PSEUDOCODE,
    a_catalogue,
    a_project,
    an_action,
    an_inclusion,
    days,
)
from tests.services.desk import Desk
from tests.store.rows import rows
from tests.store.seeds import (
    FOREIGN_PSEUDOCODE,
    LATER_PSEUDOCODE,
    OTHER_PROJECT,
    SEEDED_AT,
    a_pseudocode_document,
    an_assignment_document,
)

QUARTER = Period(PeriodKind.QUARTER, "2022-Q1")
SHARED, OTHERS = "794043", "794054"
"""Two pseudocodes of component 9: the first project has one of them, the other has both."""

PEOPLE = 240
Shown = dict[tuple[str, str], tuple[int, int, str | None]]


def _action(number: int, project: str = PROJECT, code: str = SHARED) -> Action:
    person = {"project": project, "pseudonym": number.to_bytes(32, "big"), "inclusion": UUID(int=number + 1)}
    return an_action(id=UUID(int=number + 1001), pseudocode=code, performed_by=f"1000{number // 4 % 12:04}", **person)


@pytest.fixture
def register(desk: Desk) -> Desk:
    """Each pseudocode has sixty people of each project to itself, long before the quarter is closed."""
    with desk.context.store.transaction() as tx:
        for code in (SHARED, OTHERS):
            tx.catalogue.add_pseudocode(a_pseudocode_document(code, components=[9]), SEEDED_AT)
        for project, code in ((PROJECT, SHARED), (OTHER_PROJECT, SHARED), (OTHER_PROJECT, OTHERS)):
            tx.catalogue.put_assignment(an_assignment_document(project, code), SEEDED_AT)
        for start, project, codes in (
            (0, PROJECT, [PSEUDOCODE, LATER_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE, SHARED]),
            (PEOPLE, OTHER_PROJECT, [PSEUDOCODE, FOREIGN_PSEUDOCODE, SHARED, OTHERS]),
        ):
            for number in range(start, start + PEOPLE):
                one = _action(number, project, codes[number % 4])
                tx.inclusions.add(an_inclusion(id=one.inclusion, project=project, pseudonym=one.pseudonym))
                tx.actions.add(one)
    return desk.at("2024-01-15T09:00Z")


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every label that was drawn; the key is a fixed one."""
    asked: list[str] = []

    def recording(label: str) -> int:
        asked.append(label)
        return int.from_bytes(sha256(label.encode()).digest()[:8], "big")

    monkeypatch.setattr(closing, "release_key", lambda: recording)
    return asked


def _shown(desk: Desk, period: Period = QUARTER) -> Shown:
    close_period(desk.context, period, Measure.ACTIONS)
    return {
        (row["dims"], row["audience"]): (row["beneficiaries"], row["actions"], row["providers"])
        for row in rows(desk.database_url, cell)
    }


def _name(period: Period = QUARTER, **dims: str) -> str:
    return "|".join(f"{name}={value}" for name, value in sorted({period.kind.value: period.label, **dims}.items()))


@pytest.mark.parametrize(
    ("dims", "code", "component", "audiences"),
    [
        ({"project": PROJECT}, PROJECT_LEVEL_PSEUDOCODE, "14", ["own", "general"]),
        ({"project": PROJECT}, SHARED, "9", ["own", "general"]),
        ({}, PROJECT_LEVEL_PSEUDOCODE, "14", ["general"]),
    ],
    ids=["of one pseudocode in the catalogue", "of one pseudocode in the project", "of all projects"],
)
def test_component_of_one_pseudocode_has_its_numbers_and_no_providers(
    register: Desk, labels: list[str], dims: dict[str, str], code: str, component: str, audiences: list[str]
) -> None:
    shown = _shown(register)

    for audience in audiences:
        beneficiaries, actions, providers = shown[_name(QUARTER, pseudocode=code, **dims), audience]
        assert providers is not None
        assert shown[_name(QUARTER, component=component, **dims), audience] == (beneficiaries, actions, None)


def test_copied_component_is_never_drawn_and_one_of_several_is(register: Desk, labels: list[str]) -> None:
    _shown(register)

    drawn = {label.split("|", 4)[4] for label in labels if "component=" in label}
    assert drawn == {
        *(_name(component=component, project=project) for component in "36" for project in (PROJECT, OTHER_PROJECT)),
        *(_name(component=component) for component in "369"),
        _name(component="9", project=OTHER_PROJECT),
    }


def test_nothing_is_drawn_twice(register: Desk, labels: list[str]) -> None:
    _shown(register)

    assert len(labels) == len(set(labels)) > 100


def test_component_of_several_pseudocodes_counts_them_together(register: Desk, labels: list[str]) -> None:
    shown = _shown(register)

    of_project = shown[_name(component="9", project=OTHER_PROJECT), "general"]
    of_code = shown[_name(pseudocode=SHARED, project=OTHER_PROJECT), "general"]
    assert abs(of_project[0] - 120) < 30
    assert abs(of_code[0] - 60) < 30
    assert of_project[2] is None


def test_component_of_a_protected_pseudocode_is_protected(register: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = _name(pseudocode=SHARED, project=PROJECT)
    with register.context.store.transaction() as tx:
        for one in range(3, 191, 4):
            tx.actions.supersede(annulled(_action(one), "duplicate"), SEEDED_AT)  # thirteen people are left
    monkeypatch.setattr(closing, "release_key", lambda: lambda _: 2**63)
    shown = _shown(register)

    names = [name for name, _ in shown]
    assert _name(pseudocode=PROJECT_LEVEL_PSEUDOCODE, project=PROJECT) in names
    assert hidden not in names
    assert _name(component="9", project=PROJECT) not in names


def test_months_have_no_components(register: Desk, labels: list[str]) -> None:
    shown = _shown(register, Period(PeriodKind.MONTH, "2022-02"))

    assert len(shown) > 5
    assert not [name for name, _ in shown if "component" in name]


@pytest.mark.parametrize(
    "period",
    [Period(PeriodKind.YEAR, "2022"), Period(PeriodKind.CONVENTION, PROJECT)],
    ids=lambda period: str(period.kind),
)
def test_longer_periods_copy_too(register: Desk, labels: list[str], period: Period) -> None:
    shown = _shown(register, period)

    code, component = (
        shown[_name(period, project=PROJECT, **{name: value}), "general"][:2]
        for name, value in (("pseudocode", SHARED), ("component", "9"))
    )
    assert code == component
    assert not [label for label in labels if label.endswith(_name(period, project=PROJECT, component="9"))]
    assert [label for label in labels if label.endswith(_name(period, project=PROJECT, component="3"))]


def test_components_of_one_pseudocode_are_found_by_project_and_in_the_catalogue(register: Desk) -> None:
    with register.context.store.reading() as tx:
        found = one_code_components(tx.catalogue.current())

    assert found == {
        None: {"14": PROJECT_LEVEL_PSEUDOCODE},
        PROJECT: {"9": SHARED, "14": PROJECT_LEVEL_PSEUDOCODE},
        OTHER_PROJECT: {},
    }


def test_pseudocode_alone_in_two_components_is_copied_to_each() -> None:
    alone = a_project(assignments={PSEUDOCODE: days("2021-09-01 ..")})

    assert one_code_components(a_catalogue(alone)) == {
        None: {"3": PSEUDOCODE, "6": PSEUDOCODE, "14": PROJECT_LEVEL_PSEUDOCODE},
        PROJECT: {"3": PSEUDOCODE, "6": PSEUDOCODE},
    }
