"""Batches at the desk: every line has its own outcome, and what it holds is sealed until then."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain import errors
from gateway.domain.access import Caller, Role
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.services.change_inclusion import annul_exit
from gateway.services.follow_batch import cancel_batch, get_batch
from gateway.store.batch_tables import batch, batch_line
from gateway.store.tables import audit_entry, inclusion, metadata
from tests.builders import COLLEAGUE, PROVIDER, a_caller, instant
from tests.sandboxes import synthetic_ssin
from tests.services.batch_desk import (
    Batches,
    an_action_line,
    an_exit_line,
    an_inclusion_line,
    codes,
    of_the_database,
    outcomes,
)
from tests.services.desk import ADMIN, PARTNER, REGISTRAR
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT

COLLEAGUE_CALLER = a_caller(Role.PROVIDER, nihii=f"{COLLEAGUE}001", subject="colleague")


def test_each_line_has_its_own_outcome(batches: Batches) -> None:
    settled = batches.run(
        [
            an_inclusion_line(1, ref="one"),
            an_action_line(1, performed_on="2022-02-30"),
            b"{not JSON",
            an_action_line(1, ref="early"),
            an_inclusion_line(2, project="demo-unknown"),
            {"type": "wish", "ref": "w"},
            b"[]",
            an_exit_line(3),
            an_inclusion_line(4),
        ]
    )

    assert outcomes(settled) == ["accepted", *["refused"] * 7, "accepted"]
    assert codes(settled)[1:-1] == [
        "invalid-request",
        "malformed-json",
        "outside-validity",
        "unknown-project",
        "invalid-request",
        "invalid-request",
        "not-found",
    ]
    assert [line.ref for line in settled][:6] == ["one", None, None, "early", None, "w"]
    assert [line.number for line in settled] == list(range(1, 10))
    assert batches.facts() == (2, 0, 2)


def test_lines_are_done_in_their_order(batches: Batches) -> None:
    batches.desk.at("2022-01-15T09:00+01:00")
    batches.run([an_inclusion_line(1)])
    batches.desk.at("2022-03-01T08:00+01:00")

    settled = batches.run(
        [an_action_line(1), an_exit_line(1), an_exit_line(1, reason="deceased"), an_inclusion_line(1, ref="2")]
    )

    assert outcomes(settled) == ["accepted", "accepted", "refused", "accepted"]
    assert codes(settled)[2] == "already-exited"
    assert settled[1].object != settled[3].object


def test_status_tells_how_far_a_batch_is(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(1), an_inclusion_line(2), an_action_line(3)])
    looks = [batches.look(sent)]
    for _ in range(3):
        batches.round(most=1)
        looks.append(batches.look(sent))

    assert looks == [
        ("queued", {}),
        ("running", {"accepted": 1}),
        ("running", {"accepted": 2}),
        ("done", {"accepted": 2, "refused": 1}),
    ]
    assert batches.round() == 0


def test_line_is_audited_as_a_request_of_its_own(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(1), an_inclusion_line(1, municipality="25112")])
    batches.round()

    entries = rows(batches.desk.database_url, audit_entry, "at", "id")
    lines = [one for one in entries if one["verb"] == "register_inclusion"]
    assert [(one["outcome"], one["request_id"]) for one in lines] == [
        ("done", f"{sent.id}/1"),
        ("already-included", f"{sent.id}/2"),
    ]
    assert {(one["role"], one["organisation"]) for one in lines} == {("provider", PROVIDER)}
    assert len({one["person"] for one in entries}) == 1


def stored(batches: Batches) -> str:
    """Every value of every table, as text."""
    values = [rows(batches.desk.database_url, table) for table in metadata.sorted_tables]
    return repr(values)


def test_no_ssin_and_no_caller_is_in_the_database_in_clear(batches: Batches) -> None:
    caller = replace(PARTNER, subject=synthetic_ssin(9))
    lines = [an_inclusion_line(1), an_action_line(2), {**an_inclusion_line(3), "x": synthetic_ssin(3)}]
    sent = batches.send(lines, caller)
    ssins = [synthetic_ssin(number) for number in (1, 2, 3, 9)]

    before = stored(batches)
    sealed = [one["sealed_line"] for one in rows(batches.desk.database_url, batch_line)]
    batches.round()

    assert not any(number in text for number in ssins for text in (before, stored(batches)))
    assert all(sealed)
    assert outcomes(batches.results(sent, caller)) == ["accepted", "refused", "refused"]


def test_sealed_bytes_are_gone_once_a_line_is_settled(batches: Batches) -> None:
    batches.send([an_inclusion_line(1), b"{", an_action_line(2)])
    batches.round(most=2)
    url = batches.desk.database_url

    kept = [one["sealed_line"] is not None for one in rows(url, batch_line, "number")]
    batches.round()

    assert kept == [False, False, True]
    assert {one["sealed_line"] for one in rows(url, batch_line)} == {None}
    assert {one["sealed_caller"] for one in rows(url, batch)} == {None}


def test_sealed_line_opens_in_its_own_place_alone(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(1)])
    (one,) = rows(batches.desk.database_url, batch_line)
    sealer = batches.desk.context.veil.sealer

    assert json.loads(sealer.unseal_bytes(one["sealed_line"], f"batch|{sent.id}|1")) == an_inclusion_line(1)
    with pytest.raises(BrokenSeal):
        sealer.unseal_bytes(one["sealed_line"], f"batch|{sent.id}|2")


def test_same_lines_again_change_nothing_and_are_duplicates(batches: Batches) -> None:
    lines = [an_inclusion_line(1, ref="a"), an_exit_line(1), an_inclusion_line(2), an_inclusion_line(2, ref="b")]
    first = batches.run(lines)
    facts = batches.facts()

    batches.desk.at("2022-05-01T08:00+02:00")
    again = batches.run(lines)

    assert outcomes(first) == ["accepted", "accepted", "accepted", "duplicate"]
    assert outcomes(again) == ["duplicate"] * 4
    assert [line.object for line in again] == [line.object for line in first]
    assert batches.facts() == facts


def test_same_action_is_a_duplicate_however_it_came(batches: Batches) -> None:
    batches.desk.at("2022-01-15T09:00+01:00")
    batches.run([an_inclusion_line(1)])
    batches.desk.at("2022-03-01T08:00+01:00")
    (made,) = batches.run([an_action_line(1, ref="x")])

    settled = batches.run([an_action_line(1, ref="y"), an_action_line(1, occurrence=2)])

    assert outcomes(settled) == ["duplicate", "accepted"]
    assert settled[0].object == made.object


def test_open_inclusion_that_another_line_made_refuses(batches: Batches) -> None:
    first, second = batches.run([an_inclusion_line(1), an_inclusion_line(1, municipality="25112")])

    assert (first.outcome.value, second.outcome.value) == ("accepted", "refused")
    assert second.problem is not None
    assert second.problem["facts"] == {"existing": str(first.object)}


def test_same_line_is_done_again_when_its_effect_was_undone(batches: Batches) -> None:
    included, left = batches.run([an_inclusion_line(1), an_exit_line(1)])
    assert included.object is not None
    batches.desk.ask(PARTNER, annul_exit, included.object, "other")

    (again,) = batches.run([an_exit_line(1)])
    batches.desk.annul(included.object)
    (anew,) = batches.run([an_inclusion_line(1)])

    assert (left.object, again.object) == (included.object, included.object)
    assert again.outcome.value == "accepted"
    assert anew.outcome.value == "accepted"
    assert anew.object != included.object


def test_cancelling_leaves_what_is_done_and_destroys_the_rest(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(number) for number in range(3)])
    batches.round(most=1)

    batches.desk.ask(PARTNER, cancel_batch, sent.id)

    assert batches.round() == 0
    assert batches.look(sent) == ("cancelled", {"accepted": 1, "cancelled": 2})
    assert batches.facts() == (1, 0, 1)
    assert {one["sealed_line"] for one in rows(batches.desk.database_url, batch_line)} == {None}


def test_cancelling_what_is_done_changes_nothing(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(1)])
    batches.round()

    cancelled = batches.desk.ask(PARTNER, cancel_batch, sent.id)

    assert cancelled.state.value == "done"


@pytest.mark.parametrize(
    "caller",
    [COLLEAGUE_CALLER, ADMIN, REGISTRAR, replace(PARTNER, subject="somebody else"), replace(PARTNER, nihii=COLLEAGUE)],
    ids=["colleague", "admin", "registrar", "another person", "for another provider"],
)
def test_foreign_batch_looks_like_none(batches: Batches, caller: Caller) -> None:
    sent = batches.send([an_inclusion_line(1)])

    for verb in (get_batch, cancel_batch):
        with pytest.raises(errors.NotFound):
            batches.desk.ask(caller, verb, sent.id)
    with pytest.raises(errors.NotFound):
        batches.desk.ask(PARTNER, get_batch, UUID(int=1))


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.INSURER, Role.POLICY_MAKER, Role.AUDITOR])
def test_other_roles_have_no_batches(batches: Batches, role: Role) -> None:
    with pytest.raises(errors.RoleNotAllowed):
        batches.send([an_inclusion_line(1)], a_caller(role))


def test_administrator_sends_for_the_own_project_alone(batches: Batches) -> None:
    lines = [
        an_inclusion_line(1),
        an_inclusion_line(2, project=OTHER_PROJECT),
        an_exit_line(1, project=OTHER_PROJECT),
        an_action_line(1),
    ]
    settled = batches.run(lines, ADMIN)

    assert codes(settled) == [None, "foreign-project", "foreign-project", "invalid-request"]


@pytest.mark.parametrize("member", [{"communicated_at": "2021-11-15T09:00:00Z"}, {"evidence": "a letter"}])
@pytest.mark.parametrize("caller", [PARTNER, ADMIN])
def test_nobody_but_the_registrar_dates_a_communication(
    batches: Batches, caller: Caller, member: dict[str, str]
) -> None:
    settled = batches.run(
        [an_inclusion_line(1, **member), an_exit_line(1, **member), an_action_line(1, **member)], caller
    )

    assert outcomes(settled) == ["refused"] * 3
    assert [line.problem["facts"]["errors"] for line in settled if line.problem] == [
        [[f"#/{name}", "unknown-member"]] for name in member for _ in range(3)
    ]
    assert batches.facts() == (0, 0, 0)


def test_exit_names_its_inclusion_in_one_way(batches: Batches) -> None:
    (made,) = batches.run([an_inclusion_line(1)])
    named = {"type": "exit", "reason": "moved", "inclusion": str(made.object)}

    settled = batches.run([{**named, "ssin": synthetic_ssin(1)}, {"type": "exit", "reason": "moved"}, named])

    assert codes(settled) == ["invalid-request", "invalid-request", None]
    assert settled[2].object == made.object


def test_line_is_communicated_when_its_batch_was_accepted_and_recorded_when_it_is_done(batches: Batches) -> None:
    batches.send([an_inclusion_line(1)])
    batches.desk.at("2022-04-02T08:00+02:00")
    batches.round()

    (one,) = of_the_database(batches, inclusion)
    assert one["communicated_at"] == instant("2022-03-01T08:00+01:00")
    assert one["recorded_at"] == instant("2022-04-02T08:00+02:00")
