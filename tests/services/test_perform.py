"""The frame around every verb: one audit entry for each end, one effect for each key, nothing of what was refused."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.clock import real_now
from gateway.domain import errors
from gateway.domain.access import Role
from gateway.services.context import Call, Work
from gateway.services.find_inclusions import InclusionView, find_inclusions, get_inclusion, list_inclusions
from gateway.services.keep_catalogue import get_project, list_projects, register_project
from gateway.services.perform import Performed, perform
from gateway.services.register_inclusion import register_inclusion
from gateway.store.idempotency import KEPT_FOR, KeptAnswer, Key
from gateway.store.inclusions import InclusionFilter
from gateway.store.tables import audit_entry
from tests.builders import PROJECT, a_caller, day
from tests.services.desk import ADMIN, PARTNER, REGISTRAR, Desk, a_beneficiary, an_inclusion_submission
from tests.store.rows import added, rows
from tests.store.seeds import a_project_document


def _dump(view: InclusionView) -> KeptAnswer:
    return KeptAnswer(201, {"ETag": '"1"'}, str(view.known.inclusion.id).encode())


def _post(
    desk: Desk, number: int = 0, key: Key | None = None, validate_only: bool = False, now: datetime | None = None
) -> Performed:
    """An inclusion, posted as a door does it."""
    call = Call(PARTNER, "register_inclusion", "request-1", key, validate_only)
    context = desk.context if now is None else replace(desk.context, real_now=lambda: now)
    return perform(context, call, lambda work: register_inclusion(work, an_inclusion_submission(number)), _dump)


def test_effect_has_one_audit_entry_that_says_who_what_and_about_whom(desk: Desk) -> None:
    one = desk.include().known.inclusion

    (entry,) = rows(desk.database_url, audit_entry)

    assert desk.context.veil.identifiers.bucket_of(entry.pop("id")) == 0
    assert abs(entry.pop("at") - real_now()) < timedelta(minutes=1)
    assert entry == {
        "bucket": one.bucket,
        "role": "provider",
        "organisation": "10000106",
        "person": desk.context.veil.fingerprints.person(PARTNER),
        "verb": "register_inclusion",
        "outcome": "done",
        "project": PROJECT,
        "object": one.id,
        "request_id": "request-1",
        "pseudonym": one.pseudonym,
        "position": None,
        "hash": None,
    }


def test_read_of_the_register_has_one_audit_entry(desk: Desk) -> None:
    one = desk.include().known.inclusion

    desk.ask(PARTNER, get_inclusion, one.id)
    desk.ask(PARTNER, find_inclusions, a_beneficiary())
    desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT), None, 9)

    entries = rows(desk.database_url, audit_entry, "at")[1:]
    assert [(entry["verb"], entry["outcome"]) for entry in entries] == [
        ("get_inclusion", "done"),
        ("find_inclusions", "done"),
        ("list_inclusions", "done"),
    ]
    assert [entry["bucket"] for entry in entries] == [one.bucket, one.bucket, 0]
    assert [entry["object"] for entry in entries] == [one.id, None, None]


def test_read_of_what_is_published_has_none(desk: Desk) -> None:
    projects, position = desk.ask(a_caller(Role.INSURER), list_projects, "", 9)

    assert (len(projects), position) == (2, None)
    assert desk.outcomes() == []


def test_refused_read_of_what_is_published_has_one(desk: Desk) -> None:
    with pytest.raises(errors.UnknownProject):
        desk.ask(PARTNER, get_project, "demo-ouest")

    assert desk.outcomes() == [("get_project", "unknown-project")]


def test_refusal_is_audited_in_a_transaction_of_its_own(desk: Desk) -> None:
    one = desk.include().known.inclusion

    with pytest.raises(errors.AlreadyIncluded):
        desk.include(caller=ADMIN)

    entry = rows(desk.database_url, audit_entry, "at")[-1]
    assert (entry["outcome"], entry["role"], entry["organisation"]) == ("already-included", "project_admin", PROJECT)
    assert (entry["project"], entry["bucket"]) == (PROJECT, one.bucket)


def test_refusal_by_role_opens_no_transaction_but_that_of_its_audit(desk: Desk) -> None:
    before = desk.counts()

    with pytest.raises(errors.RoleNotAllowed):
        desk.include(caller=a_caller(Role.AUDITOR))

    (entry,) = rows(desk.database_url, audit_entry)
    assert added(before, desk.counts()) == {"audit_entry": 1}
    assert (entry["outcome"], entry["project"], entry["organisation"]) == ("role-not-allowed", None, "auditor")


def test_mistake_in_a_verb_leaves_nothing_at_all(desk: Desk) -> None:
    before = desk.counts()

    def broken(work: Work) -> InclusionView:
        register_inclusion(work, an_inclusion_submission())
        raise LookupError

    with pytest.raises(LookupError):
        perform(desk.context, Call(PARTNER, "register_inclusion", "r", desk.key()), broken, _dump)

    assert desk.counts() == before


def test_trial_leaves_its_audit_entry_alone(desk: Desk) -> None:
    before = desk.counts()

    performed = _post(desk, validate_only=True)

    assert performed.answer.status == 201
    assert added(before, desk.counts()) == {"audit_entry": 1}
    assert desk.outcomes() == [("register_inclusion", "validated")]


def test_trial_keeps_no_key_and_is_refused_like_the_real_thing(desk: Desk) -> None:
    _post(desk, key=desk.key(), validate_only=True)
    performed = _post(desk, key=desk.key())

    with pytest.raises(errors.AlreadyIncluded):
        _post(desk, validate_only=True)

    assert not performed.is_replay
    assert desk.outcomes()[-1] == ("register_inclusion", "already-included")


def test_trial_of_a_project_is_forgotten_by_the_catalogue(desk: Desk) -> None:
    desk.call(Call(REGISTRAR, "register_project", "r", None, True), register_project, a_project_document("demo-est"))

    added_project = desk.ask(REGISTRAR, register_project, a_project_document("demo-west"))

    assert added_project["id"] == "demo-west"
    with pytest.raises(errors.UnknownProject):
        desk.ask(REGISTRAR, get_project, "demo-est")


def test_same_key_and_request_gives_the_first_answer_and_no_second_effect(desk: Desk) -> None:
    first = _post(desk, key=desk.key())
    before = desk.counts()

    again = _post(desk, key=desk.key())

    assert (first.is_replay, again.is_replay) == (False, True)
    assert again.answer == first.answer
    assert added(before, desk.counts()) == {"audit_entry": 1}
    assert desk.outcomes()[-1] == ("register_inclusion", "replayed")


def test_same_key_with_another_request_is_refused(desk: Desk) -> None:
    _post(desk, key=desk.key())
    before = desk.counts()

    with pytest.raises(errors.IdempotencyKeyReused):
        _post(desk, 1, key=desk.key(payload=b'{"other":1}'))

    assert added(before, desk.counts()) == {"audit_entry": 1}
    assert desk.outcomes()[-1] == ("register_inclusion", "idempotency-key-reused")


def test_same_key_of_another_caller_is_another_key(desk: Desk) -> None:
    _post(desk, key=desk.key())

    performed = _post(desk, 1, key=desk.key(caller=ADMIN))

    assert not performed.is_replay


def test_key_of_a_refused_request_may_be_used_again(desk: Desk) -> None:
    _post(desk)
    with pytest.raises(errors.AlreadyIncluded):
        _post(desk, key=desk.key())

    performed = _post(desk, 1, key=desk.key())

    assert not performed.is_replay


@pytest.mark.parametrize(("age", "is_replay"), [(KEPT_FOR, True), (KEPT_FOR + timedelta(seconds=1), False)])
def test_key_is_remembered_for_seven_days_of_real_time(desk: Desk, age: timedelta, is_replay: bool) -> None:
    now = real_now()
    _post(desk, key=desk.key(), now=now)
    desk.at("2022-02-20T09:00+01:00")

    performed = _post(desk, 0 if is_replay else 1, key=desk.key(), now=now + age)

    assert performed.is_replay is is_replay


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_key_that_another_request_holds_open_is_in_flight_after_five_seconds(desk: Desk) -> None:
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with desk.context.store.transaction() as tx:
            tx.idempotency.claim(desk.key(), real_now())
            is_held.set()
            is_over.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(10)
    before, asked_at = desk.counts(), real_now()
    with pytest.raises(errors.IdempotencyKeyInFlight):
        _post(desk, key=desk.key())
    waited = real_now() - asked_at
    is_over.set()
    holder.join()

    assert timedelta(seconds=4.5) < waited < timedelta(seconds=10)
    assert desk.outcomes() == [("register_inclusion", "idempotency-key-in-flight")]
    assert added(before, desk.counts()).get("inclusion") is None


def test_request_that_waited_for_the_first_one_gets_its_answer(desk: Desk) -> None:
    is_held, answers = threading.Event(), []

    def first(work: Work) -> InclusionView:
        view = register_inclusion(work, an_inclusion_submission())
        is_held.set()
        threading.Event().wait(0.3)
        return view

    def run_first() -> None:
        answers.append(perform(desk.context, Call(PARTNER, "register_inclusion", "r", desk.key()), first, _dump))

    running = threading.Thread(target=run_first)
    running.start()
    is_held.wait(10)
    second = _post(desk, key=desk.key())
    running.join()

    assert second.is_replay
    assert second.answer == answers[0].answer


def test_list_of_inclusions_says_where_the_next_page_begins(desk: Desk) -> None:
    ids = sorted(desk.include(number).known.inclusion.id for number in range(5))

    first = desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT), None, 3)
    last = desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT), first.next, 3)

    assert [view.known.inclusion.id for view in (*first.items, *last.items)] == ids
    assert (first.next, last.next) == (ids[2], None)


def test_nobody_is_valid_after_the_conventions_last_day(desk: Desk) -> None:
    desk.include()

    def valid_on(text: str) -> int:
        chosen = InclusionFilter(PROJECT, valid_on=day(text))
        return len(desk.ask(ADMIN, list_inclusions, chosen, None, 9).items)

    assert (valid_on("2022-12-31"), valid_on("2023-01-01")) == (1, 0)


@pytest.mark.parametrize(
    ("caller", "project", "problem"),
    [
        (PARTNER, "demo-ouest", errors.UnknownProject),
        (a_caller(Role.PROJECT_ADMIN, project="demo-sud"), PROJECT, errors.ForeignProject),
        (a_caller(Role.PROVIDER, nihii="30000318001"), PROJECT, errors.NotAPartner),
        (a_caller(Role.POLICY_MAKER), PROJECT, errors.RoleNotAllowed),
    ],
    ids=["unknown project", "foreign project", "stranger", "no role"],
)
def test_looking_a_beneficiary_up_is_refused_to_others(
    desk: Desk, caller: Any, project: str, problem: type[errors.Problem]
) -> None:
    with pytest.raises(problem):
        desk.ask(caller, find_inclusions, a_beneficiary(project=project))

    assert desk.outcomes()[-1][1] == problem.code


def test_beneficiary_nobody_included_has_no_inclusions(desk: Desk) -> None:
    assert desk.ask(PARTNER, find_inclusions, a_beneficiary(7)).items == []
