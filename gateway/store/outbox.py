"""The outbox: messages committed with their fact, and how far each got.

Stage: pseudonymous. Times here are real time but for `answered_at`, which is when the answer became known.
Cost: a claim looks at one bucket (SCALE 8); what is pending has an index of its own.
Shape: whoever changes several messages locks them in the order of bucket and id, and their beneficiaries before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Text, and_, bindparam, exists, func, insert, or_, select, text, update

from gateway.domain.delivery import Answer, Backoff, Message, Standing, State, Step
from gateway.store import dialects
from gateway.store.beneficiaries import Person
from gateway.store.prepared import Prepared
from gateway.store.schema import Instant
from gateway.store.tables import beneficiary, outbox
from gateway.store.waits import NEVER, is_due

MESSAGES_OF_A_BUCKET = 16
"""How many messages of a bucket are claimed at once, so that it keeps no other bucket waiting."""
_earlier = outbox.alias("earlier")
_ADD = Prepared(insert(outbox))
_PENDING = text("outbox.state = 'pending'")  # as the index says it, or else SQLite would not use it
_UNANSWERED = text("outbox.state IN ('pending', 'sent')")
_FIRST_OF_ITS_BENEFICIARY = ~exists().where(
    _earlier.c.bucket == outbox.c.bucket,
    _earlier.c.project == outbox.c.project,
    _earlier.c.pseudonym == outbox.c.pseudonym,
    _earlier.c.sequence < outbox.c.sequence,
    text("earlier.state IN ('pending', 'failed')"),
)
_DUE = and_(_PENDING, is_due(outbox), _FIRST_OF_ITS_BENEFICIARY)
_DUE_BUCKETS = Prepared(select(outbox.c.bucket).where(_DUE).order_by(outbox.c.created_at).limit(bindparam("limit")))
_ITS_BENEFICIARY = and_(
    beneficiary.c.bucket == outbox.c.bucket,
    beneficiary.c.project == outbox.c.project,
    beneficiary.c.pseudonym == outbox.c.pseudonym,
)
_CLAIM = Prepared(
    select(outbox, beneficiary.c.insurer)
    .outerjoin(beneficiary, _ITS_BENEFICIARY)
    .where(outbox.c.bucket == bindparam("b_bucket"), _DUE)
    .order_by(outbox.c.created_at)
    .limit(bindparam("limit"))
    .with_for_update(of=outbox, skip_locked=True)
)
_ROW = (outbox.c.bucket == bindparam("b_bucket"), outbox.c.id == bindparam("b_id"))
_LEASE = Prepared(update(outbox).where(*_ROW).values(leased_until=bindparam("until"), attempts=outbox.c.attempts + 1))
_OURS = (*_ROW, outbox.c.state == State.PENDING.value, outbox.c.attempts == bindparam("b_attempts"))
_BEAT = Prepared(
    update(outbox).where(*_OURS, outbox.c.leased_until.is_not(None)).values(leased_until=bindparam("b_until"))
)
_PUT_BACK = Prepared(update(outbox).where(*_OURS).values(leased_until=None, attempts=outbox.c.attempts - 1))
_STEP = Prepared(
    update(outbox)
    .where(*_OURS)
    .values(
        state=bindparam("b_state"),
        next_attempt_at=bindparam("b_next"),
        reason=bindparam("b_reason"),
        output_reference=func.coalesce(bindparam("b_output_reference", type_=Text), outbox.c.output_reference),
        leased_until=None,
    )
)
_RETRY = (
    update(outbox)
    .where(*_ROW, outbox.c.state == State.FAILED.value)
    .values(state=State.PENDING.value, next_attempt_at=bindparam("b_next"), reason=None)
    .returning(outbox)
)
_RESEND = (
    update(outbox)
    .where(
        *_ROW,
        outbox.c.state.in_((State.SENT.value, State.ACCEPTED.value)),
        or_(outbox.c.tried_pseudonym.is_(None), outbox.c.sealed_tried_ssin.is_not(None)),
    )
    .values(state=State.PENDING.value, next_attempt_at=bindparam("b_next"))
    .returning(outbox)
)
_STAND = (
    update(outbox)
    .where(*_ROW, outbox.c.state.in_((State.PENDING.value, State.SENT.value)), outbox.c.answered_at.is_not(None))
    .values(state=State.ACCEPTED.value, reason=None, leased_until=None)
)
_REFER = Prepared(update(outbox).where(*_ROW).values(input_reference=bindparam("b_reference")))
_ANSWER = Prepared(
    update(outbox)
    .where(*_ROW, text("outbox.state IN ('pending', 'sent')"))
    .values(
        state=bindparam("b_state"),
        reason=bindparam("b_reason"),
        answered_at=func.coalesce(outbox.c.answered_at, bindparam("b_at", type_=Instant)),
        leased_until=None,
        sealed_tried_ssin=None,
    )
    .returning(outbox)
)
_SEALED = select(outbox.c.sealed_tried_ssin).where(*_ROW)
_PERSON = Prepared(select(outbox.c.project, outbox.c.pseudonym).where(*_ROW))
_LOCK = Prepared(select(outbox.c.bucket).where(*_ROW).with_for_update())
_STANDING = Prepared(
    select(
        *(outbox.c[name] for name in ("state", "input_reference", "output_reference", "reason", "answered_at")),
    )
    .where(*_ROW, outbox.c.project == bindparam("b_project"), outbox.c.pseudonym == bindparam("b_pseudonym"))
    .with_for_update()
)
_ATTEMPTS = select(outbox.c.attempts).where(*_ROW)
_POSTPONE = (
    update(outbox)
    .where(*_ROW, outbox.c.state == State.SENT.value)
    .values(state=State.PENDING.value, next_attempt_at=bindparam("b_next"), reason=bindparam("b_reason"))
)
_CONTRADICT = (
    update(outbox)
    .where(*_ROW, outbox.c.contradiction.is_(None))
    .values(contradiction=bindparam("b_said"), contradicted_at=bindparam("b_at"))
)


_REFUSED = (
    select(outbox.c.state, func.count())
    .where(text("outbox.state IN ('failed', 'rejected')"))  # as the index says it, or else it would not be used
    .group_by(outbox.c.state)
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: messages not sent, messages not answered, and when the oldest of them was committed.

    Shape: `failed` wait for a person; `rejected` are all that ever were.
    """

    pending: int
    unanswered: int
    oldest_at: datetime | None
    failed: int = 0
    rejected: int = 0


