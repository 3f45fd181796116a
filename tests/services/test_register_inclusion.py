"""Inclusions at the desk: what is committed with one, and every rule that refuses one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import errors
from gateway.domain.access import Caller, Role
from gateway.domain.periods import Interval
from gateway.pseudonyms.receipts import verify_receipt
from gateway.services.find_inclusions import get_inclusion
from gateway.services.keep_catalogue import replace_project
from gateway.store.tables import audit_entry, beneficiary, inclusion, outbox, vault
from tests.builders import COLLEAGUE, PROJECT, PROVIDER, a_caller, an_agreement, day, instant
from tests.services.desk import ADMIN, PARTNER, REGISTRAR, Desk, ssin
from tests.store.rows import added, rows
from tests.store.seeds import OTHER_PROJECT, a_project_document

STRANGER = a_caller(Role.PROVIDER, nihii="30000318001")
FORMER_PARTNER = a_caller(Role.PROVIDER, nihii=f"{COLLEAGUE}001")
FOREIGN_ADMIN = a_caller(Role.PROJECT_ADMIN, project=OTHER_PROJECT)


def test_inclusion_is_one_fact_one_sealed_identity_one_message_and_one_audit_entry(desk: Desk) -> None:
    before = desk.counts()

    desk.include()

    assert added(before, desk.counts()) == {
        "beneficiary": 1,
        "vault": 1,
        "inclusion": 1,
        "outbox": 1,
        "audit_entry": 1,
    }


def test_inclusion_communicated_on_15_january_is_valid_from_1_february(desk: Desk) -> None:
    view = desk.at("2022-01-15T09:30+01:00").include()

    assert view.valid == Interval(day("2022-02-01"), day("2022-12-31"))
    assert view.known.inclusion.communicated_at == instant("2022-01-15T08:30Z")
    assert view.known.delivery_state == "pending"


@pytest.mark.parametrize(
    ("communicated_at", "valid_from"),
    [
        ("2022-01-31T22:59:59Z", "2022-02-01"),
        ("2022-01-31T23:00:00Z", "2022-03-01"),
        ("2021-12-31T22:59:59Z", "2022-01-01"),
        ("2022-03-31T22:00:00Z", "2022-05-01"),
    ],
)
def test_month_of_communication_is_that_of_brussels(desk: Desk, communicated_at: str, valid_from: str) -> None:
    agreement = an_agreement(agreed_on=day("2021-12-01"))

    view = desk.at(communicated_at).include(agreement=agreement)

    assert view.known.inclusion.valid_from == day(valid_from)


def test_identity_is_nowhere_but_sealed_in_the_vault(desk: Desk) -> None:
    view = desk.include()
    one = view.known.inclusion

    (sealed,) = rows(desk.database_url, vault)
    texts = [repr(rows(desk.database_url, table)) for table in (beneficiary, vault, inclusion, outbox, audit_entry)]

    assert not any(ssin().reveal() in text for text in texts)
    assert desk.context.veil.sealer.unseal(sealed["sealed_ssin"], PROJECT, one.pseudonym) == ssin()


def test_message_tells_mycarenet_what_it_needs(desk: Desk) -> None:
    one = desk.include().known.inclusion

    (message,) = rows(desk.database_url, outbox)

    assert (message["id"], message["reference"], message["kind"]) == (one.message_id, one.id, "inclusion")
    assert (message["bucket"], message["sequence"], message["state"]) == (one.bucket, 1, "pending")
    assert message["content"] == {
        "communicated_at": "2022-01-15T09:00:00Z",
        "valid_from": "2022-02-01",
        "agreed_on": "2022-01-10",
    }


def test_receipt_names_the_fact_its_days_and_its_audit_entry(desk: Desk) -> None:
    view = desk.include()

    (entry,) = rows(desk.database_url, audit_entry)
    assert view.receipt is not None
    assert verify_receipt(view.receipt, desk.context.veil.receipts.jwks()) == {
        "id": str(view.known.inclusion.id),
        "kind": "inclusion",
        "project": PROJECT,
        "rules": "1",
        "audit_entry": str(entry["id"]),
        "communicated_at": "2022-01-15T09:00:00Z",
        "valid_from": "2022-02-01",
    }


def test_ids_route_to_the_beneficiarys_bucket(desk: Desk) -> None:
    one = desk.include().known.inclusion

    bucket_of = desk.context.veil.identifiers.bucket_of
    assert one.message_id is not None
    assert bucket_of(one.id) == bucket_of(one.message_id) == one.bucket


@pytest.mark.parametrize(
    ("caller", "named", "communicated_by"),
    [
        (PARTNER, None, PROVIDER),
        (PARTNER, f"{COLLEAGUE}001", PROVIDER),
        (ADMIN, None, None),
        (ADMIN, f"{COLLEAGUE}001", COLLEAGUE),
    ],
    ids=["partner", "partner names a colleague", "administrative responsible", "who names a partner"],
)
def test_inclusion_bears_who_communicated_it(
    desk: Desk, caller: Caller, named: str | None, communicated_by: str | None
) -> None:
    view = desk.include(caller=caller, communicated_by=named, municipality="25112")

    assert view.known.inclusion.communicated_by == communicated_by
    assert view.known.inclusion.municipality == "25112"
    assert desk.ask(ADMIN, get_inclusion, view.known.inclusion.id).known.inclusion == view.known.inclusion


REFUSED: dict[str, tuple[type[errors.Problem], str | None, str, Caller, dict[str, Any]]] = {
    "unknown project": (errors.UnknownProject, None, "2022-01-15", PARTNER, {"project": "demo-ouest"}),
    "foreign project": (errors.ForeignProject, None, "2022-01-15", FOREIGN_ADMIN, {}),
    "no role": (errors.RoleNotAllowed, None, "2022-01-15", a_caller(Role.COORDINATOR), {}),
    "not informed": (errors.NotInformed, "I1", "2022-01-15", PARTNER, {"agreement": an_agreement(informed=False)}),
    "agreement tomorrow": (
        errors.AgreementInFuture,
        "I1",
        "2022-01-15",
        PARTNER,
        {"agreement": an_agreement(agreed_on=day("2022-01-16"))},
    ),
    "not in the target group": (
        errors.NotInTargetGroup,
        "I7",
        "2022-01-15",
        PARTNER,
        {"agreement": an_agreement(in_target_group=False)},
    ),
    "no partner": (errors.NotAPartner, "I4", "2022-01-15", STRANGER, {}),
    "partner no longer": (errors.NotAPartner, "I4", "2022-07-01", FORMER_PARTNER, {}),
    "admin names no partner": (errors.NotAPartner, "I4", "2022-01-15", ADMIN, {"communicated_by": "30000318001"}),
    "before the convention": (
        errors.ConventionNotInForce,
        "I5",
        "2021-08-31",
        ADMIN,
        {"agreement": an_agreement(agreed_on=day("2021-08-01"))},
    ),
    "after the convention": (errors.ConventionNotInForce, "I5", "2023-01-01", PARTNER, {}),
    "in its last month": (errors.ValidAfterConventionEnd, "V6", "2022-12-01", PARTNER, {}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_inclusion_against_a_rule_is_refused_and_leaves_its_audit_entry_alone(desk: Desk, case: str) -> None:
    problem, rule, today, caller, changes = REFUSED[case]
    desk.at(f"{today}T12:00+01:00")
    before = desk.counts()

    with pytest.raises(problem) as refused:
        desk.include(caller=caller, **changes)

    assert (type(refused.value), refused.value.rule) == (problem, rule)
    assert added(before, desk.counts()) == {"audit_entry": 1}
    assert desk.outcomes()[-1] == ("register_inclusion", refused.value.code)


def test_agreement_of_today_is_taken_and_living_outside_the_zone_is_no_ground(desk: Desk) -> None:
    agreement = an_agreement(agreed_on=day("2022-01-15"))

    view = desk.include(agreement=agreement, municipality="99999")

    assert view.known.inclusion.agreement == agreement


def test_inclusion_in_november_is_valid_for_the_conventions_last_month(desk: Desk) -> None:
    view = desk.at("2022-11-30T12:00+01:00").include()

    assert view.valid == Interval(day("2022-12-01"), day("2022-12-31"))


def test_second_inclusion_is_refused_and_names_the_first(desk: Desk) -> None:
    first = desk.include().known.inclusion
    before = desk.counts()

    with pytest.raises(errors.AlreadyIncluded) as refused:
        desk.at("2022-02-15T09:00+01:00").include(caller=ADMIN)

    assert refused.value.existing == first.id
    assert added(before, desk.counts()) == {"audit_entry": 1}


def test_inclusions_in_two_projects_do_not_exclude_each_other_nor_share_a_pseudonym(desk: Desk) -> None:
    here = desk.include().known.inclusion
    there = desk.include(project=OTHER_PROJECT).known.inclusion

    assert (here.status, there.status) == ("open", "open")
    assert here.pseudonym != there.pseudonym


def test_inclusion_valid_after_a_shortened_convention_has_no_day(desk: Desk) -> None:
    one = desk.include().known.inclusion
    convention = {"effective_from": day("2021-09-01"), "last_day": day("2022-01-31")}

    desk.ask(REGISTRAR, replace_project, a_project_document(convention=convention), 1)
    view = desk.ask(ADMIN, get_inclusion, one.id)

    assert view.valid is not None
    assert view.valid.is_empty
    assert view.known.inclusion == one == replace(one, status="open")
