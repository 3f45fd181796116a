"""Runs of a batch: whatever happens between two lines or within one, each is done once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest

from gateway.domain import errors
from gateway.domain.access import Caller
from gateway.domain.batches import Mode
from gateway.http.api.batch_lines import read_line
from gateway.services.batch_lines import Asked, LineReader, Unreadable
from gateway.services.context import Work
from gateway.services.follow_batch import cancel_batch
from gateway.services.run_batches import run_batches
from tests.services.batch_desk import LEASE, Batches, an_exit_line, an_inclusion_line
from tests.services.desk import PARTNER


@dataclass
class Ahead:
    """Real time, some seconds ahead."""

    seconds: float = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


def at_line(number: int, then: Callable[[Work], None]) -> LineReader:
    """A reader whose lines do something else when the so-manieth was done, once."""
    seen = iter(range(1, 1000))

    def read(caller: Caller, content: bytes) -> Asked | Unreadable:
        asked = read_line(caller, content)
        assert isinstance(asked, Asked)

        def do(work: Work) -> Any:
            made = asked.do(work)
            if next(seen) == number:
                then(work)
            return made

        return replace(asked, do=do)

    return read


class Killed(BaseException):
    """The worker is gone."""


def test_worker_that_dies_within_a_line_leaves_it_to_the_next(batches: Batches) -> None:
    lines = [an_inclusion_line(number) for number in range(5)]
    sent = batches.send(lines)

    def die(_: Work) -> None:
        raise Killed

    read = at_line(4, die)
    with pytest.raises(Killed):
        all(iter(lambda: batches.round(read, group=2), 0))  # on a slow machine a round may end before its fourth line
    during = batches.look(sent)
    held = batches.round()
    later = replace(batches.desk.context, real_now=Ahead(LEASE.total_seconds() + 1))
    batches.round(context=later)

    assert during in [("running", {"accepted": count}) for count in (2, 3)]  # 3 where a line fills a group's time
    assert held == 0
    assert batches.look(sent) == ("done", {"accepted": 5})
    assert batches.facts() == (5, 0, 5)


def test_line_that_cannot_be_done_now_is_done_later(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(number) for number in range(3)])

    def fail(_: Work) -> None:
        raise errors.StoreUnavailable

    settled = batches.round(at_line(2, fail), group=1)
    at_once = batches.round()
    batches.round(context=replace(batches.desk.context, real_now=Ahead(6)))

    assert (settled, at_once) == (1, 0)
    assert batches.look(sent) == ("done", {"accepted": 3})


def test_two_workers_on_one_batch_do_each_line_once(batches: Batches) -> None:
    lines = [an_inclusion_line(number) for number in range(24)]
    sent = batches.send(lines)
    late = replace(batches.desk.context, real_now=Ahead(LEASE.total_seconds() + 1))

    with ThreadPoolExecutor(2) as threads:
        rounds = [threads.submit(batches.round, context=context) for context in (batches.desk.context, late)]
        for one in rounds:
            one.result()
    while batches.round(context=late):
        pass

    assert batches.look(sent) == ("done", {"accepted": 24})
    assert batches.facts() == (24, 0, 24)


def test_batches_have_their_turn_one_after_another(batches: Batches) -> None:
    first, second = (batches.send([an_inclusion_line(n) for n in range(start, start + 2)]) for start in (0, 10))

    batches.round(most=1)
    batches.round(most=1)

    assert batches.look(first)[1] == batches.look(second)[1] == {"accepted": 1}


def test_batch_that_is_cancelled_while_it_runs_has_done_what_it_says(batches: Batches) -> None:
    sent = batches.send([an_inclusion_line(number) for number in range(6)])

    with ThreadPoolExecutor(1) as thread:

        def cancel(_: Work) -> None:
            thread.submit(batches.desk.ask, PARTNER, cancel_batch, sent.id)

        batches.round(at_line(2, cancel), group=2)

    state, counts = batches.look(sent)
    assert state == "cancelled"
    assert 2 <= counts["accepted"] <= 6
    assert sum(counts.values()) == 6
    assert batches.facts() == (counts["accepted"], 0, counts["accepted"])
    assert [one.outcome.value for one in batches.results(sent)] == [
        *["accepted"] * counts["accepted"],
        *["cancelled"] * counts.get("cancelled", 0),
    ]


def test_worker_told_to_stop_leaves_the_lines_behind_to_the_next(batches: Batches) -> None:
    told = Event()
    batches.send([an_inclusion_line(number) for number in range(3)])
    context, read = batches.desk.context, at_line(1, lambda _: told.set())

    stopped = run_batches(context, read, LEASE, is_stopping=told.is_set)

    assert stopped == 1
    assert batches.round() == 2


@dataclass
class Rival:
    """A worker that, once it did its first line, waits until its rival did as well, or cannot."""

    barrier: Barrier
    done: list[int] = field(default_factory=list)

    def read(self, caller: Caller, content: bytes) -> Asked | Unreadable:
        asked = read_line(caller, content)
        assert isinstance(asked, Asked)

        def do(work: Work) -> Any:
            made = asked.do(work)
            self.done.append(1)
            with suppress(BrokenBarrierError):
                self.barrier.wait(timeout=2)
            return made

        return replace(asked, do=do)


@pytest.mark.parametrize("named", ["newcomers", "inclusions", "people and inclusions"])
def test_batches_about_the_same_people_in_other_orders_do_each_line_once(batches: Batches, named: str) -> None:
    numbers = list(range(4))
    one = other = [an_inclusion_line(number) for number in numbers]
    if named != "newcomers":
        ids = [str(line.object) for line in batches.run(one)]
        other = [{"type": "exit", "inclusion": id, "reason": "moved"} for id in ids]
        one = other if named == "inclusions" else [an_exit_line(number) for number in numbers]
    sent = [batches.send(lines, mode=Mode.ATOMIC) for lines in (one, other[::-1])]  # no time divides their groups
    barrier = Barrier(2)
    rivals = [Rival(barrier), Rival(barrier)]

    def work(rival: Rival) -> None:
        while any(batches.look(one)[0] != "done" for one in sent):
            batches.round(rival.read)

    with ThreadPoolExecutor(2) as threads:
        for worked in [threads.submit(work, rival) for rival in rivals]:
            worked.result()

    assert sum(len(rival.done) for rival in rivals) == len(numbers)
    said = [batches.look(one)[1] for one in sent]
    again = {"refused" if named == "people and inclusions" else "duplicate": 4}
    assert said in ([{"accepted": 4}, again], [again, {"accepted": 4}])