class Outbox:
    """The outbox inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, message: Message, now: datetime) -> None:
        """Commit a message with its fact."""
        _ADD.tell(
            self._connection,
            {
                "bucket": message.bucket,
                "id": message.id,
                "project": message.project,
                "pseudonym": message.pseudonym,
                "sequence": message.sequence,
                "kind": message.kind,
                "reference": message.reference,
                "content": dict(message.content),
                "state": State.PENDING.value,
                "attempts": 0,
                "created_at": now,
                "next_attempt_at": now,
            },
        )

    def due_buckets(self, now: datetime, limit: int, latest: datetime = NEVER) -> list[int]:
        """Buckets with due messages, the oldest message first, each once; an unlocked look.

        Shape: what waits or is leased beyond `latest` is due as well.
        """
        rows = _DUE_BUCKETS.ask(self._connection, {"now": now, "latest": latest, "limit": limit})
        return list(dict.fromkeys(row.bucket for row in rows))

    def claim(
        self, buckets: Sequence[int], now: datetime, until: datetime, limit: int, latest: datetime = NEVER
    ) -> list[Message]:
        """Lease due messages of some buckets until an instant; nobody else gets them before.

        Shape: due as for `due_buckets`; at most one message of each beneficiary, the earliest that is not sent. Its
        `attempts` counts this one too; by it alone a holder whose lease was taken over is told from the one who has
        it now.
        """
        of_each = {"now": now, "latest": latest, "limit": min(limit, MESSAGES_OF_A_BUCKET)}
        found = _CLAIM.ask_each(self._connection, [{"b_bucket": bucket, **of_each} for bucket in buckets])
        rows = [row for each in found for row in each][:limit]
        _LEASE.tell_all(self._connection, [{"b_bucket": row.bucket, "b_id": row.id, "until": until} for row in rows])
        return [replace(_message_of(row), attempts=row.attempts + 1, insurer=row.insurer) for row in rows]

    def beat(self, held: Sequence[Message], until: datetime) -> list[UUID]:
        """Lengthen the leases on claimed messages; those that are no longer the holder's."""
        ordered = sorted(held, key=_place)
        return [one.id for one in ordered if not _BEAT.change(self._connection, {**_held(one), "b_until": until})]

    def lock(self, messages: Iterable[Message]) -> None:
        """Lock claimed messages until the transaction ends; to be called before more than one of them is changed."""
        places = sorted({_place(one) for one in messages})
        if len(places) > 1 and dialects.has_row_locks(self._connection):
            _LOCK.tell_all(self._connection, [{"b_bucket": bucket, "b_id": one} for bucket, one in places])

    def put_back(self, held: Sequence[Message]) -> None:
        """Give the leases on claimed messages back, as if they had not been claimed."""
        _PUT_BACK.tell_all(self._connection, [_held(one) for one in held])

    def refer(self, messages: Sequence[Message]) -> None:
        """Keep the input references of claimed messages, before any of them is sent."""
        references = [{"b_bucket": one.bucket, "b_id": one.id, "b_reference": one.input_reference} for one in messages]
        _REFER.tell_all(self._connection, references)

    def take(self, steps: Sequence[tuple[Message, Step]], now: datetime) -> list[tuple[Message, Step]]:
        """Record what became of claimed messages after an attempt; those of them that failed for good just now.

        Shape: nothing changes where another worker took over.
        """
        going_on = [_step(message, step, now) for message, step in steps if step.state is not State.FAILED]
        _STEP.tell_all(self._connection, going_on)
        ended = [(message, step) for message, step in steps if step.state is State.FAILED]
        return [one for one in ended if _STEP.change(self._connection, _step(*one, now))]

    def retry(self, bucket: int, message_id: UUID, now: datetime) -> Message | None:
        """Let a message that failed go again under its id; None when it did not fail."""
        row = self._connection.execute(_RETRY, {"b_bucket": bucket, "b_id": message_id, "b_next": now}).one_or_none()
        return None if row is None else _message_of(row)

    def resend(self, bucket: int, message_id: UUID, now: datetime) -> Message | None:
        """Let a message that MyCareNet took go again under its id; None when it may not, or has no number any more.

        Shape: when it was accepted, `answered_at` keeps saying so.
        """
        row = self._connection.execute(_RESEND, {"b_bucket": bucket, "b_id": message_id, "b_next": now}).one_or_none()
        return None if row is None else _message_of(row)

    def sealed_as_tried(self, bucket: int, message_id: UUID) -> bytes:
        """The sealed number of a message that was tried under another one than its person has now."""
        return bytes(self._connection.execute(_SEALED, {"b_bucket": bucket, "b_id": message_id}).scalar_one())

    def answer(self, answers: Sequence[tuple[int, Answer]], at: datetime) -> list[Message | None]:
        """Record answers to messages of buckets; of each the message, or None: it is not ours, or was answered before.

        Shape: it is never sent again, so a number of its own that it bore is destroyed.
        """
        answered = [{**_answered(answer), "b_bucket": bucket, "b_at": at} for bucket, answer in answers]
        found = _ANSWER.ask_each(self._connection, answered)
        return [next((_message_of(row) for row in rows), None) for rows in found]

    def persons(self, places: Sequence[tuple[int, UUID]]) -> Mapping[UUID, Person]:
        """Of the messages that are at places: whom each is about; an unlocked look."""
        found = _PERSON.ask_each(self._connection, [{"b_bucket": bucket, "b_id": one} for bucket, one in places])
        return {
            one: (bucket, row.project, bytes(row.pseudonym))
            for (bucket, one), rows in zip(places, found, strict=True)
            for row in rows
        }

    def standings(self, messages: Sequence[tuple[Person, UUID]]) -> list[Standing | None]:
        """What is on record of persons' messages, in their order; they are locked until the transaction ends.

        Shape: None for one that is not that person's.
        """
        asked = [
            {"b_bucket": bucket, "b_id": one, "b_project": project, "b_pseudonym": pseudonym}
            for (bucket, project, pseudonym), one in messages
        ]
        found = _STANDING.ask_each(self._connection, asked)
        return [next((_standing_of(row) for row in rows), None) for rows in found]

    def postpone(self, bucket: int, answer: Answer, backoff: Backoff, now: datetime, chance: float) -> None:
        """Let a sent message wait and be sent again, as its answer asks."""
        row = {"b_bucket": bucket, "b_id": answer.message_id}
        attempts = self._connection.execute(_ATTEMPTS, row).scalar_one()
        later = {"b_next": now + backoff.delay(attempts, chance), "b_reason": answer.code}
        self._connection.execute(_POSTPONE, {**row, **later})

    def contradict(self, bucket: int, answer: Answer, at: datetime) -> None:
        """Keep what an answer says against the first one, for reconciliation; the first such word stands.

        Shape: a message that was accepted, and was sent again, is accepted again.
        """
        said = State.ACCEPTED.value if answer.accepted else answer.code
        row = {"b_bucket": bucket, "b_id": answer.message_id, "b_said": said, "b_at": at}
        self._connection.execute(_CONTRADICT, row)
        self._connection.execute(_STAND, {"b_bucket": bucket, "b_id": answer.message_id})

    def backlog(self) -> Backlog:
        """What waits."""
        row = self._connection.execute(
            select(
                func.count().filter(outbox.c.state == State.PENDING.value).label("pending"),
                func.count().label("unanswered"),
                func.min(outbox.c.created_at).label("oldest_at"),
            ).where(_UNANSWERED)
        ).one()
        refused = {row[0]: row[1] for row in self._connection.execute(_REFUSED)}
        return Backlog(
            row.pending,
            row.unanswered,
            row.oldest_at,
            refused.get(State.FAILED.value, 0),
            refused.get(State.REJECTED.value, 0),
        )

    def state_of(self, bucket: int, message_id: UUID) -> str | None:
        """Where a message stands, or None."""
        query = select(outbox.c.state).where(*_ROW)
        return self._connection.execute(query, {"b_bucket": bucket, "b_id": message_id}).scalar_one_or_none()


