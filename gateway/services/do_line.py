"""Do a line of a batch: what its own endpoint would do, unless a line that said the same did it before.

Stage: identified, until the verb.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from gateway.domain.access import Caller
from gateway.domain.batches import LineOutcome, described
from gateway.domain.errors import AlreadyExited, AlreadyIncluded, DuplicateAction, Problem, Unavailable
from gateway.services.context import Call, Context, Work
from gateway.services.find_actions import ActionView
from gateway.services.find_inclusions import InclusionView
from gateway.services.perform import perform_within
from gateway.store.batches import SettledLine
from gateway.store.transaction import Transaction

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


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a line; of a refused one, what its audit entry is made of."""

    line: SettledLine
    call: Call | None = None
    problem: Problem | None = None
    seen: Work | None = None

    @property
    def is_refused(self) -> bool:
        """Whether it keeps an atomic batch from being done."""
        return self.line.outcome is LineOutcome.REFUSED


def do_line(context: Context, tx: Transaction, call: Call, number: int, asked: Asked) -> Done:
    """Do what a line asks for, in a savepoint of a transaction; what became of it.

    Raises: Unavailable.
    """
    fingerprint = context.veil.fingerprints.line(call.caller, asked.content)
    seen: list[Work] = []
    made: list[UUID] = []

    def verb(work: Work) -> None:
        seen.append(work)
        _check_new(work, asked, fingerprint)
        made.append(_made(asked.do(work)))

    try:
        perform_within(context, tx, call, verb)
    except Unavailable:
        raise
    except Problem as problem:
        work = seen[-1] if seen else None
        existing = None if work is None else _existing(work, asked, problem, fingerprint)
        if existing is not None:
            return Done(SettledLine(number, LineOutcome.DUPLICATE, asked.ref, existing))
        refused = SettledLine(number, LineOutcome.REFUSED, asked.ref, problem=described(problem))
        return Done(refused, call, problem, work)
    return Done(SettledLine(number, LineOutcome.ACCEPTED, asked.ref, made[-1], fingerprint=fingerprint))


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
    is_again = asked.kind == "inclusion" and asked.ref not in refs and fact is not None and fact[2] != "open"
    return None if is_again else repeated
