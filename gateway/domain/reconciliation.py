"""Reconciliation: what the register asks to be known, what was sent, and what MyCareNet has, message by message.

Stage: pseudonymous; ids alone, nobody's identity.

    asked ── a message in the outbox? ── sent ── a line in the statement? ── answered ── the same decision?
      └ no: not-sent                       └ no: dropped     └ late: delayed               └ no: contradicted
    a line that is nobody's: doubled where its fact is told of already, otherwise unknown-here
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.delivery import State, StatementLine

TOLD_ONCE = frozenset({"inclusion", "action", "inclusion-annulment", "action-annulment"})
"""Kinds of message of which a fact has one at most."""


class Kind(StrEnum):
    """In what the three sides differ."""

    NOT_SENT = "not-sent"
    DROPPED = "dropped"
    DOUBLED = "doubled"
    DELAYED = "delayed"
    CONTRADICTED = "contradicted"
    UNKNOWN_HERE = "unknown-here"


class Remedy(StrEnum):
    """What to do about a difference."""

    REPORT = "report"
    CORRECT = "correct"
    SEND_AGAIN = "send-again"
    REMOVE_DOUBLE = "remove-double"
    WAIT = "wait"
    SHOW_RECEIPT = "show-receipt"
    CALL_INSURER = "call-insurer"
    ASK_ORIGIN = "ask-origin"


@dataclass(frozen=True, slots=True)
class Asked:
    """A state of a fact that MyCareNet is to know, by the message that is to tell it."""

    message_id: UUID
    reference: UUID


@dataclass(frozen=True, slots=True)
class Sent:
    """A message in the outbox; `contradiction` is what a later answer said against the first.

    Units: `created_at` is real time, as the receipts in a statement are.
    """

    message_id: UUID
    reference: UUID
    kind: str
    state: State
    created_at: datetime
    contradiction: str | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether MyCareNet said that it has it."""
        return self.state in (State.SENT, State.ACCEPTED, State.REJECTED)


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the sides differ about a message, and what to do about it."""

    kind: Kind
    remedy: Remedy
    message_id: UUID
    reference: UUID
    message_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The statement of three sides: how many messages each has, and every difference in order of message id.

    Shape: `sent` counts our messages by state, `listed` those of MyCareNet's statement by whether they are accepted,
    each message once. `at` is real time.
    """

    at: datetime
    asked: int
    sent: Mapping[State, int]
    listed: Mapping[bool, int]
    differences: Sequence[Difference]


def reconcile(
    asked: Iterable[Asked], sent: Iterable[Sent], listed: Iterable[StatementLine], now: datetime, late: timedelta
) -> Reconciliation:
    """What the three sides say of a project's month, and in what they differ.

    Shape: `sent` may hold more than was asked: a message that was committed after the facts were looked at is nobody's
    fault. What has not been answered for longer than `late`, or is listed as received so much later, is delayed.
    Not: that MyCareNet received a message several times, which G6 allows, while it lists it once.
    Source: G6, CONTRACT 8.
    """
    wanted = list(asked)
    ours = {one.message_id: one for one in sent}
    theirs: dict[UUID, list[StatementLine]] = defaultdict(list)
    for line in listed:
        theirs[line.message_id].append(line)
    differences = [*_of_ours(wanted, ours, theirs, now, late), *_of_theirs(ours, theirs)]
    return Reconciliation(
        at=now,
        asked=len(wanted),
        sent=Counter(ours[one.message_id].state for one in wanted if one.message_id in ours),
        listed=Counter(lines[0].accepted for lines in theirs.values()),
        differences=sorted(differences, key=lambda one: (one.message_id, one.kind)),
    )


def _of_ours(
    wanted: Iterable[Asked],
    ours: Mapping[UUID, Sent],
    theirs: Mapping[UUID, Sequence[StatementLine]],
    now: datetime,
    late: timedelta,
) -> Iterator[Difference]:
    for one in wanted:
        message = ours.get(one.message_id)
        if message is None:
            yield Difference(Kind.NOT_SENT, Remedy.REPORT, one.message_id, one.reference)
            continue
        for kind, remedy in _ways(message, theirs.get(one.message_id, ()), now, late):
            yield Difference(kind, remedy, one.message_id, one.reference, message.kind)


def _ways(
    message: Sent, lines: Sequence[StatementLine], now: datetime, late: timedelta
) -> Iterator[tuple[Kind, Remedy]]:
    """In what the two sides differ about a message of ours."""
    if len(lines) > 1:
        yield Kind.DOUBLED, Remedy.REMOVE_DOUBLE
    if message.state is State.FAILED:
        yield Kind.NOT_SENT, Remedy.SEND_AGAIN if lines else Remedy.CORRECT
        return
    if message.is_acknowledged and not lines:
        yield Kind.DROPPED, Remedy.SEND_AGAIN
        return
    if message.contradiction is not None or _decided_otherwise(message, lines):
        yield Kind.CONTRADICTED, Remedy.CALL_INSURER
    if message.state in (State.PENDING, State.SENT) and now - message.created_at > late:
        yield Kind.DELAYED, Remedy.WAIT
    elif any(line.received_at - message.created_at > late for line in lines):
        yield Kind.DELAYED, Remedy.SHOW_RECEIPT


def _decided_otherwise(message: Sent, lines: Sequence[StatementLine]) -> bool:
    if message.state not in (State.ACCEPTED, State.REJECTED):
        return False
    return any(line.accepted is not (message.state is State.ACCEPTED) for line in lines)


def _of_theirs(ours: Mapping[UUID, Sent], theirs: Mapping[UUID, Sequence[StatementLine]]) -> Iterator[Difference]:
    """The lines of the statement that no message of ours brought about."""
    told = {(one.kind, one.reference) for one in ours.values() if one.kind in TOLD_ONCE}
    for message_id in theirs.keys() - ours.keys():
        line = theirs[message_id][0]
        is_double = (line.kind, line.reference) in told
        kind, remedy = (Kind.DOUBLED, Remedy.REMOVE_DOUBLE) if is_double else (Kind.UNKNOWN_HERE, Remedy.ASK_ORIGIN)
        yield Difference(kind, remedy, message_id, line.reference, line.kind)
