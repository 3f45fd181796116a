"""The catalogue at the desk: who may change it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.services import keep_catalogue
from gateway.services.keep_catalogue import (
    assign_pseudocode,
    get_project,
    list_projects,
    list_pseudocodes,
    register_partner,
    register_project,
    register_pseudocode,
    replace_project,
)
from tests.builders import PROJECT, PROJECT_LEVEL_PSEUDOCODE, PSEUDOCODE, a_caller, day
from tests.services.desk import ADMIN, PARTNER, REGISTRAR, Desk
from tests.store.rows import added
from tests.store.seeds import FOREIGN_PSEUDOCODE, LATER_PSEUDOCODE, OTHER_PROJECT, a_project_document

ANYONE = a_caller(Role.AUDITOR)
STRANGER = a_caller(Role.PROVIDER, nihii="30000318001")
PARTNERSHIP = {"category": "first_line", "discipline": "nurse", "from": day("2022-01-01"), "until": None}
ASSIGNMENT = {"valid_from": day("2022-01-01"), "valid_until": None}
PSEUDOCODE_DOCUMENT = {"code": "794099", "label": {"fr": "a", "nl": "b"}, "level": "population", "components": [1]}


def test_project_is_registered_and_read_back(desk: Desk) -> None:
    document = a_project_document("demo-est")

    made = desk.ask(REGISTRAR, register_project, document)

    expected = {**document, "version": 1, "registration_closes_on": None, "started_on": None}
    expected["zone"] = sorted(document["zone"], key=lambda part: part["nis"])
    assert made == desk.ask(ANYONE, get_project, "demo-est") == expected


def test_project_is_replaced_by_who_read_its_last_version(desk: Desk) -> None:
    renamed = a_project_document(name={"fr": "Neuf", "nl": "Nieuw"})

    first = desk.ask(REGISTRAR, replace_project, renamed, 1)
    second = desk.ask(REGISTRAR, replace_project, renamed, 2)

    assert (first["version"], second["version"]) == (2, 3)
    assert second["name"] == {"fr": "Neuf", "nl": "Nieuw"}


def test_pseudocode_is_registered_with_the_usual_cap_and_no_tariff(desk: Desk) -> None:
    made = desk.ask(REGISTRAR, register_pseudocode, PSEUDOCODE_DOCUMENT)

    found, _ = desk.ask(ANYONE, list_pseudocodes, None, None, FOREIGN_PSEUDOCODE, 9)
    assert made == {**PSEUDOCODE_DOCUMENT, "cap": 2, "tariff": None}
    assert made in found


def test_pseudocode_is_assigned_and_its_days_changed(desk: Desk) -> None:
    assigned = desk.ask(REGISTRAR, assign_pseudocode, OTHER_PROJECT, LATER_PSEUDOCODE, ASSIGNMENT)
    until = {**ASSIGNMENT, "valid_until": day("2022-06-30"), "planned": {"2022": {"actions": 10}}}
    changed = desk.ask(REGISTRAR, assign_pseudocode, OTHER_PROJECT, LATER_PSEUDOCODE, until)

    assert assigned == {"project": OTHER_PROJECT, "code": LATER_PSEUDOCODE, "planned": None, **ASSIGNMENT}
    (found,), _ = desk.ask(ANYONE, list_pseudocodes, OTHER_PROJECT, None, "794020", 1)
    assert (found["valid_until"], found["planned"]) == (day("2022-06-30"), changed["planned"])


@pytest.mark.parametrize("caller", [REGISTRAR, ADMIN], ids=["registrar", "administrative responsible"])
def test_partner_is_admitted_and_may_include_from_that_day(desk: Desk, caller: Any) -> None:
    with pytest.raises(errors.NotAPartner):
        desk.include(caller=STRANGER)

    made = desk.ask(caller, register_partner, PROJECT, "30000318001", PARTNERSHIP)

    assert made == {"project": PROJECT, "nihii": "30000318001", **PARTNERSHIP}
    assert desk.include(caller=STRANGER).known.inclusion.communicated_by == "30000318"


def test_partner_who_leaves_may_include_no_more(desk: Desk) -> None:
    desk.ask(ADMIN, register_partner, PROJECT, "30000318001", {**PARTNERSHIP, "until": day("2022-01-14")})

    with pytest.raises(errors.NotAPartner) as refused:
        desk.include(caller=STRANGER)

    assert (refused.value.allowed_from, refused.value.allowed_until) == (day("2022-01-01"), day("2022-01-14"))


def test_lists_say_where_the_next_page_begins(desk: Desk) -> None:
    first, position = desk.ask(ANYONE, list_projects, "", 1)
    rest, end = desk.ask(ANYONE, list_projects, str(position), 1)
    codes, code = desk.ask(ANYONE, list_pseudocodes, None, None, "", 2)
    last, none = desk.ask(ANYONE, list_pseudocodes, None, day("2022-04-01"), str(code), 9)

    assert ([one["id"] for one in (*first, *rest)], position, end) == ([PROJECT, OTHER_PROJECT], PROJECT, None)
    assert [one["code"] for one in codes] == [PSEUDOCODE, LATER_PSEUDOCODE]
    assert [one["code"] for one in last] == [FOREIGN_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]
    assert (code, none) == (LATER_PSEUDOCODE, None)


NEW = a_project_document("demo-est")
REFUSED: dict[str, tuple[type[errors.Problem], Any, str, tuple[Any, ...]]] = {
    "project twice": (errors.AlreadyExists, REGISTRAR, "register_project", (a_project_document(),)),
    "project by an admin": (errors.RoleNotAllowed, ADMIN, "register_project", (NEW,)),
    "replacing an unknown project": (errors.UnknownProject, REGISTRAR, "replace_project", (NEW, 1)),
    "replacing an old version": (
        errors.PreconditionFailed,
        REGISTRAR,
        "replace_project",
        (a_project_document(), 2),
    ),
    "replacing any version": (
        errors.PreconditionFailed,
        REGISTRAR,
        "replace_project",
        (a_project_document(), None),
    ),
    "pseudocode twice": (
        errors.AlreadyExists,
        REGISTRAR,
        "register_pseudocode",
        ({**PSEUDOCODE_DOCUMENT, "code": PSEUDOCODE},),
    ),
    "unknown pseudocode": (
        errors.UnknownPseudocode,
        REGISTRAR,
        "assign_pseudocode",
        (PROJECT, "000000", ASSIGNMENT),
    ),
    "pseudocode for an unknown project": (
        errors.UnknownProject,
        REGISTRAR,
        "assign_pseudocode",
        ("demo-est", PSEUDOCODE, ASSIGNMENT),
    ),
    "partner of an unknown project": (
        errors.UnknownProject,
        REGISTRAR,
        "register_partner",
        ("demo-est", "30000318001", PARTNERSHIP),
    ),
    "partner of a foreign project": (
        errors.ForeignProject,
        ADMIN,
        "register_partner",
        (OTHER_PROJECT, "30000318001", PARTNERSHIP),
    ),
    "partner by a partner": (
        errors.RoleNotAllowed,
        PARTNER,
        "register_partner",
        (PROJECT, "30000318001", PARTNERSHIP),
    ),
    "unknown project": (errors.UnknownProject, ANYONE, "get_project", ("demo-est",)),
    "pseudocodes of an unknown project": (
        errors.UnknownProject,
        ANYONE,
        "list_pseudocodes",
        ("demo-est", None, "", 9),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_its_audit_entry_alone(desk: Desk, case: str) -> None:
    problem, caller, verb, arguments = REFUSED[case]
    before = desk.counts()

    with pytest.raises(problem):
        desk.ask(caller, getattr(keep_catalogue, verb), *arguments)

    assert added(before, desk.counts()) == {"audit_entry": 1}
    assert desk.outcomes() == [(verb, problem.code)]


def test_unknown_pseudocode_names_some_of_the_projects_own(desk: Desk) -> None:
    with pytest.raises(errors.UnknownPseudocode) as refused:
        desk.ask(REGISTRAR, assign_pseudocode, PROJECT, "000000", ASSIGNMENT)

    assert refused.value.nearest == [PSEUDOCODE, LATER_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]
