"""What happens to lines on their way in: nothing of a batch is there before all of it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain import errors
from gateway.services import stage_batch
from gateway.services.follow_batch import get_batch
from gateway.services.register_batch import register_batch
from gateway.services.stage_batch import ARRIVES_WITHIN, sweep_batches
from gateway.store.batch_tables import batch, batch_line
from tests.services.batch_desk import Batches, an_exit_line, an_inclusion_line, outcomes
from tests.services.desk import PARTNER
from tests.store.rows import rows

A_MONTH = timedelta(days=30)


def there_are(batches: Batches) -> tuple[int, int]:
    """Batches and lines in the database."""
    url = batches.desk.database_url
    return len(rows(url, batch)), len(rows(url, batch_line))


def later(batches: Batches, by: timedelta) -> Any:
    return replace(batches.desk.context, real_now=lambda: datetime.now(UTC) + by)


def test_batch_that_arrives_is_nobodys_and_is_not_run(batches: Batches) -> None:
    staging, _ = batches.staged([an_inclusion_line(1)])

    with pytest.raises(errors.NotFound):
        batches.desk.ask(PARTNER, get_batch, staging.batch.id)
    assert batches.round() == 0
    assert there_are(batches) == (1, 1)


def test_lines_are_stored_some_at_a_time(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_batch, "LINES_PER_CHUNK", 3)
    lines = [an_inclusion_line(number) for number in range(7)]

    staging, upload = batches.staged(lines)
    assert there_are(batches) == (1, 7)
    staging.drop()
    nothing = there_are(batches)
    settled = batches.run(lines)

    assert nothing == (0, 0)
    assert upload.lines == 7
    assert outcomes(settled) == ["accepted"] * 7


def test_upload_that_died_is_swept_and_one_that_goes_on_is_not(batches: Batches) -> None:
    staging, upload = batches.staged([an_inclusion_line(1)])
    whole = batches.send([an_inclusion_line(2)])

    early = sweep_batches(later(batches, ARRIVES_WITHIN - timedelta(minutes=1)))
    late = sweep_batches(later(batches, ARRIVES_WITHIN + timedelta(minutes=1)))

    assert (early, late) == (0, 1)
    assert there_are(batches) == (1, 1)
    with pytest.raises(errors.StoreUnavailable):
        batches.desk.ask(PARTNER, register_batch, upload)
    with pytest.raises(errors.StoreUnavailable):
        staging.flush()
    assert batches.look(whole) == ("queued", {})


def test_same_key_in_two_uploads_at_once_makes_one_batch(batches: Batches) -> None:
    """The one that comes second is told to ask again; it was only counted, so there is nothing to register."""
    _, upload = batches.staged([an_inclusion_line(1)])

    with pytest.raises(errors.IdempotencyKeyInFlight):
        batches.desk.ask(PARTNER, register_batch, replace(upload, is_staged=False, is_known=True))


def test_old_batch_is_forgotten_but_what_it_said_is_known_again(batches: Batches) -> None:
    lines = [an_inclusion_line(1, ref="a"), an_exit_line(1), an_exit_line(2), an_inclusion_line(1, ref="a")]
    first = batches.send(lines)
    batches.round()
    before = batches.results(first)

    kept = sweep_batches(later(batches, A_MONTH - timedelta(hours=1)))
    removed = sweep_batches(later(batches, A_MONTH + timedelta(hours=1)))
    again = batches.run(lines)

    assert (kept, removed) == (0, 1)
    with pytest.raises(errors.NotFound):
        batches.look(first)
    assert outcomes(before) == ["accepted", "accepted", "refused", "duplicate"]
    assert outcomes(again) == ["duplicate", "duplicate", "refused", "duplicate"]
    assert [one.object for one in again[:2]] == [one.object for one in before[:2]]


def test_long_batch_is_cancelled_at_once_and_closed_by_the_worker(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.services import follow_batch, run_batches  # noqa: PLC0415 - to lower what counts as long

    monkeypatch.setattr(follow_batch, "LINES_CLOSED_AT_ONCE", 3)
    monkeypatch.setattr(run_batches, "LINES_CLOSED_AT_ONCE", 3)
    sent = batches.send([an_inclusion_line(number) for number in range(8)])
    batches.round(most=1, group=1)

    batches.desk.ask(PARTNER, follow_batch.cancel_batch, sent.id)
    at_once = batches.look(sent)
    waiting = [one["sealed_line"] is not None for one in rows(batches.desk.database_url, batch_line, "number")]
    closed = batches.round()

    assert at_once == ("cancelling", {"accepted": 1, "cancelled": 7})
    assert waiting == [False, *[True] * 7]
    assert closed == 7
    assert batches.look(sent) == ("cancelled", {"accepted": 1, "cancelled": 7})
    assert {one["sealed_line"] for one in rows(batches.desk.database_url, batch_line)} == {None}
    assert batches.facts() == (1, 0, 1)
