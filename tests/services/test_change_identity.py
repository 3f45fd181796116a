"""A beneficiary's number changes: the same facts under the new one, what was known before as it was."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.services.change_identity import change_identity
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.explain import explain_inclusion
from gateway.services.find_actions import get_action
from gateway.services.find_inclusions import InclusionView, find_inclusions, get_inclusion, list_inclusions
from gateway.store.inclusions import InclusionFilter
from gateway.store.tables import action, inclusion, outbox, vault
from tests.builders import PROJECT, a_caller, instant
from tests.services.desk import ADMIN, PARTNER, Desk, a_beneficiary, ssin
from tests.services.test_deliver_outbox import MEMBER, PACE, Wire, answer_to
from tests.store.rows import added, rows
from tests.store.seeds import OTHER_PROJECT

OLD, NEW = 0, 1


def _change(desk: Desk, inclusion_id: UUID, number: int = NEW) -> InclusionView:
    return desk.ask(ADMIN, change_identity, inclusion_id, ssin(number), "replaced")


@pytest.fixture
def acted(desk: Desk) -> Desk:
    """The desk in March, one beneficiary with an action."""
    desk.include()
    desk.at("2022-03-01T08:00+01:00").act()
    return desk


def _only(desk: Desk, number: int = OLD) -> UUID:
    (view,) = desk.ask(ADMIN, find_inclusions, a_beneficiary(number)).items
    return view.known.inclusion.id


@pytest.mark.parametrize("number", range(1, 5))
def test_facts_are_found_under_the_new_number_and_by_their_old_ids(acted: Desk, number: int) -> None:
    one = acted.ask(ADMIN, get_inclusion, _only(acted)).known.inclusion
    (act,) = rows(acted.database_url, action)

    view = _change(acted, one.id, number)

    changed = view.known.inclusion
    assert (changed.id, changed.communicated_at, changed.status) == (one.id, one.communicated_at, "open")
    assert changed.pseudonym != one.pseudonym
    assert acted.ask(PARTNER, get_inclusion, one.id).known.inclusion == changed
    assert acted.ask(PARTNER, get_action, act["id"]).known.action.pseudonym == changed.pseudonym
    assert acted.ask(ADMIN, find_inclusions, a_beneficiary(OLD)).items == []
    assert _only(acted, number) == one.id
    assert acted.annul_action(act["id"]).known.action.status == "annulled"
    assert acted.exit(one.id).known.inclusion.status == "exited"


def test_old_number_is_forgotten_and_the_new_one_sealed(acted: Desk) -> None:
    changed = _change(acted, _only(acted)).known.inclusion

    (sealed,) = rows(acted.database_url, vault)
    assert acted.context.veil.sealer.unseal(sealed["sealed_ssin"], PROJECT, changed.pseudonym) == ssin(NEW)


def test_old_number_stays_where_another_inclusion_needs_it(acted: Desk) -> None:
    first = _only(acted)
    acted.exit(first)
    acted.include()

    _change(acted, first)

    assert len(rows(acted.database_url, vault)) == 2


def test_what_was_known_before_stays(acted: Desk) -> None:
    one = acted.ask(ADMIN, get_inclusion, _only(acted)).known.inclusion

    changed = _change(acted.at("2022-04-01T08:00+02:00"), one.id).known.inclusion

    def known_at(text: str) -> list[bytes]:
        chosen = InclusionFilter(PROJECT, known_at=instant(text))
        page = acted.ask(ADMIN, list_inclusions, chosen, None, 9)
        return [view.known.inclusion.pseudonym for view in page.items]

    assert known_at("2022-03-31T08:00Z") == [one.pseudonym]
    assert known_at("2022-04-01T06:00Z") == [changed.pseudonym]
    current = [row for row in rows(acted.database_url, inclusion) if row["superseded_at"] is None]
    assert len(current) == 1


def test_messages_go_under_the_new_number_in_their_order_with_the_change_last(acted: Desk) -> None:
    _change(acted, _only(acted))
    wire = Wire()

    while deliver_outbox(acted.context, wire, PACE):
        continue

    assert [(kind, identity) for kind, _, identity in wire.sent] == [
        ("inclusion", ssin(NEW).reveal()),
        ("action", ssin(NEW).reveal()),
        ("identity-change", ssin(NEW).reveal()),
    ]


@pytest.mark.parametrize("is_accepted", [True, False])
def test_answer_to_a_message_that_moved_is_recorded(acted: Desk, is_accepted: bool) -> None:
    one = _only(acted)
    answer = answer_to(acted, accepted=is_accepted, code=None if is_accepted else "not-insured", member=MEMBER)
    message = answer.message_id
    _change(acted, one)

    collect_answers(acted.context, Wire(answers=[answer]))

    status = acted.ask(ADMIN, get_inclusion, one).known.inclusion.status
    assert status == ("open" if is_accepted else "rejected")
    state = next(row["state"] for row in rows(acted.database_url, outbox) if row["id"] == message)
    assert state == ("accepted" if is_accepted else "rejected")


def test_number_that_changes_twice_and_back_is_followed(acted: Desk) -> None:
    one = _only(acted)

    for number in (NEW, 2, OLD):
        _change(acted, one, number)

    assert _only(acted) == one
    assert len([row for row in rows(acted.database_url, action) if row["superseded_at"] is None]) == 1


def test_number_of_someone_who_is_included_is_refused(acted: Desk) -> None:
    other = acted.include(NEW).known.inclusion
    before = acted.counts()

    with pytest.raises(errors.AlreadyIncluded) as refused:
        _change(acted, _only(acted))

    assert refused.value.existing == other.id
    assert added(before, acted.counts()) == {"audit_entry": 2}


def test_number_of_an_annulled_inclusion_is_not_changed(acted: Desk) -> None:
    one = _only(acted)
    acted.annul(one)

    with pytest.raises(errors.AlreadyAnnulled):
        _change(acted, one)


def test_number_is_changed_by_the_administrative_responsible_alone(acted: Desk) -> None:
    one = _only(acted)

    for caller, problem in (
        (PARTNER, errors.RoleNotAllowed),
        (a_caller(Role.PROJECT_ADMIN, project=OTHER_PROJECT), errors.NotFound),
    ):
        with pytest.raises(problem):
            acted.ask(caller, change_identity, one, ssin(NEW), "replaced")
    with pytest.raises(errors.NotFound):
        _change(acted, uuid4())


def test_dates_of_an_inclusion_are_explained_to_who_may_know_it(acted: Desk) -> None:
    one = _only(acted)

    steps = acted.ask(PARTNER, explain_inclusion, one)

    assert steps
    with pytest.raises(errors.NotFound):
        acted.ask(a_caller(Role.PROJECT_ADMIN, project=OTHER_PROJECT), explain_inclusion, one)
