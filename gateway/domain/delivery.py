"""A message's way to MyCareNet: its states, and what to do after an attempt.

    pending ──technical acknowledgement──▶ sent ──answer──▶ accepted | rejected
    pending ──refused for good──▶ failed (needs a person)
    sent ──answer "temporarily unavailable"──▶ pending, to be sent again under the same id
    sent, accepted ──a person: MyCareNet lost it──▶ pending, likewise; an acceptance stands

Other than by those two, states only move forward. Times here are real time, never the legal clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID


class State(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"

    @property
    def shown(self) -> str:
        """What a client sees: `sent` is still pending until the answer comes."""
        return "pending" if self is State.SENT else self.value


@dataclass(frozen=True, slots=True)
class Message:
    """What MyCareNet is told of one fact, without the identity, which the vault adds at sending.

    Stage: pseudonymous.
    Shape: `content` holds plain JSON values; `sequence` counts the messages of one beneficiary in one project;
    `input_reference` is there from its first claim on: what MyCareNet knows the message's body by; `insurer` is the
    beneficiary's, where an earlier acceptance told it. `created_at`, in real time, is there once it is in the outbox.
    `tried_as` is the pseudonym that it was tried for, where its person's number changed afterwards: every next try
    bears the number of then.
    """

    id: UUID
    bucket: int
    project: str
    pseudonym: bytes
    sequence: int
    kind: str
    reference: UUID
    content: Mapping[str, Any]
    attempts: int = 0
    input_reference: UUID | None = None
    insurer: str | None = None
    created_at: datetime | None = field(default=None, compare=False)
    tried_as: bytes | None = None

    @property
    def person(self) -> tuple[int, str, bytes]:
        """Whom it is about: bucket, project and pseudonym."""
        return self.bucket, self.project, self.pseudonym

    @property
    def sealed_for(self) -> bytes:
        """The pseudonym that the number which it bears is sealed for."""
        return self.pseudonym if self.tried_as is None else self.tried_as


@dataclass(frozen=True, slots=True)
class Member:
    """What the member register tells of a beneficiary with an acceptance."""

    insurer: str
    sex: str
    birth_date: date
    municipality: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """MyCareNet took the message, under a reference of its own; its answer will come."""

    output_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """MyCareNet did not take the message this time, or nobody knows whether it did."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """MyCareNet will never take the message as it is."""

    reason: str


Outcome = Acknowledged | Unavailable | Unacceptable


@dataclass(frozen=True, slots=True)
class Answer:
    """MyCareNet's answer to a message, fetched from its mailbox; the references say to which sending of which body."""

    answer_id: str
    message_id: UUID
    accepted: bool
    code: str | None = None
    member: Member | None = None
    input_reference: UUID | None = None
    output_reference: str | None = None

    @property
    def state(self) -> State:
        """Where it brings its message."""
        if self.accepted:
            return State.ACCEPTED
        return State.PENDING if self.code in RETRYABLE else State.REJECTED


PERMANENT = (
    "unknown-person",
    "unaffiliated-person",
    "not-insured",
    "wrong-insurer",
    "provider-not-recognised",
    "already-registered",
    "already-closed",
    "deceased",
)
"""Answers that are refusals for good, as every other code that is not in the next table."""

RETRYABLE = ("temporarily-unavailable",)
"""Answers that refuse nothing: the message is sent again, under the same id."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record of a message when an answer comes.

    Shape: `reason` is the code of a rejection; `was_accepted`: it was, before a person had it sent again.
    """

    state: State
    input_reference: UUID | None
    output_reference: str | None
    reason: str | None = None
    was_accepted: bool = False


class Bearing(StrEnum):
    """What an answer is to the message that it names."""

    NEWS = "news"
    POSTPONEMENT = "postponement"
    REPEAT = "repeat"
    CONTRADICTION = "contradiction"
    FOREIGN = "foreign"


def bearing_of(answer: Answer, standing: Standing | None) -> Bearing:
    """What an answer is to what is on record.

    Shape: an answer must name the message and the reference of the body that was sent. The first decision stands: what
    says otherwise later, or rejects for another reason, is a contradiction, and changes nothing. A postponement counts
    for the sending that it answers, once; MyCareNet gives every further sending another reference.
    Source: GUARANTEES 3, G6.
    """
    if standing is None or answer.input_reference is None or answer.input_reference != standing.input_reference:
        return Bearing.FOREIGN
    if answer.state is State.PENDING:
        is_latest = standing.state is State.SENT and answer.output_reference == standing.output_reference
        return Bearing.POSTPONEMENT if is_latest else Bearing.REPEAT
    if standing.state in (State.PENDING, State.SENT):
        return Bearing.CONTRADICTION if standing.was_accepted and not answer.accepted else Bearing.NEWS
    is_same = standing.state is answer.state and (answer.accepted or standing.reason == answer.code)
    return Bearing.REPEAT if is_same else Bearing.CONTRADICTION


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One message as MyCareNet's register has it; `is_answered`: the answer was fetched and confirmed."""

    message_id: UUID
    input_reference: UUID
    output_reference: str
    kind: str
    reference: UUID
    received_at: datetime
    received_count: int
    accepted: bool
    code: str | None
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a message after an attempt; `next_attempt_at` only while pending."""

    state: State
    next_attempt_at: datetime | None = None
    reason: str | None = None
    output_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: full jitter under an exponential ceiling.

    Units: seconds.
    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    first_seconds: float = 0.5
    most_seconds: float = 300.0

    def delay(self, attempts: int, chance: float) -> timedelta:
        """The wait after so many attempts, for a chance in [0, 1).

        >>> Backoff(1, 60).delay(3, 0.5), Backoff(1, 60).delay(400, 0.999).total_seconds() <= 60
        (datetime.timedelta(seconds=2), True)
        """
        ceiling = min(self.most_seconds, self.first_seconds * 2.0 ** min(attempts - 1, 60))
        return timedelta(seconds=ceiling * chance)


def next_step(attempts: int, outcome: Outcome, now: datetime, backoff: Backoff, chance: float) -> Step:
    """What becomes of a message after its so-manieth attempt.

    Shape: `attempts` counts this one too; `chance` in [0, 1).
    """
    match outcome:
        case Acknowledged(output_reference):
            return Step(State.SENT, output_reference=output_reference)
        case Unacceptable(reason):
            return Step(State.FAILED, reason=reason)
        case Unavailable(reason):
            return Step(State.PENDING, now + backoff.delay(attempts, chance), reason)
        case _:
            assert_never(outcome)
