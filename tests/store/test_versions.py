"""Facts as append-only versions: what is known now, what was known then, and lists that are walked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from gateway.domain import action as actions
from gateway.domain.delivery import Answer, Message, State, Step
from gateway.domain.errors import AlreadyIncluded, DuplicateAction
from gateway.domain.inclusion import Inclusion, annulled, exited, rejected
from gateway.store.actions import ActionFilter
from gateway.store.inclusions import InclusionFilter, KnownInclusion
from gateway.store.tables import action, inclusion
from gateway.store.transaction import Store
from tests.builders import PROJECT, an_action, an_exit, an_inclusion, day, instant
from tests.store.rows import rows

CHANGED_AT = instant("2022-05-16T10:00+02:00")
CHANGES: dict[str, Callable[[Inclusion], Inclusion]] = {
    "exited": lambda one: exited(one, an_exit(CHANGED_AT.isoformat())),
    "annulled": lambda one: annulled(one, "wrong-person"),
    "rejected": lambda one: rejected(one, "not-insured"),
}


def _nth(number: int) -> Inclusion:
    return an_inclusion(id=UUID(int=number), bucket=number % 7, pseudonym=number.to_bytes(32, "big"))


@pytest.mark.parametrize("status", CHANGES)
def test_change_of_an_inclusion_keeps_the_version_before(register: Store, database_url: str, status: str) -> None:
    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion())

    with register.transaction() as tx:
        changed = tx.inclusions.supersede(CHANGES[status](an_inclusion()), CHANGED_AT)

    first, second = rows(database_url, inclusion, "version")
    assert (first["version"], first["status"], first["superseded_at"]) == (1, "open", CHANGED_AT)
    assert (second["version"], second["status"], second["superseded_at"]) == (2, status, None)
    assert second["recorded_at"] == CHANGED_AT
    assert second["communicated_at"] == first["communicated_at"] == first["recorded_at"]
    with register.reading() as tx:
        known = tx.inclusions.find(0, an_inclusion().id)
    assert known == KnownInclusion(changed, "pending")
    assert changed == replace(CHANGES[status](an_inclusion()), version=2)


@pytest.mark.parametrize("status", ["annulled", "rejected"])
def test_change_of_an_action_keeps_the_version_before(register: Store, database_url: str, status: str) -> None:
    change = actions.annulled if status == "annulled" else actions.rejected
    with register.transaction() as tx:
        tx.actions.add(an_action())

    with register.transaction() as tx:
        changed = tx.actions.supersede(change(an_action(), "why"), CHANGED_AT)

    first, second = rows(database_url, action, "version")
    assert (first["status"], first["superseded_at"]) == ("recorded", CHANGED_AT)
    assert (second["status"], second["recorded_at"], second["superseded_at"]) == (status, CHANGED_AT, None)
    with register.reading() as tx:
        known = tx.actions.find(0, an_action().id)
    assert known is not None
    assert known.action == changed


def test_what_is_not_there_is_not_found(register: Store) -> None:
    with register.reading() as tx:
        assert tx.inclusions.find(0, UUID(int=9)) is None
        assert tx.actions.find(0, UUID(int=9)) is None
        assert tx.inclusions.of_person(0, PROJECT, b"\x09" * 32) == []


def test_id_in_another_bucket_is_not_found(register: Store) -> None:
    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion())

    with register.reading() as tx:
        found = tx.inclusions.find(1, an_inclusion().id)

    assert found is None


def test_second_open_inclusion_is_refused_and_names_the_first(register: Store) -> None:
    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion())

    with pytest.raises(AlreadyIncluded) as refused, register.transaction() as tx:
        tx.inclusions.add(an_inclusion(id=UUID(int=7)))

    assert refused.value.existing == an_inclusion().id


@pytest.mark.parametrize("status", CHANGES)
def test_inclusion_that_is_no_longer_open_lets_another_one_in(register: Store, status: str) -> None:
    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion())
        tx.inclusions.supersede(CHANGES[status](an_inclusion()), CHANGED_AT)

    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion("2022-05-17T10:00+02:00", id=UUID(int=7)))

    with register.reading() as tx:
        known = tx.inclusions.of_person(0, PROJECT, an_inclusion().pseudonym)
    assert [one.inclusion.status for one in known] == ["open", status]


@pytest.mark.parametrize(
    "change",
    [
        {"occurrence": 2},
        {"performed_on": day("2022-02-15")},
        {"performed_by": "20000212"},
        {"pseudocode": "794021"},
        {"pseudonym": b"\x02" * 32},
        {"project": "demo-sud"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_action_that_differs_in_one_fact_of_its_key_is_another(register: Store, change: dict[str, object]) -> None:
    with register.transaction() as tx:
        tx.actions.add(an_action())
        tx.actions.add(an_action(id=UUID(int=3), **change))

    with pytest.raises(DuplicateAction) as refused, register.transaction() as tx:
        tx.actions.add(an_action(id=UUID(int=4), **change))

    assert refused.value.existing == UUID(int=3)


@pytest.mark.parametrize("change", [actions.annulled, actions.rejected])
def test_action_that_no_longer_counts_frees_its_key(
    register: Store, change: Callable[[actions.Action, str], actions.Action]
) -> None:
    with register.transaction() as tx:
        tx.actions.add(an_action())
        tx.actions.supersede(change(an_action(), "why"), CHANGED_AT)

    with register.transaction() as tx:
        tx.actions.add(an_action(id=UUID(int=3)))

    with register.reading() as tx:
        found = tx.actions.find(0, UUID(int=3))
    assert found is not None


@pytest.mark.parametrize("status", CHANGES)
def test_list_as_of_an_instant_gives_what_was_known_then(register: Store, status: str) -> None:
    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion())
        tx.inclusions.supersede(CHANGES[status](an_inclusion()), CHANGED_AT)

    def known_at(text: str) -> list[str]:
        with register.reading() as tx:
            chosen = InclusionFilter(PROJECT, known_at=instant(text))
            return [one.inclusion.status for one in tx.inclusions.list(chosen, None, 10)]

    assert known_at("2022-01-15T08:29:59.999999Z") == []
    assert known_at("2022-01-15T08:30:00Z") == ["open"]
    assert known_at("2022-05-16T07:59:59.999999Z") == ["open"]
    assert known_at("2022-05-16T08:00:00Z") == [status]
    assert known_at("2030-01-01T00:00:00Z") == [status]


def test_list_as_of_an_instant_gives_the_delivery_as_it_was_known_then(register: Store) -> None:
    message = UUID(int=50)
    sent = Message(message, 0, PROJECT, an_inclusion().pseudonym, 1, "inclusion", an_inclusion().id, {})
    with register.transaction() as tx:
        tx.inclusions.add(an_inclusion(message_id=message))
        tx.outbox.add(sent, instant("2022-01-15T08:30Z"))
        tx.outbox.take([(sent, Step(State.SENT))], instant("2022-01-15T08:31Z"))
        tx.outbox.answer([(0, Answer("a", message, False, "not-insured"))], instant("2022-01-16T09:00Z"))

    def known_at(text: str | None) -> list[tuple[str, str | None]]:
        with register.reading() as tx:
            chosen = InclusionFilter(PROJECT, known_at=None if text is None else instant(text))
            listed = tx.inclusions.list(chosen, None, 10)
        return [(one.delivery_state, one.delivery_reason) for one in listed]

    assert known_at("2022-01-16T08:59Z") == [("pending", None)]
    assert known_at("2022-01-16T09:00Z") == [("rejected", "not-insured")]
    assert known_at(None) == [("rejected", "not-insured")]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 25])
def test_list_of_inclusions_is_walked_once_whatever_the_page(register: Store, limit: int) -> None:
    with register.transaction() as tx:
        for number in range(1, 11):
            tx.inclusions.add(_nth(number))

    walked: list[UUID] = []
    with register.reading() as tx:
        while page := tx.inclusions.list(InclusionFilter(PROJECT), walked[-1] if walked else None, limit):
            walked += [one.inclusion.id for one in page]

    assert walked == [UUID(int=number) for number in range(1, 11)]


def test_list_of_inclusions_keeps_to_its_project_and_status(register: Store) -> None:
    with register.transaction() as tx:
        for number in (1, 2, 3):
            tx.inclusions.add(_nth(number))
        tx.inclusions.add(replace(_nth(4), project="demo-sud"))
        tx.inclusions.supersede(annulled(_nth(2), "duplicate"), CHANGED_AT)

    def listed(status: str | None = None) -> list[int]:
        with register.reading() as tx:
            return [one.inclusion.id.int for one in tx.inclusions.list(InclusionFilter(PROJECT, status), None, 10)]

    assert listed() == [1, 2, 3]
    assert listed("open") == [1, 3]
    assert listed("annulled") == [2]


def test_list_of_inclusions_valid_on_a_day(register: Store) -> None:
    with register.transaction() as tx:
        for number in (1, 2, 3, 4, 5):
            tx.inclusions.add(_nth(number))
        tx.inclusions.supersede(exited(_nth(2), an_exit("2022-03-31T21:59:59Z")), CHANGED_AT)  # until 31 March
        tx.inclusions.supersede(annulled(_nth(3), "duplicate"), CHANGED_AT)
        tx.inclusions.supersede(rejected(_nth(4), "not-insured"), CHANGED_AT)
        tx.inclusions.supersede(exited(_nth(5), an_exit("2022-01-20T10:00Z")), CHANGED_AT)  # never valid (V4)

    def valid_on(text: str) -> list[int]:
        with register.reading() as tx:
            chosen = InclusionFilter(PROJECT, valid_on=day(text))
            return [one.inclusion.id.int for one in tx.inclusions.list(chosen, None, 10)]

    assert valid_on("2022-01-31") == []
    assert valid_on("2022-02-01") == [1, 2]
    assert valid_on("2022-03-31") == [1, 2]
    assert valid_on("2022-04-01") == [1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 25])
def test_list_of_actions_is_walked_once_by_day_whatever_the_page(register: Store, limit: int) -> None:
    days = [day("2022-02-14"), day("2022-02-14"), day("2022-02-03"), day("2022-02-28"), day("2022-02-14")]
    with register.transaction() as tx:
        for number, performed_on in enumerate(days, start=1):
            tx.actions.add(an_action(id=UUID(int=number), performed_on=performed_on, occurrence=number))

    walked: list[tuple[date, UUID]] = []
    with register.reading() as tx:
        while page := tx.actions.list(ActionFilter(PROJECT), walked[-1] if walked else None, limit):
            walked += [(one.action.performed_on, one.action.id) for one in page]

    assert [identifier.int for _, identifier in walked] == [3, 1, 2, 5, 4]


def test_list_of_actions_keeps_to_what_is_chosen(register: Store) -> None:
    with register.transaction() as tx:
        tx.actions.add(an_action(id=UUID(int=1), performed_on=day("2022-02-01")))
        tx.actions.add(an_action(id=UUID(int=2), performed_on=day("2022-02-28"), performed_by="20000212"))
        tx.actions.add(an_action(id=UUID(int=3), performed_on=day("2022-03-01"), pseudocode="794021"))
        tx.actions.add(an_action(id=UUID(int=4), project="demo-sud"))

    def listed(**chosen: object) -> list[int]:
        with register.reading() as tx:
            found = tx.actions.list(ActionFilter(PROJECT, **chosen), None, 10)  # type: ignore[arg-type]  # the table names fields of the filter
        return [one.action.id.int for one in found]

    assert listed() == [1, 2, 3]
    assert listed(performed_by="20000212") == [2]
    assert listed(first=day("2022-02-28")) == [2, 3]
    assert listed(last=day("2022-02-28")) == [1, 2]
    assert listed(first=day("2022-02-02"), last=day("2022-02-27")) == []
    assert listed(pseudocode="794021") == [3]
