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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from gateway.domain.access import Caller
from gateway.domain.action import Action
from gateway.domain.batches import MOST_ATOMIC_LINES, LineOutcome, Mode, State, described
from gateway.domain.errors import AlreadyExited, AlreadyIncluded, DuplicateAction, Problem, Unavailable
from gateway.domain.inclusion import Inclusion
from gateway.domain.submissions import Beneficiary
from gateway.pseudonyms.port import Person, Unasked
from gateway.services.batch_lines import Asked, Kind, LineReader, Unreadable
from gateway.services.context import Call, Context, Work
from gateway.services.count_seals import count_seals
from gateway.services.find_actions import ActionView
from gateway.services.find_inclusions import InclusionView
from gateway.services.follow_batch import LINES_CLOSED_AT_ONCE
from gateway.services.perform import perform_within, with_pseudonyms
from gateway.services.register_batch import caller_of
from gateway.services.stage_batch import place_of
from gateway.store.batches import Batch, SettledLine, WaitingLine
from gateway.store.transaction import Transaction
from gateway.store.waits import latest

LINES_PER_ROUND = 2_000
LINES_PER_GROUP = 100
GROUP_SECONDS = 0.2
ROUND_SECONDS = 2.0
BREATH_SECONDS = 0.002
"""Between two groups, so that whoever waits to write has a turn."""
PAUSE = timedelta(seconds=5)


class _HasEnded(Exception):
    """The batch was ended or cancelled meanwhile."""


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


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a line; of a refused one, what its audit entry is made of."""

    line: SettledLine
    call: Call | None = None
    problem: Problem | None = None
    seen: Work | None = None

    @property
    def is_refused(self) -> bool:
        """Whether it keeps an atomic batch from being done."""
        return self.line.outcome is LineOutcome.REFUSED


def run_batches(
    context: Context,
    read: LineReader,
    lease: timedelta,
    most_lines: int = LINES_PER_ROUND,
    lines_per_group: int = LINES_PER_GROUP,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """One round for the batch that waits longest; how many of its lines were settled.

    Shape: lines about one person are done in their order, those of a group in that in which everybody locks people;
    what cannot be done now, or not before the worker is told to stop, waits.
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
            settled = with_pseudonyms(context, partial(_do_all, run))
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
    last = latest(now, lease, PAUSE)
    with context.store.reading() as tx:
        if (due := tx.batches.due(now, last)) is None:
            return None
    with context.store.transaction() as tx:
        return tx.batches.claim(*due, now, now + lease, last)


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
    count_seals(run.context)


def _groups(run: _Run, most_lines: int, until: datetime) -> Iterator[int]:
    """Do the lines of a round, a group at a time; how many each group settled.

    Shape: what a group could not do is tried line by line, so that none waits for another's lock or another's fault.
    A group is as long as there was time for in the last one, because what is left of it is read again.
    Raises: Unavailable for a line that cannot be done now; _HasEnded.
    """
    after = settled = 0
    most, is_single = run.lines_per_group, False
    while settled < most_lines and run.context.real_now() < until and not run.is_stopping():
        some = 1 if is_single else min(most, most_lines - settled)
        try:
            done = with_pseudonyms(run.context, partial(_do_group, run, some, after))
        except Unavailable:
            if is_single or some == 1:
                raise
            is_single = True
            continue
        if not done:
            return
        after = done[-1].line.number if len(done) == some else after  # else some before it may wait
        most = len(done) if len(done) < some else min(2 * some, run.lines_per_group)
        settled += len(done)
        yield len(done)
        time.sleep(BREATH_SECONDS)


def _do_group(given: _Run, most: int, after: int, context: Context) -> list[_Done]:
    """Do some lines that wait behind a number, in one short transaction.

    Raises: Unavailable; _HasEnded; Unasked, for all of them at once.
    """
    run, batch, until = replace(given, context=context), given.batch, time.monotonic() + GROUP_SECONDS
    with context.store.transaction() as tx:
        done = _settled(run, tx, _locked(run, tx, most, after), lambda: time.monotonic() > until or run.is_stopping())
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


