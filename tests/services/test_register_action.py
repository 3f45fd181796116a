"""Actions at the desk: what is committed with one, and every rule that refuses one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from gateway.domain import errors
from gateway.domain.access import Caller, Role
from gateway.pseudonyms.receipts import verify_receipt
from gateway.services.find_actions import get_action, list_actions
from gateway.services.keep_catalogue import replace_project
from gateway.store.actions import ActionFilter
from gateway.store.tables import outbox
from tests.builders import (
    COLLEAGUE,
    PROJECT,
    PROJECT_LEVEL_PSEUDOCODE,
    PROVIDER,
    PSEUDOCODE,
    a_caller,
    an_agreement,
    day,
)
from tests.services.desk import ADMIN, PARTNER, REGISTRAR, Desk
from tests.store.rows import added, rows
from tests.store.seeds import FOREIGN_PSEUDOCODE, LATER_PSEUDOCODE, OTHER_PROJECT, a_project_document

FOREIGN_ADMIN = a_caller(Role.PROJECT_ADMIN, project=OTHER_PROJECT)
_AGREED = an_agreement(agreed_on=day("2021-11-01"))
COLLEAGUE_NIHII, STRANGER_NIHII = f"{COLLEAGUE}001", "30000318001"
COLLEAGUE_CALLER = a_caller(Role.PROVIDER, nihii=COLLEAGUE_NIHII)
STRANGER = a_caller(Role.PROVIDER, nihii=STRANGER_NIHII)


@pytest.fixture
def included(desk: Desk) -> Desk:
    """The desk on 1 March 2022, one beneficiary included since February."""
    desk.include()
    return desk.at("2022-03-01T08:00+01:00")


def test_action_is_one_fact_one_message_and_one_audit_entry(included: Desk) -> None:
    before = included.counts()

    view = included.act()

    _, message = rows(included.database_url, outbox, "sequence")
    one = view.known.action
    assert added(before, included.counts()) == {"action": 1, "outbox": 1, "audit_entry": 1}
    assert (message["kind"], message["sequence"], message["reference"]) == ("action", 2, one.id)
    assert message["content"] == {
        "pseudocode": PSEUDOCODE,
        "performed_on": "2022-02-14",
        "occurrence": 1,
        "communicated_at": "2022-03-01T07:00:00Z",
        "performed_by": PROVIDER,
        "inclusion": str(one.inclusion),
    }


def test_receipt_names_the_act_and_when_it_was_recorded(included: Desk) -> None:
    view = included.act(occurrence=3)

    assert view.receipt is not None
    claims = verify_receipt(view.receipt, included.context.veil.receipts.jwks())
    assert claims.pop("audit_entry")
    assert claims == {
        "id": str(view.known.action.id),
        "kind": "action",
        "project": PROJECT,
        "rules": "1",
        "recorded_at": "2022-03-01T07:00:00Z",
        "pseudocode": PSEUDOCODE,
        "performed_on": "2022-02-14",
        "occurrence": 3,
    }


@pytest.mark.parametrize(
    ("caller", "changes"),
    [
        (PARTNER, {"performed_on": day("2022-02-01")}),
        (PARTNER, {"performed_on": day("2022-03-01"), "pseudocode": LATER_PSEUDOCODE}),
        (ADMIN, {"performed_by": COLLEAGUE_NIHII}),
        (COLLEAGUE_CALLER, {"performed_by": COLLEAGUE_NIHII}),
    ],
    ids=["first valid day", "today, the code's first day", "administrative responsible", "colleague"],
)
def test_action_within_the_rules_is_recorded(included: Desk, caller: Caller, changes: dict[str, Any]) -> None:
    view = included.act(caller=caller, **changes)

    assert view.known.action.status == "recorded"
    assert included.ask(ADMIN, get_action, view.known.action.id).known == view.known


@pytest.mark.parametrize("performed_on", ["2021-12-31", "2022-01-01"])
def test_action_of_before_2022_is_accepted_like_any_other(desk: Desk, performed_on: str) -> None:
    desk.at("2021-11-15T09:00+01:00").include(agreement=_AGREED)

    view = desk.at("2022-01-10T09:00+01:00").act(performed_on=day(performed_on))

    assert view.known.action.status == "recorded"


def test_action_is_taken_until_registration_closes(desk: Desk) -> None:
    desk.include()

    view = desk.at("2023-02-28T23:59:59+01:00").act(performed_on=day("2022-12-31"))

    assert view.known.action.performed_on == day("2022-12-31")


def test_same_act_twice_on_one_day_is_the_next_occurrence(included: Desk) -> None:
    first = included.act().known.action
    second = included.act(occurrence=2).known.action

    assert first.id != second.id


Case = tuple[type[errors.Problem], str | None, str, Caller, dict[str, Any]]
TODAY = "2022-03-01"
REFUSED: dict[str, Case] = {
    "unknown project": (errors.UnknownProject, None, TODAY, PARTNER, {"project": "demo-ouest"}),
    "foreign project": (errors.ForeignProject, None, TODAY, FOREIGN_ADMIN, {}),
    "no role": (errors.RoleNotAllowed, None, TODAY, a_caller(Role.INSURER), {}),
    "performed tomorrow": (errors.PerformedInFuture, "P4", TODAY, PARTNER, {"performed_on": day("2022-03-02")}),
    "before the convention": (errors.OutsideConvention, "P4", TODAY, PARTNER, {"performed_on": day("2021-08-31")}),
    "after the convention": (
        errors.OutsideConvention,
        "P4",
        "2023-01-02",
        PARTNER,
        {"performed_on": day("2023-01-01")},
    ),
    "unknown pseudocode": (errors.UnknownPseudocode, "P2", TODAY, PARTNER, {"pseudocode": "794011"}),
    "pseudocode of others": (errors.PseudocodeNotOfProject, "P2", TODAY, PARTNER, {"pseudocode": FOREIGN_PSEUDOCODE}),
    "pseudocode not yet": (errors.PseudocodeNotValidThen, "P2", TODAY, PARTNER, {"pseudocode": LATER_PSEUDOCODE}),
    "pseudocode no longer": (
        errors.PseudocodeNotValidThen,
        "P2",
        "2022-10-01",
        PARTNER,
        {"pseudocode": LATER_PSEUDOCODE, "performed_on": day("2022-10-01")},
    ),
    "project level": (
        errors.ProjectLevelPseudocode,
        "P7",
        TODAY,
        PARTNER,
        {"pseudocode": PROJECT_LEVEL_PSEUDOCODE},
    ),
    "performed by another": (errors.NotAPerformer, "P5", TODAY, PARTNER, {"performed_by": COLLEAGUE_NIHII}),
    "performed by a stranger": (errors.NotAPerformer, "P5", TODAY, ADMIN, {"performed_by": STRANGER_NIHII}),
    "stranger performs": (errors.NotAPerformer, "P5", TODAY, STRANGER, {"performed_by": STRANGER_NIHII}),
    "former partner performs": (
        errors.NotAPerformer,
        "P5",
        "2022-07-01",
        COLLEAGUE_CALLER,
        {"performed_by": COLLEAGUE_NIHII, "performed_on": day("2022-07-01")},
    ),
    "beneficiary nobody knows": (errors.NotIncluded, "P3", TODAY, PARTNER, {"number": 1}),
    "before the inclusion is valid": (
        errors.OutsideValidity,
        "P3",
        TODAY,
        PARTNER,
        {"performed_on": day("2022-01-31")},
    ),
    "registration closed": (errors.RegistrationClosed, "P9", "2023-03-01", PARTNER, {}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_action_against_a_rule_is_refused_and_leaves_its_audit_entry_alone(included: Desk, case: str) -> None:
    problem, rule, today, caller, changes = REFUSED[case]
    included.at(f"{today}T12:00+01:00")
    before = included.counts()

    with pytest.raises(problem) as refused:
        included.act(caller=caller, **changes)

    assert (type(refused.value), refused.value.rule) == (problem, rule)
    assert added(before, included.counts()) == {"audit_entry": 1}
    assert included.outcomes()[-1] == ("register_action", refused.value.code)


def test_action_in_the_project_of_another_inclusion_is_refused(included: Desk) -> None:
    with pytest.raises(errors.NotIncluded):
        included.act(project=OTHER_PROJECT)


def test_action_after_the_exit_is_refused_with_the_days_that_would_have_been_right(included: Desk) -> None:
    included.exit(included.act().known.action.inclusion)

    with pytest.raises(errors.OutsideValidity) as refused:
        included.at("2022-04-02T09:00+02:00").act(performed_on=day("2022-04-01"))

    assert (refused.value.allowed_from, refused.value.allowed_until) == (day("2022-02-01"), day("2022-03-31"))


def test_action_of_the_last_valid_day_is_taken_after_the_exit(included: Desk) -> None:
    one = included.act().known.action
    included.exit(one.inclusion)

    late = included.at("2022-06-01T09:00+02:00").act(performed_on=day("2022-03-31"))

    assert late.known.action.inclusion == one.inclusion


def test_action_after_a_shortened_convention_is_refused(included: Desk) -> None:
    convention = {"effective_from": day("2021-09-01"), "last_day": day("2022-02-13")}
    included.ask(REGISTRAR, replace_project, a_project_document(convention=convention), 1)

    with pytest.raises(errors.OutsideConvention) as refused:
        included.act()

    assert refused.value.allowed_until == day("2022-02-13")


def test_duplicate_is_refused_and_names_the_first(included: Desk) -> None:
    first = included.act().known.action
    before = included.counts()

    with pytest.raises(errors.DuplicateAction) as refused:
        included.act(caller=ADMIN)

    assert refused.value.existing == first.id
    assert added(before, included.counts()) == {"audit_entry": 1}


def test_annulled_action_is_kept_and_frees_its_key(included: Desk) -> None:
    first = included.act().known.action

    view = included.annul_action(first.id)
    again = included.act().known.action

    assert (view.known.action.status, view.known.action.annulment_reason) == ("annulled", "wrong-person")
    assert again.id != first.id
    _, _, message, _ = rows(included.database_url, outbox, "sequence")
    assert (message["kind"], message["content"]) == (
        "action-annulment",
        {"reason": "wrong-person", "communicated_at": "2022-03-01T07:00:00Z"},
    )


def test_action_is_annulled_once(included: Desk) -> None:
    one = included.act().known.action
    included.annul_action(one.id)
    before = included.counts()

    with pytest.raises(errors.AlreadyAnnulled):
        included.annul_action(one.id)

    assert added(before, included.counts()) == {"audit_entry": 1}


@pytest.mark.parametrize("caller", [STRANGER, FOREIGN_ADMIN, COLLEAGUE_CALLER], ids=["stranger", "foreign", "other"])
def test_action_that_is_not_the_callers_is_not_there(included: Desk, caller: Caller) -> None:
    one = included.act().known.action
    before = included.counts()

    with pytest.raises(errors.NotFound):
        included.ask(caller, get_action, one.id)
    with pytest.raises(errors.NotFound):
        included.annul_action(one.id, caller=caller)
    with pytest.raises(errors.NotFound):
        included.ask(caller, get_action, uuid4())

    assert added(before, included.counts()) == {"audit_entry": 3}


def test_provider_lists_the_own_actions_and_the_administrative_responsible_all(included: Desk) -> None:
    mine = included.act().known.action
    other = included.act(caller=ADMIN, performed_by=COLLEAGUE_NIHII).known.action

    def listed(caller: Caller, performed_by: str | None = None) -> set[Any]:
        page = included.ask(caller, list_actions, ActionFilter(PROJECT, performed_by), None, 9)
        return {view.known.action.id for view in page.items}

    assert listed(PARTNER) == listed(PARTNER, COLLEAGUE) == {mine.id}
    assert listed(COLLEAGUE_CALLER) == {other.id}
    assert listed(ADMIN) == {mine.id, other.id}


def test_list_of_actions_says_where_the_next_page_begins(included: Desk) -> None:
    acted = [included.act(performed_on=day(f"2022-02-{number:02d}")).known.action for number in (3, 1, 2)]

    first = included.ask(ADMIN, list_actions, ActionFilter(PROJECT), None, 2)
    last = included.ask(ADMIN, list_actions, ActionFilter(PROJECT), first.next, 2)

    assert [view.known.action.id for view in first.items] == [acted[1].id, acted[2].id]
    assert [view.known.action.id for view in last.items] == [acted[0].id]
    assert (first.next, last.next) == ((day("2022-02-02"), acted[2].id), None)


@pytest.mark.parametrize(
    ("caller", "project", "problem"),
    [
        (PARTNER, "demo-ouest", errors.UnknownProject),
        (FOREIGN_ADMIN, PROJECT, errors.ForeignProject),
        (STRANGER, PROJECT, errors.NotAPartner),
        (a_caller(Role.AUDITOR), PROJECT, errors.RoleNotAllowed),
    ],
    ids=["unknown project", "foreign project", "stranger", "no role"],
)
def test_list_of_actions_is_refused_to_others(
    included: Desk, caller: Caller, project: str, problem: type[errors.Problem]
) -> None:
    with pytest.raises(problem):
        included.ask(caller, list_actions, ActionFilter(project), None, 9)