def _answered(answer: Answer) -> dict[str, Any]:
    state = State.ACCEPTED if answer.accepted else State.REJECTED
    return {"b_id": answer.message_id, "b_state": state.value, "b_reason": answer.code}


def _standing_of(row: Any) -> Standing:
    state = State(row.state)
    was_accepted = state in (State.PENDING, State.SENT) and row.answered_at is not None
    return Standing(state, row.input_reference, row.output_reference, row.reason, was_accepted)


def _step(message: Message, step: Step, now: datetime) -> dict[str, Any]:
    return {
        **_held(message),
        "b_state": step.state.value,
        "b_next": step.next_attempt_at or now,
        "b_reason": step.reason,
        "b_output_reference": step.output_reference,
    }


def _place(message: Message) -> tuple[int, UUID]:
    return message.bucket, message.id


def _held(message: Message) -> dict[str, Any]:
    return {"b_bucket": message.bucket, "b_id": message.id, "b_attempts": message.attempts}


def _message_of(row: Any) -> Message:
    return Message(
        id=row.id,
        bucket=row.bucket,
        project=row.project,
        pseudonym=row.pseudonym,
        sequence=row.sequence,
        kind=row.kind,
        reference=row.reference,
        content=row.content,
        attempts=row.attempts,
        input_reference=row.input_reference,
        created_at=row.created_at,
        tried_as=row.tried_pseudonym,
    )
