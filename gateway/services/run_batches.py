"""Run batches: some lines a round, a group of them a transaction, each line whole or not at all within it.

Stage: identified, from the unsealing of a line to its verb.

claim ─ [ lock ─ line ─ line ─ … ─ count ] ─ [ lock ─ line ─ … ] ─ put down
                  └ a savepoint: verb, settle, audit; refused: undone, settled as refused, audited
atomic: [ lock ─ every line ] done when none was refused; else undone as one, and [ lock ─ say of each line why not ]
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.access import Caller
from gateway.domain.batches import MOST_ATOMIC_LINES, LineOutcome, Mode, State, described
from gateway.domain.errors import (
    CommitTooLate,
    Problem,
    Unavailable,
)
from gateway.services.context import Call, Context, Work
from gateway.services.do_line import Asked, Done, LineReader, Unreadable, do_line
from gateway.services.follow_batch import LINES_CLOSED_AT_ONCE
from gateway.services.perform import perform_within
from gateway.services.register_batch import caller_of
from gateway.services.stage_batch import place_of
from gateway.store.batches import Batch, SettledLine, WaitingLine
from gateway.store.transaction import Transaction

LINES_PER_ROUND = 2_000
LINES_PER_GROUP = 100
GROUP_SECONDS = 0.1
TRIED_FOR = timedelta(hours=1)
"""How long an atomic batch that does not fit between a stamp and its commit is tried again."""
ROUND_SECONDS = 2.0
BREATH_SECONDS = 0.002
"""Between two groups, so that whoever waits to write has a turn."""
PAUSE = timedelta(seconds=5)


class _HasEnded(Exception):
    """The batch was ended or cancelled meanwhile, or a line of it settled by another: what was done here is undone."""


class _Refused(Exception):
    """A line of an atomic batch was refused: all of them are undone."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One batch at work, so many lines at most in one transaction."""

    context: Context
    batch: Batch
    caller: Caller
    read: LineReader
    lines_per_group: int
    is_stopping: Callable[[], bool]


