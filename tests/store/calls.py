"""A call of every function of the store's classes, with somebody and something that a large register holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.audit import ChainedEntry, Entry, Head
from gateway.domain.batches import LineOutcome, Mode
from gateway.domain.batches import State as BatchState
from gateway.domain.delivery import Answer, Backoff, Member, Message, State, Step
from gateway.domain.rate import Limit
from gateway.store.actions import ActionFilter
from gateway.store.audit import AuditFilter
from gateway.store.batches import Batch, SettledLine, WaitingLine
from gateway.store.extracts import Extract, ExtractState
from gateway.store.idempotency import KEPT_FOR, KeptAnswer, Key
from gateway.store.inclusions import InclusionFilter
from gateway.store.transaction import Transaction
from gateway.store.webhooks import Event, EventState, Webhook
from tests.builders import PROJECT, an_action, an_inclusion
from tests.store.large import (
    BATCH,
    EXTRACT,
    HOOK,
    MESSAGES,
    Large,
    action_of,
    bucket_of,
    inclusion_of,
    project_of,
    pseudonym_of,
)
from tests.store.seeds import a_partner_document, a_project_document, a_pseudocode_document, an_assignment_document

NOW = datetime(2022, 7, 1, tzinfo=UTC)
SOME, NEW = 10, UUID(int=9 << 60)
EARLY = datetime(2022, 1, 2, tzinfo=UTC)
FEW = datetime(2022, 1, 1, 0, 0, 20, tzinfo=UTC)
"""Before it, there are twenty rows of each kind."""
SPAN = (datetime(2022, 3, 1, tzinfo=UTC), datetime(2022, 4, 1, tzinfo=UTC))
PAGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody in a large register, whose number is a multiple of 40, and what is theirs."""

    size: Large
    number: int = 4_000

    @property
    def person(self) -> tuple[int, str, bytes]:
        """Bucket, project and pseudonym."""
        return bucket_of(self.number), project_of(self.number), pseudonym_of(self.number)

    @property
    def other(self) -> tuple[int, str, bytes]:
        """A place where nobody is, in the same project."""
        return 17, project_of(self.number), b"nobody".ljust(32)

    @property
    def bucket(self) -> int:
        """The bucket of the person."""
        return bucket_of(self.number)

    @property
    def place(self) -> tuple[int, UUID]:
        """Bucket and id of the person's first action."""
        return action_of(self.number, self.size)

    @property
    def message(self) -> Message:
        """The person's first message, which waits to be sent."""
        return Message(UUID(int=MESSAGES + self.number), *self.person, 1, "inclusion", UUID(int=self.number), {}, 1)

    @property
    def answer(self) -> Answer:
        """Its answer."""
        return Answer("a", self.message.id, True, None, Member("100", "F", date(1950, 1, 1), "25112"), None)

    @property
    def inclusion(self) -> Any:
        """The person's inclusion."""
        bucket, project, pseudonym = self.person
        return an_inclusion(id=inclusion_of(self.number), bucket=bucket, project=project, pseudonym=pseudonym)

    @property
    def action(self) -> Any:
        """The person's first action."""
        bucket, project, pseudonym = self.person
        return an_action(
            id=self.place[1], bucket=bucket, project=project, pseudonym=pseudonym, inclusion=inclusion_of(self.number)
        )


def _event(it: Sample) -> Event:
    about = it.message
    hook, reference = UUID(int=HOOK), about.reference
    return Event(it.bucket, NEW, hook, PROJECT, about.id, "inclusion", reference, "accepted", None, NOW, NOW, NOW)


def _entry(it: Sample, **changes: Any) -> Entry:
    whole = Entry(NEW, it.bucket, NOW, "provider", "10000004", "1", "register_action", "done", "r", PROJECT)
    return replace(whole, **changes)


