"""Exits and annulments at the desk: what they end, what they let begin, and whom they are refused to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from gateway.domain import errors
from gateway.domain.access import Caller, Role
from gateway.domain.periods import Interval
from gateway.pseudonyms.receipts import verify_receipt
from gateway.services.change_inclusion import annul_exit, correct_inclusion
from gateway.services.find_inclusions import find_inclusions
from gateway.store.tables import inclusion, outbox
from tests.builders import COLLEAGUE, a_caller, day, instant
from tests.services.desk import ADMIN, PARTNER, Desk, a_beneficiary
from tests.store.rows import added, rows
from tests.store.seeds import OTHER_PROJECT

STRANGER = a_caller(Role.PROVIDER, nihii="30000318001")
FORMER_PARTNER = a_caller(Role.PROVIDER, nihii=f"{COLLEAGUE}001")
FOREIGN_ADMIN = a_caller(Role.PROJECT_ADMIN, project=OTHER_PROJECT)


@pytest.mark.parametrize(
    ("communicated_at", "valid_until"),
    [
        ("2022-03-31T21:59:59Z", "2022-03-31"),
        ("2022-03-31T22:00:00Z", "2022-04-30"),
        ("2022-02-28T12:00:00Z", "2022-02-28"),
        ("2022-12-31T12:00:00Z", "2022-12-31"),
        ("2023-01-15T12:00:00Z", "2022-12-31"),
    ],
    ids=["last second of March", "first second of April", "February", "last day", "after the convention"],
)
def test_inclusion_is_valid_until_the_end_of_the_month_of_its_exit(
    desk: Desk, communicated_at: str, valid_until: str
) -> None:
    one = desk.include().known.inclusion

    view = desk.at(communicated_at).exit(one.id, left_on=day("2022-02-03"))

    assert view.known.inclusion.status == "exited"
    assert view.valid == Interval(day("2022-02-01"), day(valid_until))


def test_exit_is_a_version_a_message_and_an_audit_entry(desk: Desk) -> None:
    one = desk.include().known.inclusion
    before = desk.counts()

    view = desk.at("2022-05-16T10:00+02:00").exit(one.id, left_on=day("2022-05-02"))

    first, second = rows(desk.database_url, inclusion, "version")
    _, message = rows(desk.database_url, outbox, "sequence")
    assert added(before, desk.counts()) == {"inclusion": 1, "outbox": 1, "audit_entry": 1}
    assert (first["superseded_at"], second["recorded_at"]) == (instant("2022-05-16T08:00Z"),) * 2
    assert (second["exit_reason"], second["exit_left_on"]) == ("moved", day("2022-05-02"))
    assert (message["kind"], message["sequence"], message["id"]) == ("exit", 2, view.known.inclusion.message_id)
    assert message["content"] == {"reason": "moved", "communicated_at": "2022-05-16T08:00:00Z"}
    assert view.receipt is not None
    claims = verify_receipt(view.receipt, desk.context.veil.receipts.jwks())
    assert (claims["kind"], claims["valid_from"], claims["valid_until"]) == ("exit", "2022-02-01", "2022-05-31")


def test_exit_before_the_first_valid_day_leaves_no_day(desk: Desk) -> None:
    one = desk.include().known.inclusion

    view = desk.at("2022-01-31T12:00+01:00").exit(one.id)

    assert view.valid == Interval(day("2022-02-01"), day("2022-01-31"))
    with pytest.raises(errors.NotIncluded):
        desk.at("2022-03-01T08:00+01:00").act()


def test_after_the_exit_a_new_inclusion_may_follow_at_once_and_the_intervals_touch(desk: Desk) -> None:
    first = desk.include().known.inclusion
    left = desk.at("2022-05-16T10:00+02:00").exit(first.id)

    again = desk.include()

    assert left.valid == Interval(day("2022-02-01"), day("2022-05-31"))
    assert again.valid == Interval(day("2022-06-01"), day("2022-12-31"))
    assert again.known.inclusion.id != first.id
    found = desk.ask(ADMIN, find_inclusions, a_beneficiary()).items
    assert {one.known.inclusion.status for one in found} == {"exited", "open"}
    for on, under in (("2022-05-31", first.id), ("2022-06-01", again.known.inclusion.id)):
        action = desk.at("2022-06-10T08:00+02:00").act(performed_on=day(on)).known.action
        assert action.inclusion == under


def test_annulled_inclusion_has_no_day_and_lets_another_one_in(desk: Desk) -> None:
    one = desk.include().known.inclusion

    view = desk.annul(one.id)
    again = desk.include()

    assert (view.known.inclusion.status, view.known.inclusion.annulment_reason) == ("annulled", "wrong-person")
    assert view.valid is None
    assert again.known.inclusion.status == "open"
    _, message, _ = rows(desk.database_url, outbox, "sequence")
    assert (message["kind"], message["content"]["reason"]) == ("inclusion-annulment", "wrong-person")


def test_exited_inclusion_may_be_annulled_and_keeps_its_exit_on_record(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-05-16T10:00+02:00").exit(one.id)

    view = desk.annul(one.id, caller=ADMIN)

    assert view.known.inclusion.status == "annulled"
    assert view.known.inclusion.exit is not None


def test_annulled_exit_leaves_the_inclusion_as_if_it_had_not_been(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-05-16T10:00+02:00").exit(one.id)

    view = desk.ask(PARTNER, annul_exit, one.id, "other")

    assert (view.known.inclusion.status, view.known.inclusion.exit) == ("open", None)
    assert view.valid == Interval(day("2022-02-01"), day("2022-12-31"))
    assert view.known.inclusion.communicated_at == one.communicated_at
    with pytest.raises(errors.NotExited):
        desk.ask(PARTNER, annul_exit, one.id, "other")


@pytest.mark.parametrize("exited_at", ["2022-05-16T10:00+02:00", "2022-01-20T10:00+01:00"])
def test_exit_that_another_inclusion_followed_cannot_be_annulled(desk: Desk, exited_at: str) -> None:
    """Also within the month of the inclusion, when both begin on the same day."""
    one = desk.include().known.inclusion
    desk.at(exited_at).exit(one.id)
    again = desk.include().known.inclusion
    before = desk.counts()

    with pytest.raises(errors.AlreadyIncluded) as refused:
        desk.ask(PARTNER, annul_exit, one.id, "other")

    assert refused.value.existing == again.id
    assert added(before, desk.counts()) == {"audit_entry": 1}


def test_correction_moves_no_communication(desk: Desk) -> None:
    one = desk.include().known.inclusion

    view = desk.at("2022-03-01T08:00+01:00").ask(
        PARTNER, correct_inclusion, one.id, 1, agreed_on=day("2022-01-12"), municipality="25014"
    )

    changed = view.known.inclusion
    assert (changed.agreement.agreed_on, changed.municipality) == (day("2022-01-12"), "25014")
    assert (changed.communicated_at, changed.version) == (one.communicated_at, 2)
    assert view.valid == Interval(day("2022-02-01"), day("2022-12-31"))


@pytest.mark.parametrize("version", [None, 2])
def test_correction_of_another_version_than_was_read_is_refused(desk: Desk, version: int | None) -> None:
    one = desk.include().known.inclusion
    before = desk.counts()

    with pytest.raises(errors.PreconditionFailed):
        desk.ask(PARTNER, correct_inclusion, one.id, version, agreed_on=None, municipality="25014")

    assert added(before, desk.counts()) == {"audit_entry": 1}


Prepare = Callable[[Desk, Any], object]
CHANGES: dict[str, Prepare] = {
    "exit": lambda desk, one: desk.exit(one),
    "annulment": lambda desk, one: desk.annul(one),
    "annulment of the exit": lambda desk, one: desk.ask(PARTNER, annul_exit, one, "other"),
    "correction": lambda desk, one: desk.ask(PARTNER, correct_inclusion, one, 2, agreed_on=None, municipality="25014"),
}


@pytest.mark.parametrize(
    ("change", "before", "problem"),
    [
        ("exit", "exit", errors.AlreadyExited),
        ("exit", "annulment", errors.AlreadyAnnulled),
        ("annulment", "annulment", errors.AlreadyAnnulled),
        ("annulment of the exit", "annulment", errors.AlreadyAnnulled),
        ("correction", "annulment", errors.AlreadyAnnulled),
    ],
)
def test_change_of_what_has_ended_is_refused_and_changes_nothing(
    desk: Desk, change: str, before: str, problem: type[errors.Problem]
) -> None:
    one = desk.include().known.inclusion
    CHANGES[before](desk, one.id)
    counted, kept = desk.counts(), rows(desk.database_url, inclusion, "version")

    with pytest.raises(problem) as refused:
        CHANGES[change](desk, one.id)

    assert added(counted, desk.counts()) == {"audit_entry": 1}
    assert rows(desk.database_url, inclusion, "version") == kept
    assert desk.outcomes()[-1][1] == refused.value.code


@pytest.mark.parametrize("change", ["exit", "annulment"])
@pytest.mark.parametrize("caller", [STRANGER, FOREIGN_ADMIN, FORMER_PARTNER], ids=["stranger", "foreign", "former"])
def test_inclusion_that_is_not_the_callers_to_know_is_not_there(desk: Desk, caller: Caller, change: str) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-07-01T10:00+02:00")
    before = desk.counts()

    with pytest.raises(errors.NotFound):
        desk.exit(one.id, caller=caller) if change == "exit" else desk.annul(one.id, caller=caller)

    assert added(before, desk.counts()) == {"audit_entry": 1}


def test_unknown_inclusion_is_not_there(desk: Desk) -> None:
    with pytest.raises(errors.NotFound):
        desk.exit(uuid4())


def test_partner_may_end_what_a_colleague_began(desk: Desk) -> None:
    one = desk.include(caller=FORMER_PARTNER).known.inclusion

    view = desk.exit(one.id, caller=PARTNER)

    assert view.known.inclusion.status == "exited"
    assert view.known.inclusion.communicated_by == COLLEAGUE
