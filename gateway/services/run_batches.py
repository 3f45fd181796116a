"""Run batches: a few hundred lines a round, each through the same frame as a request of its own.

Stage: identified, from the unsealing of a line to its verb.

claim ─ unseal ─ read ─ perform: verb, settle the line ─ next          refused: settle the line on its own
                          └ one transaction: a line that is done twice is done once
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol
from uuid import UUID

from gateway.domain.access import Caller
from gateway.domain.batches import LineOutcome, State, described
from gateway.domain.errors import AlreadyExited, AlreadyIncluded, DuplicateAction, Problem, Unavailable
from gateway.services.context import Call, Context, Work
from gateway.services.find_actions import ActionView
from gateway.services.find_inclusions import InclusionView
from gateway.services.perform import perform
from gateway.services.register_batch import caller_of, place_of
from gateway.store.batches import Batch, SettledLine, WaitingLine
from gateway.store.idempotency import KeptAnswer

LINES_PER_ROUND = 200
PAUSE = timedelta(seconds=5)
_NO_ANSWER = KeptAnswer(200, {}, b"")

Kind = Literal["inclusion", "exit", "action"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line asks for.

    Shape: `content` is all that it says but its `ref`, in canonical form; `do` is the verb with its submission.
    """

    kind: Kind
    verb: str
    content: bytes = field(repr=False)
    do: Callable[[Work], InclusionView | ActionView]
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is ill-formed, and why."""

    problem: Problem
    ref: str | None = None


class LineReader(Protocol):
    """The door's reading of a line, by the schemas that a request of its own is read by."""

    def __call__(self, caller: Caller, content: bytes) -> Asked | Unreadable:
        """What a line of a caller asks for."""
        ...


class _WaitsNoMore(Exception):
    """The line was settled or cancelled meanwhile: whatever was done for it here is undone."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One batch at work."""

    context: Context
    batch: Batch
    caller: Caller
    read: LineReader


def run_batches(
    context: Context,
    read: LineReader,
    lease: timedelta,
    most_lines: int = LINES_PER_ROUND,
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
    run = _Run(context, batch, caller_of(context.veil, batch), read)
    pause, settled, until = timedelta(), 0, context.real_now() + lease / 2
    try:
        for line in _waiting(run, most_lines):
            if context.real_now() > until or is_stopping():
                break
            _settle(run, line)
            settled += 1
    except Unavailable:
        pause = PAUSE
    except _WaitsNoMore:
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


def _waiting(run: _Run, most: int) -> list[WaitingLine]:
    with run.context.store.reading() as tx:
        return tx.batches.waiting(run.batch.shard, run.batch.id, most)


def _put_down(run: _Run, pause: timedelta) -> None:
    """Give the batch back; end it when nothing of it waits."""
    batch = run.batch
    with run.context.store.transaction() as tx:
        if not tx.batches.waiting(batch.shard, batch.id, 1):
            tx.batches.end(batch.shard, batch.id, State.DONE)
        tx.batches.rest(batch.shard, batch.id, run.context.real_now() + pause)


def _settle(run: _Run, line: WaitingLine) -> None:
    veil = run.context.veil
    asked = run.read(run.caller, veil.sealer.unseal_bytes(line.sealed_line, place_of(run.batch.id, line.number)))
    if isinstance(asked, Unreadable):
        _record(run, SettledLine(line.number, LineOutcome.REFUSED, asked.ref, problem=described(asked.problem)))
        return
    refused = _do(run, line.number, asked, veil.fingerprints.line(run.caller, asked.content))
    if refused is not None:
        _record(run, refused)


def _record(run: _Run, line: SettledLine) -> None:
    with run.context.store.transaction() as tx:
        if not tx.batches.settle(run.batch.shard, run.batch.id, line):
            raise _WaitsNoMore


def _do(run: _Run, number: int, asked: Asked, fingerprint: bytes) -> SettledLine | None:
    """Do what a line asks for and settle it with its effect; what it was refused with otherwise."""
    seen: list[Work] = []

    def verb(work: Work) -> None:
        seen.append(work)
        _check_new(work, asked, fingerprint)
        line = SettledLine(number, LineOutcome.ACCEPTED, asked.ref, _made(asked.do(work)), fingerprint=fingerprint)
        if not work.tx.batches.settle(run.batch.shard, run.batch.id, line):
            raise _WaitsNoMore

    try:
        perform(run.context, Call(run.caller, asked.verb, f"{run.batch.id}/{number}"), verb, lambda _: _NO_ANSWER)
    except Unavailable:
        raise
    except Problem as problem:
        existing = _existing(run, problem, seen[-1].object if seen else None, fingerprint)
        if existing is not None:
            return SettledLine(number, LineOutcome.DUPLICATE, asked.ref, existing)
        return SettledLine(number, LineOutcome.REFUSED, asked.ref, problem=described(problem))
    return None


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
    project, bucket, status = fact
    work.about(project, bucket, existing)
    return status in {"inclusion": ("open", "exited"), "exit": ("exited",), "action": ("recorded",)}[kind]


def _fact(work: Work, kind: Kind, existing: UUID) -> tuple[str, int, str] | None:
    if kind == "action":
        acted = work.find(work.tx.actions.find, existing)
        return None if acted is None else (acted.action.project, acted.action.bucket, acted.action.status)
    known = work.find(work.tx.inclusions.find, existing)
    return None if known is None else (known.inclusion.project, known.inclusion.bucket, known.inclusion.status)


def _existing(run: _Run, problem: Problem, seen: UUID | None, fingerprint: bytes) -> UUID | None:
    """What a refused line repeats: the same action, or what a line of the same content made; None when it is refused.

    Source: G5; an action is the same when P6 says so.
    """
    match problem:
        case DuplicateAction(existing):
            return existing
        case AlreadyIncluded(existing):
            repeated: UUID | None = existing
        case AlreadyExited():
            repeated = seen
        case _:
            return None
    with run.context.store.reading() as tx:
        return repeated if repeated in {made for made, _ in tx.batches.earlier(fingerprint)} else None
