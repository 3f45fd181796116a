"""Atomic batches: all lines are done, or none, and each that was refused is named."""

from __future__ import annotations

import pytest

from gateway.domain import errors
from gateway.domain.batches import Mode
from gateway.services.context import Work
from gateway.store.batch_tables import batch_line
from tests.services.batch_desk import Batches, an_action_line, an_exit_line, an_inclusion_line, codes, outcomes
from tests.services.desk import PARTNER
from tests.services.test_batch_runs import Killed, at_line
from tests.store.rows import rows


def test_all_lines_are_done_when_none_is_refused(batches: Batches) -> None:
    lines = [an_inclusion_line(1, ref="a"), an_exit_line(1), an_inclusion_line(2), an_inclusion_line(1, ref="a")]

    settled = batches.run(lines, mode=Mode.ATOMIC)

    assert outcomes(settled) == ["accepted", "accepted", "accepted", "duplicate"]
    assert batches.facts() == (2, 0, 3)


def test_none_is_done_when_one_is_refused_and_each_refused_line_is_named(batches: Batches) -> None:
    lines: list[dict[str, object] | bytes] = [
        an_inclusion_line(1, ref="good"),
        an_inclusion_line(2, project="demo-unknown", ref="foreign"),
        b"{not JSON",
        an_exit_line(9),
        an_exit_line(1),
    ]

    sent = batches.send(lines, mode=Mode.ATOMIC)
    batches.round()
    settled = batches.results(sent)

    assert outcomes(settled) == ["not-done", "refused", "refused", "refused", "not-done"]
    assert codes(settled) == [None, "unknown-project", "malformed-json", "not-found", None]
    assert [line.ref for line in settled] == ["good", "foreign", None, None, None]
    assert [line.object for line in settled] == [None] * 5
    assert batches.look(sent) == ("done", {"refused": 3, "not-done": 2})
    assert batches.facts() == (0, 0, 0)
    audited = [one for one in batches.desk.outcomes() if one[0] != "register_batch" and not one[0].startswith("get")]
    assert sorted(audited) == [("register_exit", "not-found"), ("register_inclusion", "unknown-project")]
    assert {one["sealed_line"] for one in rows(batches.desk.database_url, batch_line)} == {None}


def test_line_that_leans_on_an_earlier_one_is_judged_with_it(batches: Batches) -> None:
    batches.desk.at("2022-01-15T09:00+01:00")
    batches.run([an_inclusion_line(1)])
    batches.desk.at("2022-03-01T08:00+01:00")

    settled = batches.run([an_action_line(1), an_action_line(1), an_exit_line(1)], mode=Mode.ATOMIC)

    assert outcomes(settled) == ["accepted", "duplicate", "accepted"]


def test_corrected_batch_is_done_whole(batches: Batches) -> None:
    wrong = batches.run([an_inclusion_line(1), an_inclusion_line(2, project="demo-unknown")], mode=Mode.ATOMIC)
    right = batches.run([an_inclusion_line(1), an_inclusion_line(2)], mode=Mode.ATOMIC)

    assert outcomes(wrong) == ["not-done", "refused"]
    assert outcomes(right) == ["accepted", "accepted"]


def test_worker_that_dies_or_cannot_within_an_atomic_batch_leaves_nothing_of_it(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(number) for number in range(4)], mode=Mode.ATOMIC)

    def fail(_: Work) -> None:
        raise errors.StoreUnavailable

    def die(_: Work) -> None:
        raise Killed

    settled = batches.round(at_line(3, fail))
    between = batches.facts()
    with batches.desk.context.store.transaction() as tx:
        tx.batches.rest(sent.shard, sent.id, sent.created_at)
    with pytest.raises(Killed):
        batches.round(at_line(4, die))
    killed = batches.facts()
    with batches.desk.context.store.transaction() as tx:
        tx.batches.rest(sent.shard, sent.id, sent.created_at)
    batches.round()

    assert (settled, between, killed) == (0, (0, 0, 0), (0, 0, 0))
    assert batches.look(sent) == ("done", {"accepted": 4})
    assert batches.facts() == (4, 0, 4)
    assert len({line.object for line in batches.results(sent, PARTNER)}) == 4