def _do_all(given: _Run, context: Context) -> int:
    """Do every line of an atomic batch, or none; how many lines have their outcome now.

    Shape: every line is tried, behind a refused one too, so that each that is refused is named.
    Raises: Unavailable; _HasEnded; Unasked, for all of them at once.
    """
    run, batch, done = replace(given, context=context), given.batch, list[_Done]()
    try:
        with context.store.transaction() as tx:
            done += _settled(run, tx, _locked(run, tx, MOST_ATOMIC_LINES), lambda: False)
            if batch.counts or any(one.is_refused for one in done):
                raise _Refused
            tx.batches.count(batch.shard, batch.id, Counter(one.line.outcome for one in done))
    except _Refused:
        _say_why_not(run, done)
    return len(done)


def _say_why_not(run: _Run, done: Sequence[_Done]) -> None:
    """Settle an atomic batch of which nothing was done: refused lines with their audit entries, the others not done."""
    batch = run.batch
    with run.context.store.transaction() as tx:
        _locked(run, tx, 1)
        for one in done:
            number, ref = one.line.number, one.line.ref
            if one.call is not None:
                _audit_again(run, tx, one.call, one)
            said = one.line if one.is_refused else SettledLine(number, LineOutcome.NOT_DONE, ref)
            tx.batches.settle(batch.shard, batch.id, said)
        refused = sum(one.is_refused for one in done)
        outcomes = {LineOutcome.REFUSED: refused, LineOutcome.NOT_DONE: len(done) - refused}
        tx.batches.count(batch.shard, batch.id, Counter(outcomes))


def _audit_again(run: _Run, tx: Transaction, call: Call, refused: _Done) -> None:
    """Refuse a line as it was refused in the transaction that is undone, for its audit entry's sake."""

    def verb(work: Work) -> None:
        seen = refused.seen
        if seen is not None and seen.project is not None:
            work.about(seen.project, seen.bucket, seen.object, pseudonym=seen.pseudonym)
        if refused.problem is not None:
            raise refused.problem

    with suppress(Problem):
        perform_within(run.context, tx, call, verb)


def _settled(run: _Run, tx: Transaction, lines: Sequence[WaitingLine], is_enough: Callable[[], bool]) -> list[_Done]:
    """Do lines until it is enough; those whose pseudonyms nobody asked for yet are looked through to the last.

    Shape: in the order in which everybody locks beneficiaries, so that nobody waits in a circle; those about one person
    in their own order.
    Raises: Unavailable; Unasked.
    """
    done, unasked = list[_Done](), list[Person]()
    read = [(line, _read(run, line)) for line in lines]
    for line, asked in sorted(read, key=lambda pair: _place(run, tx, pair[1])):
        try:
            done.append(_settle(run, tx, line, asked))
        except Unasked as one:
            unasked += one.people
        if not unasked and is_enough():
            break
    if unasked:
        raise Unasked(unasked)
    return sorted(done, key=lambda one: one.line.number)


def _read(run: _Run, line: WaitingLine) -> Asked | Unreadable:
    sealed_for = place_of(run.batch.id, line.number)
    return run.read(run.caller, run.context.veil.sealer.unseal_bytes(line.sealed_line, sealed_for))


def _place(run: _Run, tx: Transaction, asked: Asked | Unreadable) -> tuple[int, bytes]:
    """Bucket and pseudonym of whom a line locks first, where they are known; otherwise it comes before the others.

    Cost: nothing where the line has an SSIN; a look by key where it names an inclusion.
    """
    people = run.context.veil.pseudonymiser
    match asked:
        case Asked(beneficiary=Beneficiary(project, ssin)):
            with suppress(Unasked):
                return min((people.bucket(one), one) for one in people.candidates(ssin, project))
        case Asked(inclusion=UUID() as wanted):
            bucket = run.context.veil.identifiers.bucket_of(wanted)
            moved_to = tx.moves.find(bucket, wanted)
            known = tx.inclusions.find(bucket if moved_to is None else moved_to, wanted)
            if known is not None:
                return known.inclusion.bucket, known.inclusion.pseudonym
    return -1, b""


