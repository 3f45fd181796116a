"""Fetch what MyCareNet answered, record it, and then confirm it.

Stage: pseudonymous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import SystemRandom
from typing import Protocol
from uuid import UUID

import structlog

from gateway.domain import action as actions
from gateway.domain import inclusion as inclusions
from gateway.domain.delivery import Answer, Backoff, Bearing, Member, Message, Standing, bearing_of
from gateway.services.announce_delivery import announce_delivery
from gateway.services.context import Context
from gateway.store.beneficiaries import Person
from gateway.store.transaction import Transaction

log = structlog.get_logger("chroniccare.answers")
ODD = (Bearing.FOREIGN, Bearing.CONTRADICTION)
DEFAULT_BACKOFF = Backoff()
_chance = SystemRandom().random

Persons = Mapping[UUID, Person | None]
"""Of known messages by their ids: whom each is about; None for one that moves while it is looked for."""


class Mailbox(Protocol):
    """Where answers wait until they are confirmed."""

    def fetch(self) -> list[Answer]:
        """The answers that wait."""
        ...

    def confirm(self, answer_ids: list[str]) -> None:
        """Confirm recorded answers."""
        ...


def collect_answers(context: Context, mailbox: Mailbox, backoff: Backoff = DEFAULT_BACKOFF) -> int:
    """Fetch, record and confirm one page of answers; how many came.

    Shape: an answer that came before, that is to nothing we sent, or that contradicts the first one, changes no fact
    and is confirmed.
    Raises: whatever the mailbox raises when it cannot be read.
    """
    answers = mailbox.fetch()
    if answers:
        with context.store.transaction() as tx:
            recording = Recording(tx, context, backoff)
            found = recording.record(answers)
            recording.count()
        odd = {name.value: count for name, count in found.items() if name in ODD}
        if odd:
            log.warning("odd_answers", **odd)
        mailbox.confirm([answer.answer_id for answer in answers if answer.answer_id not in recording.left])
    return len(answers)


class Recording:
    """Answers on their way into the register, in one transaction.

    Shape: `left` are those whose message moved while it was looked for: they stay in the mailbox, and come again.
    """

    def __init__(self, tx: Transaction, context: Context, backoff: Backoff) -> None:
        self._tx = tx
        self._context = context
        self._now = context.real_now()
        self._bucket_of = context.veil.identifiers.bucket_of
        self._backoff = backoff
        self._waited: list[float] = []
        self._told: list[tuple[Person, Member]] = []
        self.left: set[str] = set()

    def record(self, answers: Sequence[Answer]) -> Counter[Bearing | None]:
        """Record answers; how many there were of each bearing, and without one of those that are left.

        Shape: their beneficiaries are locked first and then the messages, in the order that everybody keeps; those to
        one message are taken in the order in which they came.
        """
        persons = self._persons({one.message_id for one in answers})
        self._tx.beneficiaries.lock_all(person for person in persons.values() if person is not None)
        found = Counter[Bearing | None]()
        for wave in _waves(sorted(answers, key=lambda one: _place(persons, one.message_id))):
            found.update(self._record(persons, wave))
        self._tx.beneficiaries.describe(self._told)
        return found

    def count(self) -> None:
        """Count the decisions by how long each took from its message's commit, in rows that are locked last."""
        self._tx.pulses.observe("answered", self._now, self._waited)

    def _persons(self, message_ids: Iterable[UUID]) -> Persons:
        """Of the messages that are ours: whom each is about, where its id routes to or where it moved since."""
        places = {one: self._bucket_of(one) for one in message_ids}
        found: dict[UUID, Person | None] = dict(self._tx.outbox.persons([(at, one) for one, at in places.items()]))
        for one in places.keys() - found.keys():
            moved_to = self._tx.moves.find(places[one], one)
            if moved_to is not None:
                found[one] = self._tx.outbox.persons([(moved_to, one)]).get(one)
        return found

    def _record(self, persons: Persons, answers: Sequence[Answer]) -> list[Bearing | None]:
        """Record answers of which no two are to one message; how each bears on it, and None for those that are left."""
        ours = [(person, one.message_id) for one in answers if (person := persons.get(one.message_id)) is not None]
        buckets = {message_id: person[0] for person, message_id in ours}
        standings = dict(zip(buckets, self._tx.outbox.standings(ours), strict=True))
        borne = [(one, self._bearing(one, persons, standings.get(one.message_id))) for one in answers]
        for one, bearing in borne:
            if bearing is Bearing.POSTPONEMENT:
                self._tx.outbox.postpone(buckets[one.message_id], one, self._backoff, self._now, _chance())
            elif bearing is Bearing.CONTRADICTION:
                self._tx.outbox.contradict(buckets[one.message_id], one, self._tx.legal_now())
        news = [one for one, bearing in borne if bearing is Bearing.NEWS]
        answered = self._tx.outbox.answer([(buckets[one.message_id], one) for one in news], self._tx.legal_now())
        for one, message in zip(news, answered, strict=True):
            standing = standings[one.message_id]
            if message is None or standing is None:
                raise AssertionError("a message that is locked stays as it was found")
            self._decide(message, one, is_first=not standing.was_accepted)
        return [bearing for _, bearing in borne]

    def _bearing(self, answer: Answer, persons: Persons, standing: Standing | None) -> Bearing | None:
        if standing is None and answer.message_id in persons:
            self.left.add(answer.answer_id)
            return None
        return bearing_of(answer, standing)

    def _decide(self, message: Message, answer: Answer, *, is_first: bool) -> None:
        if is_first and message.created_at is not None:
            self._waited.append((self._now - message.created_at).total_seconds())
        if answer.accepted and answer.member is not None and message.sealed_for == message.pseudonym:
            self._told.append((message.person, answer.member))
        if not answer.accepted:
            _reject(self._tx, message, answer.code or "unknown")
        announce_delivery(self._tx, self._context, message, answer.state, answer.code)


def _waves(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Answers in their order, so divided that no two of a part are to one message."""
    waves, seen = list[list[Answer]](), Counter[UUID]()
    for one in answers:
        if seen[one.message_id] == len(waves):
            waves.append([])
        waves[seen[one.message_id]].append(one)
        seen[one.message_id] += 1
    return waves


def _place(persons: Persons, message_id: UUID) -> tuple[int, UUID]:
    person = persons.get(message_id)
    return (-1 if person is None else person[0]), message_id


def _reject(tx: Transaction, message: Message, code: str) -> None:
    """Take a rejected inclusion or action of a locked beneficiary out of all counts, from its start.

    Source: I6, D 14 §1, 9°.
    """
    if message.kind not in ("inclusion", "action"):
        return
    at = tx.stamp()
    if message.kind == "inclusion":
        included = tx.inclusions.find(message.bucket, message.reference)
        if included is not None and included.inclusion.status in ("open", "exited"):
            gone = inclusions.rejected(included.inclusion, code)
            tx.inclusions.supersede(replace(gone, message_id=message.id), at)
    else:
        recorded = tx.actions.find(message.bucket, message.reference)
        if recorded is not None and recorded.action.status == "recorded":
            tx.actions.supersede(replace(actions.rejected(recorded.action, code), message_id=message.id), at)
