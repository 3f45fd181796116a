"""Going live: the registrar enters earlier communications, and every date follows from when they were made."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.domain.batches import restored
from gateway.domain.errors import RoleNotAllowed
from gateway.store.tables import action, inclusion, outbox
from tests.builders import PROJECT, PROVIDER, day, instant
from tests.services.batch_desk import (
    Batches,
    Line,
    an_action_line,
    an_exit_line,
    an_inclusion_line,
    codes,
    of_the_database,
    outcomes,
)
from tests.services.desk import PARTNER, REGISTRAR
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT

NOW = "2022-03-01T08:00+01:00"
LETTER = "letter 2021/118 of 15 November 2021"


def an_earlier_inclusion(number: int = 1, at: str = "2021-11-15T09:00:00Z", **changes: Any) -> Line:
    agreement = {"agreed_on": "2021-11-02", "informed": True, "in_target_group": True}
    facts = {"agreement": agreement, "communicated_at": at, "communicated_by": NIHII, "evidence": LETTER}
    return an_inclusion_line(number, **{**facts, **changes})


def an_earlier_exit(number: int = 1, at: str = "2022-01-20T09:00:00Z", **changes: Any) -> Line:
    return an_exit_line(number, **{"communicated_at": at, "communicated_by": NIHII, **changes})


def an_earlier_action(number: int = 1, at: str = "2021-12-10T09:00:00Z", **changes: Any) -> Line:
    facts = {"communicated_at": at, "performed_by": NIHII, "performed_on": "2021-12-06", "evidence": "invoice 7"}
    return an_action_line(number, **{**facts, **changes})


NIHII = f"{PROVIDER}001"


def test_validity_follows_from_the_earlier_communication(batches: Batches) -> None:
    settled = batches.run([an_earlier_inclusion(), an_earlier_action(), an_earlier_exit()], REGISTRAR)

    assert outcomes(settled) == ["accepted"] * 3, settled
    (one,) = of_the_database(batches, inclusion)
    assert (one["valid_from"], one["valid_until"]) == (day("2021-12-01"), day("2022-01-31"))
    assert one["communicated_at"] == instant("2021-11-15T09:00:00Z")
    assert one["exit_communicated_at"] == instant("2022-01-20T09:00:00Z")
    assert (one["communicated_by"], one["evidence"]) == (PROVIDER, LETTER)
    assert one["recorded_at"] == instant(NOW)


def test_what_is_imported_was_not_known_before(batches: Batches) -> None:
    batches.run([an_earlier_inclusion(), an_earlier_action()], REGISTRAR)

    (acted,) = of_the_database(batches, action)
    assert acted["communicated_at"] == instant("2021-12-10T09:00:00Z")
    assert (acted["recorded_at"], acted["evidence"]) == (instant(NOW), "invoice 7")
    assert {one["recorded_at"] for one in rows(batches.desk.database_url, inclusion)} == {instant(NOW)}


def test_import_is_audited_as_such_and_told_upstream(batches: Batches) -> None:
    batches.run([an_earlier_inclusion(), an_earlier_action(), an_earlier_exit(), an_earlier_exit(2)], REGISTRAR)

    audited = [one for one in batches.desk.outcomes() if one[0].endswith("_imported")]
    assert [one for one in audited if one[1] == "done"] == [
        ("register_inclusion_imported", "done"),
        ("register_action_imported", "done"),
        ("register_exit_imported", "done"),
    ]
    assert [one for one in audited if one[1] != "done"] == [("register_exit_imported", "not-found")]
    messages = rows(batches.desk.database_url, outbox, "sequence")
    assert [(one["kind"], one["content"]["communicated_at"]) for one in messages] == [
        ("inclusion", "2021-11-15T09:00:00Z"),
        ("action", "2021-12-10T09:00:00Z"),
        ("exit", "2022-01-20T09:00:00Z"),
    ]


def test_import_without_an_instant_is_of_now(batches: Batches) -> None:
    line = an_earlier_inclusion()
    del line["communicated_at"], line["evidence"]

    (settled,) = batches.run([line], REGISTRAR)

    (one,) = of_the_database(batches, inclusion)
    assert settled.outcome.value == "accepted"
    assert (one["communicated_at"], one["evidence"]) == (instant(NOW), None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (an_earlier_inclusion(at="2022-03-01T07:00:01Z"), "communicated-in-future"),
        (an_earlier_inclusion(at="2021-08-31T21:59:59Z"), "agreement-in-future"),
        (
            an_earlier_inclusion(
                at="2021-08-31T21:59:59Z",
                agreement={"agreed_on": "2021-08-01", "informed": True, "in_target_group": True},
            ),
            "not-a-partner",
        ),
        (an_earlier_inclusion(communicated_by="30000318001"), "not-a-partner"),
        (an_earlier_inclusion(project="demo-unknown"), "unknown-project"),
        (an_earlier_inclusion(communicated_at="15/11/2021"), "invalid-request"),
        (an_earlier_inclusion(evidence="8507300332 of 85073003328"), "identity-in-text"),
        (
            {name: value for name, value in an_earlier_inclusion().items() if name != "communicated_by"},
            "invalid-request",
        ),
        ({name: value for name, value in an_earlier_action().items() if name != "performed_by"}, "invalid-request"),
        (an_earlier_action(), "not-included"),
        (an_earlier_action(at="2021-12-05T09:00:00Z"), "performed-in-future"),
        (an_earlier_exit(), "not-found"),
        (an_earlier_exit(communicated_by="30000318001"), "not-a-partner"),
    ],
)
def test_rules_hold_for_the_earlier_day_and_the_provider_named(batches: Batches, line: Line, code: str) -> None:
    (settled,) = batches.run([line], REGISTRAR)

    assert settled.outcome.value == "refused"
    assert settled.problem is not None
    problem = restored(settled.problem)
    found = getattr(problem, "errors", [])
    assert code in {problem.code, *(each.code for each in found)}
    assert batches.facts() == (0, 0, 0)


def test_inclusion_before_the_convention_is_refused(batches: Batches) -> None:
    agreement = {"agreed_on": "2021-08-01", "informed": True, "in_target_group": True}
    seed_partner_from(batches, date(2021, 1, 1))

    (settled,) = batches.run([an_earlier_inclusion(at="2021-08-31T21:59:59Z", agreement=agreement)], REGISTRAR)

    assert codes([settled]) == ["convention-not-in-force"]


def seed_partner_from(batches: Batches, first: date) -> None:
    """The provider was a partner before the convention began."""
    with batches.desk.context.store.transaction() as tx:
        document = {
            "project": PROJECT,
            "provider": PROVIDER,
            "nihii": NIHII,
            "category": "first_line",
            "discipline": "physician",
            "member_from": first,
            "member_until": date(2021, 8, 31),
        }
        tx.catalogue.put_partner(document, instant(NOW))


def test_exit_before_its_inclusion_is_refused(batches: Batches) -> None:
    settled = batches.run([an_earlier_inclusion(), an_earlier_exit(at="2021-11-15T08:59:59Z")], REGISTRAR)

    assert codes(settled) == [None, "communicated-before-inclusion"]


def test_exit_of_another_project_than_named_is_not_found(batches: Batches) -> None:
    (made,) = batches.run([an_earlier_inclusion()], REGISTRAR)
    line = {"type": "exit", "reason": "moved", "inclusion": str(made.object), "communicated_by": NIHII}

    foreign, own = batches.run([{**line, "project": OTHER_PROJECT}, {**line, "project": PROJECT}], REGISTRAR)

    assert codes([foreign, own]) == ["not-found", None]


def test_imported_inclusions_of_one_person_never_overlap(batches: Batches) -> None:
    lines = [
        an_earlier_inclusion(),
        an_earlier_exit(),
        an_earlier_inclusion(at="2021-12-20T09:00:00Z"),
        an_earlier_inclusion(at="2021-09-20T09:00:00Z", agreement={**_AGREED, "agreed_on": "2021-09-10"}),
        an_earlier_inclusion(at="2022-01-31T22:00:00Z"),
    ]

    settled = batches.run(lines, REGISTRAR)

    assert codes(settled) == [None, None, "already-included", "already-included", None]


_AGREED = {"informed": True, "in_target_group": True}


def test_import_sent_again_changes_nothing(batches: Batches) -> None:
    lines = [an_earlier_inclusion(), an_earlier_action(), an_earlier_exit(), an_earlier_inclusion(2)]
    first = batches.run(lines, REGISTRAR)
    facts = batches.facts()

    again = batches.run(lines, REGISTRAR)

    assert outcomes(again) == ["duplicate"] * 4
    assert [line.object for line in again] == [line.object for line in first]
    assert batches.facts() == facts


def test_provider_registers_on_after_an_import(batches: Batches) -> None:
    batches.run([an_earlier_inclusion()], REGISTRAR)

    acted, left = batches.run([an_action_line(1), an_exit_line(1)])

    assert (acted.outcome.value, left.outcome.value) == ("accepted", "accepted")
    (one,) = of_the_database(batches, inclusion)
    assert (one["evidence"], one["valid_until"]) == (LETTER, day("2022-03-31"))


def test_evidence_of_an_exit_stands_on_its_version(batches: Batches) -> None:
    batches.run([an_earlier_inclusion(), an_earlier_exit(evidence="letter of January")], REGISTRAR)

    versions = rows(batches.desk.database_url, inclusion, "version")
    assert [one["evidence"] for one in versions] == [LETTER, "letter of January"]


def test_single_endpoints_stay_closed_to_the_registrar(batches: Batches) -> None:
    (made,) = batches.run([an_earlier_inclusion()], REGISTRAR)
    assert made.object is not None

    with pytest.raises(RoleNotAllowed):
        batches.desk.exit(made.object, REGISTRAR)
    assert batches.desk.exit(made.object, PARTNER).known.inclusion.status == "exited"