def run_batches(
    context: Context,
    read: LineReader,
    lease: timedelta,
    most_lines: int = LINES_PER_ROUND,
    lines_per_group: int = LINES_PER_GROUP,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """One round for the batch that waits longest; how many of its lines were settled.

    Shape: lines are done in their order; when one cannot be done now, or the worker is told to stop, it and those
    behind it wait.
    Source: G13, G15.
    """
    batch = _claim(context, lease)
    if batch is None:
        return 0
    if batch.state is State.CANCELLING:
        return _close(context, batch)
    run = _Run(context, batch, caller_of(context.veil, batch), read, lines_per_group, is_stopping)
    pause, settled = timedelta(), 0
    until = context.real_now() + min(lease / 2, timedelta(seconds=ROUND_SECONDS))
    try:
        if batch.mode is Mode.ATOMIC:
            settled = _do_all(run)
        else:
            for count in _groups(run, most_lines, until):
                settled += count
    except Unavailable:
        pause = PAUSE
    except _HasEnded:
        pass
    _put_down(run, pause)
    return settled


def _claim(context: Context, lease: timedelta) -> Batch | None:
    now = context.real_now()
    with context.store.reading() as tx:
        due = tx.batches.due(now)
    if due is None:
        return None
    with context.store.transaction() as tx:
        return tx.batches.claim(*due, now, now + lease)


def _close(context: Context, batch: Batch) -> int:
    """Close the lines of a cancelled batch, some at a time, then end it; how many they were."""
    closed = 0
    while True:
        with context.store.transaction() as tx:
            count = tx.batches.close_lines(batch.shard, batch.id, LineOutcome.CANCELLED, LINES_CLOSED_AT_ONCE)
            if count == 0:
                tx.batches.end(batch.shard, batch.id, State.CANCELLED, context.real_now())
                return closed
        closed += count
        time.sleep(BREATH_SECONDS)


def _put_down(run: _Run, pause: timedelta) -> None:
    """Give the batch back; end it when nothing of it waits."""
    batch, now = run.batch, run.context.real_now()
    with run.context.store.transaction() as tx:
        locked = tx.batches.lock(batch.shard, batch.id)
        if locked is not None and locked.waits == 0:
            tx.batches.end(batch.shard, batch.id, State.DONE, now)
        elif locked is not None:
            tx.batches.rest(batch.shard, batch.id, now + pause)


def _groups(run: _Run, most_lines: int, until: datetime) -> Iterator[int]:
    """Do the lines of a round, a group at a time; how many each group settled.

    Shape: what a group could not do is tried line by line, so that none waits for another's lock or another's fault.
    Raises: Unavailable for a line that cannot be done now; _HasEnded.
    """
    after = settled = 0
    is_single = False
    while settled < most_lines and run.context.real_now() < until and not run.is_stopping():
        most = 1 if is_single else min(run.lines_per_group, most_lines - settled)
        try:
            done = _do_group(run, most, after)
        except Unavailable:
            if is_single or most == 1:
                raise
            is_single = True
            continue
        if not done:
            return
        after, settled = done[-1].line.number, settled + len(done)
        yield len(done)
        time.sleep(BREATH_SECONDS)


def _do_group(run: _Run, most: int, after: int) -> list[Done]:
    """Do some lines that wait behind a number, in one short transaction.

    Raises: Unavailable; _HasEnded.
    """
    batch, done, until = run.batch, list[Done](), time.monotonic() + GROUP_SECONDS
    with run.context.store.transaction() as tx:
        for line in _locked(run, tx, most, after):
            done.append(_settle(run, tx, line.number, _read(run, line)))
            if time.monotonic() > until or run.is_stopping():
                break
        if done:
            tx.batches.count(batch.shard, batch.id, Counter(one.line.outcome for one in done))
    return done


def _locked(run: _Run, tx: Transaction, most: int, after: int = 0) -> list[WaitingLine]:
    """Lines that wait, of a batch that is nobody else's until the transaction ends.

    Raises: _HasEnded.
    """
    if tx.batches.lock(run.batch.shard, run.batch.id) is None:
        raise _HasEnded
    return tx.batches.waiting(run.batch.shard, run.batch.id, most, after)


def _do_all(run: _Run) -> int:
    """Do every line of an atomic batch, or none; how many lines have their outcome now.

    Shape: every line is tried, behind a refused one too, so that each that is refused is named. All lines are read
    before the first is done, because from there on five seconds are left.
    Raises: Unavailable; _HasEnded.
    """
    batch, done = run.batch, list[Done]()
    try:
        with run.context.store.transaction() as tx:
            read = [(line.number, _read(run, line)) for line in _locked(run, tx, MOST_ATOMIC_LINES)]
            done += [_settle(run, tx, number, asked) for number, asked in read]
            if batch.counts or any(one.is_refused for one in done):
                raise _Refused
            tx.batches.count(batch.shard, batch.id, Counter(one.line.outcome for one in done))
    except _Refused:
        _say_why_not(run, done)
    except CommitTooLate:
        if run.context.real_now() < batch.created_at + TRIED_FOR:
            raise
        return _give_up(run)
    return len(done)


def _give_up(run: _Run) -> int:
    """Settle an atomic batch that did not fit into one transaction for an hour: none of its lines is done."""
    batch = run.batch
    with run.context.store.transaction() as tx:
        _locked(run, tx, 1)
        closed = tx.batches.close_lines(batch.shard, batch.id, LineOutcome.NOT_DONE, MOST_ATOMIC_LINES)
        tx.batches.count(batch.shard, batch.id, Counter({LineOutcome.NOT_DONE: closed}))
    return closed


def _say_why_not(run: _Run, done: Sequence[Done]) -> None:
    """Settle an atomic batch of which nothing was done: refused lines with their audit entries, the others not done."""
    batch = run.batch
    with run.context.store.transaction() as tx:
        _locked(run, tx, 1)
        for one in done:
            number, ref = one.line.number, one.line.ref
            if one.call is not None:
                _audit_again(run, tx, one.call, one)
            _keep(run, tx, one.line if one.is_refused else SettledLine(number, LineOutcome.NOT_DONE, ref))
        refused = sum(one.is_refused for one in done)
        outcomes = {LineOutcome.REFUSED: refused, LineOutcome.NOT_DONE: len(done) - refused}
        tx.batches.count(batch.shard, batch.id, Counter(outcomes))


def _audit_again(run: _Run, tx: Transaction, call: Call, refused: Done) -> None:
    """Refuse a line as it was refused in the transaction that is undone, for its audit entry's sake."""

    def verb(work: Work) -> None:
        if refused.seen is not None and refused.seen.project is not None:
            work.about(refused.seen.project, refused.seen.bucket, refused.seen.object)
        if refused.problem is not None:
            raise refused.problem

    with suppress(Problem):
        perform_within(run.context, tx, call, verb)


def _read(run: _Run, line: WaitingLine) -> Asked | Unreadable:
    sealer = run.context.veil.sealer
    return run.read(run.caller, sealer.unseal_bytes(line.sealed_line, place_of(run.batch.id, line.number)))


def _settle(run: _Run, tx: Transaction, number: int, asked: Asked | Unreadable) -> Done:
    """Do a line, and keep what became of it in the same transaction.

    Raises: Unavailable; _HasEnded.
    """
    if isinstance(asked, Unreadable):
        done = Done(SettledLine(number, LineOutcome.REFUSED, asked.ref, problem=described(asked.problem)))
    else:
        batch = run.batch
        call = Call(run.caller, asked.verb, f"{batch.id}/{number}", handed_in_at=batch.communicated_at)
        done = do_line(run.context, tx, call, number, asked)
    _keep(run, tx, done.line)
    return done


def _keep(run: _Run, tx: Transaction, line: SettledLine) -> None:
    if not tx.batches.settle(run.batch.shard, run.batch.id, line):
        raise _HasEnded