def _settle(run: _Run, tx: Transaction, line: WaitingLine, asked: Asked | Unreadable) -> _Done:
    """Do a line, and keep what became of it in the same transaction.

    Raises: Unavailable.
    """
    if isinstance(asked, Unreadable):
        done = _Done(SettledLine(line.number, LineOutcome.REFUSED, asked.ref, problem=described(asked.problem)))
    else:
        done = _do(run, tx, line.number, asked)
    tx.batches.settle(run.batch.shard, run.batch.id, done.line)
    return done


def _do(run: _Run, tx: Transaction, number: int, asked: Asked) -> _Done:
    """Do what a line asks for; what became of it.

    Raises: Unavailable.
    """
    fingerprint = run.context.veil.fingerprints.line(run.caller, asked.content)
    seen: list[Work] = []
    made: list[UUID] = []

    def verb(work: Work) -> None:
        seen.append(work)
        _check_new(work, asked, fingerprint)
        made.append(_made(asked.do(work)))

    call = Call(run.caller, asked.verb, f"{run.batch.id}/{number}", handed_in_at=run.batch.communicated_at)
    try:
        perform_within(run.context, tx, call, verb)
    except Unavailable:
        raise
    except Problem as problem:
        work = seen[-1] if seen else None
        existing = None if work is None else _existing(work, asked, problem, fingerprint)
        if existing is not None:
            return _Done(SettledLine(number, LineOutcome.DUPLICATE, asked.ref, existing))
        refused = SettledLine(number, LineOutcome.REFUSED, asked.ref, problem=described(problem))
        return _Done(refused, call, problem, work)
    return _Done(SettledLine(number, LineOutcome.ACCEPTED, asked.ref, made[-1], fingerprint=fingerprint))


def _made(view: InclusionView | ActionView) -> UUID:
    return view.known.inclusion.id if isinstance(view, InclusionView) else view.known.action.id


def _check_new(work: Work, asked: Asked, fingerprint: bytes) -> None:
    """Refuse a line that was accepted before, word for word, and whose effect still stands.

    Shape: so an inclusion that has its exit is not made again when both of their lines come again.
    Raises: AlreadyIncluded, AlreadyExited, DuplicateAction.
    """
    for existing, ref in work.tx.batches.earlier(fingerprint):
        if ref == asked.ref and _stands(work, asked.kind, existing):
            match asked.kind:
                case "inclusion":
                    raise AlreadyIncluded(existing)
                case "exit":
                    raise AlreadyExited
                case "action":
                    raise DuplicateAction(existing)


def _stands(work: Work, kind: Kind, existing: UUID) -> bool:
    fact = _fact(work, kind, existing)
    if fact is None:
        return False
    work.about(fact.project, fact.bucket, existing, pseudonym=fact.pseudonym)
    return fact.status in {"inclusion": ("open", "exited"), "exit": ("exited",), "action": ("recorded",)}[kind]


def _fact(work: Work, kind: Kind, existing: UUID) -> Inclusion | Action | None:
    if kind == "action":
        acted = work.find(work.tx.actions.find, existing)
        return None if acted is None else acted.action
    known = work.find(work.tx.inclusions.find, existing)
    return None if known is None else known.inclusion


def _existing(work: Work, asked: Asked, problem: Problem, fingerprint: bytes) -> UUID | None:
    """What a refused line repeats: the same action, or what a line of the same content made; None when it is refused.

    Shape: under another `ref`, an inclusion is repeated while it is open; who left is included anew.
    Source: G5; an action is the same when P6 says so.
    """
    match problem:
        case DuplicateAction(existing):
            return existing
        case AlreadyIncluded(existing):
            repeated: UUID | None = existing
        case AlreadyExited():
            repeated = work.object
        case _:
            return None
    refs = {ref for made, ref in work.tx.batches.earlier(fingerprint) if made == repeated}
    if repeated is None or not refs:
        return None
    fact = _fact(work, asked.kind, repeated)
    is_again = asked.kind == "inclusion" and asked.ref not in refs and fact is not None and fact.status != "open"
    return None if is_again else repeated