def _batch(state: BatchState) -> Batch:
    who = ("provider", "10000004", "1", b"sealed", "text/csv", Mode.PER_ITEM, None, None)
    return Batch(3, NEW, state, *who, 1, NOW, None, {})


def _extract(it: Sample) -> Extract:
    return Extract(
        it.number // 2 % 4096, UUID(int=EXTRACT + 100), ExtractState.RUNNING, "r", "o", "p", {}, NOW, NOW, NOW
    )


def _waiting_chain(tx: Transaction) -> None:
    chain = tx.chains.waiting()[0]
    tx.chains.take(chain)
    entries = tx.chains.next(chain, SOME)
    tx.chains.put(chain, [ChainedEntry(head=Head(7, b"h"), entry=one) for one in entries])


def _staged(tx: Transaction) -> None:
    tx.batches.open(_batch(BatchState.ARRIVING))
    tx.batches.stage((3, NEW), NOW, [WaitingLine(1, b"l")], [SettledLine(2, LineOutcome.REFUSED)])


Call = Callable[[Transaction, Sample], object]
SHARD, SOME_BATCH = 100, UUID(int=BATCH + 100)
SETTLED = SettledLine(1, LineOutcome.ACCEPTED)
KEY = Key(pseudonym_of(5), pseudonym_of(5))
OLD_KEY = Key(b"\x00\x01".ljust(32), b"f" * 32)
LONG = Limit(1.0, 60)
CALLS: Mapping[str, Call] = {
    "catalogue.current": lambda tx, _: tx.catalogue.current(),
    "catalogue.lock": lambda tx, _: tx.catalogue.lock(),
    "catalogue.projects": lambda tx, _: tx.catalogue.projects("", SOME),
    "catalogue.find_project": lambda tx, _: tx.catalogue.find_project(PROJECT),
    "catalogue.add_project": lambda tx, _: tx.catalogue.add_project(a_project_document("demo-est"), NOW),
    "catalogue.replace_project": lambda tx, _: tx.catalogue.replace_project(a_project_document(PROJECT), 1, NOW),
    "catalogue.add_pseudocode": lambda tx, _: tx.catalogue.add_pseudocode(a_pseudocode_document("794100"), NOW),
    "catalogue.has_pseudocode": lambda tx, _: tx.catalogue.has_pseudocode("794010"),
    "catalogue.put_assignment": lambda tx, _: tx.catalogue.put_assignment(an_assignment_document(), NOW),
    "catalogue.put_partner": lambda tx, _: tx.catalogue.put_partner(a_partner_document(), NOW),
    "catalogue.pseudocodes": lambda tx, _: tx.catalogue.pseudocodes(PROJECT, NOW.date(), "", SOME),
    "beneficiaries.lock": lambda tx, it: tx.beneficiaries.lock(*it.person),
    "beneficiaries.lock_or_add": lambda tx, it: tx.beneficiaries.lock_or_add(*it.other),
    "beneficiaries.lock_all": lambda tx, it: tx.beneficiaries.lock_all([it.person, it.other]),
    "beneficiaries.hold": lambda tx, it: tx.beneficiaries.hold([it.person, it.other]),
    "beneficiaries.vacate": lambda tx, it: tx.beneficiaries.vacate(it.other),
    "beneficiaries.clear": lambda tx, _: tx.beneficiaries.clear(SOME),
    "beneficiaries.advance": lambda tx, it: tx.beneficiaries.advance(*it.person, 9),
    "beneficiaries.is_known": lambda tx, it: tx.beneficiaries.is_known(*it.person),
    "beneficiaries.describe": lambda tx, it: tx.beneficiaries.describe([(it.person, it.answer.member)]),  # type: ignore[list-item]  # it has one
    "vault.put": lambda tx, it: tx.vault.put(*it.other, b"sealed"),
    "vault.forget": lambda tx, it: tx.vault.forget(*it.person),
    "vault.holds": lambda tx, it: tx.vault.holds(*it.person),
    "vault.people": lambda tx, it: tx.vault.people(it.person, SOME),
    "vault.get": lambda tx, it: tx.vault.get(*it.person),
    "vault.get_each": lambda tx, it: tx.vault.get_each([it.person]),
    "seals.older": lambda tx, it: tx.seals.older("vault", "sealed_ssin", b"xx", it.person, SOME),
    "seals.put": lambda tx, it: tx.seals.put(tx.seals.older("vault", "sealed_ssin", b"xx", it.person, 1)[0], b"s"),
    "renaming.is_being_sent": lambda tx, it: tx.renaming.is_being_sent(it.person, NOW),
    "renaming.has_unsettled": lambda tx, it: tx.renaming.has_unsettled(it.person),
    "renaming.messages_with_another_number": lambda tx, it: tx.renaming.messages_with_another_number(it.person),
    "renaming.rename": lambda tx, it: tx.renaming.rename(it.person, it.other, b"sealed", {}),
    "renaming.remember": lambda tx, it: tx.renaming.remember(it.person, it.other),
    "renaming.former": lambda tx, it: tx.renaming.former(it.person),
    "inclusions.add": lambda tx, it: tx.inclusions.add(replace(it.inclusion, id=NEW, pseudonym=it.other[2])),
    "inclusions.supersede": lambda tx, it: tx.inclusions.supersede(it.inclusion, NOW, NOW),
    "inclusions.find": lambda tx, it: tx.inclusions.find(it.bucket, it.inclusion.id),
    "inclusions.of_person": lambda tx, it: tx.inclusions.of_person(*it.person),
    "inclusions.list": lambda tx, _: tx.inclusions.list(InclusionFilter(PROJECT), UUID(int=8_000), SOME),
    "inclusions.list, at a day": lambda tx, _: tx.inclusions.list(
        InclusionFilter(PROJECT, "exited", NOW.date(), NOW), None, SOME
    ),
    "inclusions.list, of a rare status": lambda tx, _: tx.inclusions.list(
        InclusionFilter(PROJECT, "rejected"), None, SOME
    ),
    "actions.add": lambda tx, it: tx.actions.add(replace(it.action, id=NEW)),
    "actions.supersede": lambda tx, it: tx.actions.supersede(it.action, NOW, NOW),
    "actions.find": lambda tx, it: tx.actions.find(*it.place),
    "actions.list": lambda tx, it: tx.actions.list(ActionFilter(PROJECT), (date(2022, 6, 1), it.place[1]), SOME),
    "actions.list, a provider's own": lambda tx, _: tx.actions.list(ActionFilter(PROJECT, "10000100"), None, SOME),
    "actions.list, of a rare pseudocode": lambda tx, _: tx.actions.list(
        ActionFilter(PROJECT, None, date(2022, 1, 1), NOW.date(), "799999"), None, SOME
    ),
    "outbox.add": lambda tx, it: tx.outbox.add(replace(it.message, id=NEW, sequence=99), NOW),
    "outbox.due_buckets": lambda tx, _: tx.outbox.due_buckets(NOW, SOME),
    "outbox.claim": lambda tx, it: tx.outbox.claim([it.bucket], NOW, NOW, SOME),
    "outbox.beat": lambda tx, it: tx.outbox.beat([it.message], NOW),
    "outbox.lock": lambda tx, it: tx.outbox.lock([it.message, replace(it.message, id=NEW)]),
    "outbox.put_back": lambda tx, it: tx.outbox.put_back([it.message]),
    "outbox.refer": lambda tx, it: tx.outbox.refer([replace(it.message, input_reference=NEW)]),
    "outbox.take": lambda tx, it: tx.outbox.take(
        [(it.message, Step(State.FAILED)), (it.message, Step(State.SENT))], NOW
    ),
    "outbox.retry": lambda tx, it: tx.outbox.retry(it.bucket, it.message.id, NOW),
    "outbox.resend": lambda tx, it: tx.outbox.resend(it.bucket, it.message.id, NOW),
    "outbox.sealed_as_tried": lambda tx, it: tx.outbox.state_of(it.bucket, it.message.id),
    "outbox.answer": lambda tx, it: tx.outbox.answer([(it.bucket, it.answer)], NOW),
    "outbox.persons": lambda tx, it: tx.outbox.persons([(it.bucket, it.message.id)]),
    "outbox.standings": lambda tx, it: tx.outbox.standings([(it.person, it.message.id)]),
    "outbox.postpone": lambda tx, it: tx.outbox.postpone(it.bucket, it.answer, Backoff(), NOW, 0.5),
    "outbox.contradict": lambda tx, it: tx.outbox.contradict(it.bucket, it.answer, NOW),
    "outbox.backlog": lambda tx, _: tx.outbox.backlog(),
    "outbox.state_of": lambda tx, it: tx.outbox.state_of(it.bucket, it.message.id),
    "webhooks.add": lambda tx, _: tx.webhooks.add(Webhook(NEW, PROJECT, "https://x.example", None, NOW)),
    "webhooks.of_project": lambda tx, _: tx.webhooks.of_project(PROJECT),
    "webhooks.find": lambda tx, _: tx.webhooks.find(UUID(int=HOOK)),
    "webhooks.remove": lambda tx, _: tx.webhooks.remove(UUID(int=HOOK), NOW),
    "webhooks.tell": lambda tx, it: tx.webhooks.tell([_event(it)]),
    "webhooks.due": lambda tx, _: tx.webhooks.due(NOW, [NEW], SOME),
    "webhooks.claim": lambda tx, it: tx.webhooks.claim(it.bucket, UUID(int=HOOK + it.number), NOW, NOW),
    "webhooks.settle": lambda tx, it: tx.webhooks.settle(_event(it), EventState.DELIVERED, NOW, NOW, None),
    "webhooks.purge_events": lambda tx, _: tx.webhooks.purge_events(FEW, SOME),
    "webhooks.purge": lambda tx, _: tx.webhooks.purge(NOW, SOME),
    "webhooks.events": lambda tx, _: tx.webhooks.events(UUID(int=HOOK), UUID(int=HOOK + 4_000), SOME),
    "failures.add": lambda tx, it: tx.failures.add(replace(it.message, attempts=7), "r", NOW),
    "failures.resent": lambda tx, it: tx.failures.resent(it.message, "r", NOW),
    "failures.retried": lambda tx, it: tx.failures.retried(it.bucket, it.message.id, "r", NOW),
    "deliveries.list": lambda tx, _: tx.deliveries.list(PROJECT, list(State), UUID(int=MESSAGES + 40), SOME),
    "moves.find": lambda tx, it: tx.moves.find(it.bucket, UUID(int=it.number)),
    "moves.note": lambda tx, it: tx.moves.note(it.bucket, NEW, 7),
    "moves.facts_of": lambda tx, it: tx.moves.facts_of(it.person),
    "moves.move_fact": lambda tx, it: tx.moves.move_fact(it.inclusion.id, it.person, it.other, NOW),
    "moves.move_messages": lambda tx, it: tx.moves.move_messages([it.message.reference], it.person, it.other, b"s", 1),
    "audit.add": lambda tx, it: tx.audit.add(_entry(it)),
    "audit.unchained": lambda tx, _: tx.audit.unchained(),
    "audit.list": lambda tx, _: tx.audit.list(AuditFilter(since=NOW - PAGE), (NOW - PAGE, NEW), SOME),
    "audit.list, of a person": lambda tx, _: tx.audit.list(AuditFilter(person="7"), None, SOME),
    "audit.list, about something": lambda tx, it: tx.audit.list(AuditFilter(about=it.inclusion.id), None, SOME),
    "audit.about": lambda tx, it: tx.audit.about([it.person], [it.inclusion.id]),
    "audit.of_lists": lambda tx, _: tx.audit.of_lists(PROJECT, ["list_actions"], NOW - PAGE),
    "chains.waiting": lambda tx, _: tx.chains.waiting(),
    "chains.take": lambda tx, _: tx.chains.take(1),
    "chains.next": lambda tx, _: tx.chains.next(1, SOME),
    "chains.put": lambda tx, _: _waiting_chain(tx),
    "chains.heads": lambda tx, _: tx.chains.heads(),
    "chains.walk": lambda tx, _: list(tx.chains.walk(1)),
    "idempotency.claim": lambda tx, _: tx.idempotency.claim(OLD_KEY, NOW),
    "idempotency.is_known": lambda tx, _: tx.idempotency.is_known(KEY.key_hash, NOW),
    "idempotency.keep": lambda tx, _: tx.idempotency.keep(KEY, KeptAnswer(201, {}, b"{}")),
    "idempotency.purge": lambda tx, _: tx.idempotency.purge(FEW + KEPT_FOR, SOME),
    "batches.open": lambda tx, _: tx.batches.open(_batch(BatchState.ARRIVING)),
    "batches.stage": lambda tx, _: _staged(tx),
    "batches.enter": lambda tx, _: tx.batches.enter(_batch(BatchState.QUEUED)),
    "batches.find": lambda tx, _: tx.batches.find(SHARD, SOME_BATCH),
    "batches.due": lambda tx, _: tx.batches.due(NOW),
    "batches.claim": lambda tx, _: tx.batches.claim(SHARD, SOME_BATCH, NOW, NOW),
    "batches.lock": lambda tx, _: tx.batches.lock(SHARD, SOME_BATCH),
    "batches.rest": lambda tx, _: tx.batches.rest(SHARD, SOME_BATCH, NOW),
    "batches.end": lambda tx, _: tx.batches.end(SHARD, SOME_BATCH, BatchState.DONE, NOW),
    "batches.cancel": lambda tx, _: tx.batches.cancel(SHARD, SOME_BATCH, NOW),
    "batches.waiting": lambda tx, _: tx.batches.waiting(SHARD, SOME_BATCH, SOME),
    "batches.settle": lambda tx, _: tx.batches.settle(SHARD, SOME_BATCH, SETTLED),
    "batches.count": lambda tx, _: tx.batches.count(SHARD, SOME_BATCH, Counter({LineOutcome.ACCEPTED: 1})),
    "batches.close_lines": lambda tx, _: tx.batches.close_lines(SHARD, SOME_BATCH, LineOutcome.NOT_DONE, SOME),
    "batches.settled": lambda tx, _: tx.batches.settled(SHARD, SOME_BATCH, SOME),
    "batches.earlier": lambda tx, _: tx.batches.earlier(pseudonym_of(8)),
    "batches.left_behind": lambda tx, _: tx.batches.left_behind(NOW),
    "batches.old": lambda tx, _: tx.batches.old(FEW),
    "batches.arrives": lambda tx, _: tx.batches.arrives(SHARD, SOME_BATCH),
    "batches.last_number": lambda tx, _: tx.batches.last_number(SHARD, SOME_BATCH),
    "batches.forget_lines": lambda tx, _: tx.batches.forget_lines(SHARD, SOME_BATCH, 0, SOME),
    "batches.forget": lambda tx, _: tx.batches.forget(SHARD, SOME_BATCH),
    "extracts.add": lambda tx, it: tx.extracts.add(replace(_extract(it), id=NEW)),
    "extracts.find": lambda tx, it: tx.extracts.find(_extract(it).shard, _extract(it).id),
    "extracts.due": lambda tx, _: tx.extracts.due(NOW),
    "extracts.claim": lambda tx, it: tx.extracts.claim(_extract(it).shard, _extract(it).id, NOW, NOW),
    "extracts.beat": lambda tx, it: tx.extracts.beat(_extract(it), NOW, 0.5),
    "extracts.finish": lambda tx, it: tx.extracts.finish(_extract(it), {}, [], NOW, NOW),
    "extracts.rest": lambda tx, it: tx.extracts.rest(_extract(it), NOW),
    "extracts.put_back": lambda tx, it: tx.extracts.put_back(_extract(it)),
    "extracts.end": lambda tx, it: tx.extracts.end(_extract(it).shard, _extract(it).id, ExtractState.CANCELLED),
    "extracts.remove": lambda tx, it: tx.extracts.remove(_extract(it).shard, _extract(it).id, NOW),
    "extracts.expired": lambda tx, _: tx.extracts.expired(NOW),
    "extracts.purged": lambda tx, it: tx.extracts.purged(_extract(it).shard, _extract(it).id),
    "extracts.purge": lambda tx, _: tx.extracts.purge(EARLY, EARLY, SOME),
    "releases.find": lambda tx, _: tx.releases.find("actions", "month", "2022-02"),
    "releases.list": lambda tx, _: tx.releases.list("actions", "month"),
    "releases.find_each": lambda tx, _: tx.releases.find_each("actions", "month", ["2022-02", "2022-03"]),
    "releases.periods": lambda tx, _: tx.releases.periods("actions", "month"),
    "releases.cells": lambda tx, _: tx.releases.cells("general", {"r": ["month=2022-02"]}),
    "releases.general": lambda tx, _: list(tx.releases.general("r", ["project=%"])),
    "pulses.beat": lambda tx, _: tx.pulses.beat("delivery", NOW),
    "pulses.observe": lambda tx, _: tx.pulses.observe("answered", NOW, [1.0, 2.0]),
    "pulses.latencies": lambda tx, _: tx.pulses.latencies(),
    "pulses.turn": lambda tx, _: tx.pulses.turn("w", "sending", NOW),
    "pulses.leave": lambda tx, _: tx.pulses.leave("w"),
    "pulses.forget": lambda tx, _: tx.pulses.forget(NOW),
    "pulses.workers": lambda tx, _: tx.pulses.workers(NOW),
    "pulses.all": lambda tx, _: tx.pulses.all(),
    "pulses.waiting": lambda tx, _: tx.pulses.waiting(),
    "rates.spend": lambda tx, _: tx.rates.spend(pseudonym_of(5), 1, NOW.timestamp(), LONG),
    "rates.purge": lambda tx, _: tx.rates.purge(5.0),
    "denied_keys.deny": lambda tx, _: tx.denied_keys.deny("k", NOW),
    "denied_keys.lift": lambda tx, _: tx.denied_keys.lift("k"),
    "denied_keys.all": lambda tx, _: tx.denied_keys.all(),
    "sides.asked": lambda tx, _: tx.sides.asked("action", PROJECT, SPAN, (SPAN[0] + PAGE, NEW), SOME),
    "sides.sent": lambda tx, it: tx.sides.sent(it.bucket, it.message.id),
    "figures.inclusions": lambda tx, _: tx.figures.inclusions(PROJECT),
    "figures.messages": lambda tx, _: tx.figures.messages(PROJECT),
    "figures.late_counts": lambda tx, _: tx.figures.late_counts(PROJECT, SPAN, SPAN[0].date()),
    "figures.late": lambda tx, _: tx.figures.late(PROJECT, SPAN, SPAN[0].date(), None, SOME),
    "figures.attempts": lambda tx, _: tx.figures.attempts(PROJECT, NOW - PAGE),
    "figures.refused_lines": lambda tx, _: tx.figures.refused_lines(PROJECT, NOW - PAGE, None, SOME),
    "figures.begun_lines": lambda tx, _: tx.figures.begun_lines(PROJECT, NOW - PAGE),
}
