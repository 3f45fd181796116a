"""What a verb works with: who asks, one transaction, and the tools behind the veil."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

from gateway.domain.access import Caller
from gateway.domain.action import Action
from gateway.domain.delivery import Message
from gateway.domain.inclusion import Inclusion
from gateway.domain.periods import day_of
from gateway.domain.project import Catalogue
from gateway.domain.rulebook import VERSION
from gateway.pseudonyms.port import Person
from gateway.pseudonyms.veil import Veil
from gateway.services.replica import Replica
from gateway.services.statements import Statements
from gateway.spans import NO_SPANS, Spans
from gateway.store.idempotency import Key
from gateway.store.transaction import Store, Transaction

Found = TypeVar("Found")


class Clock(Protocol):
    """Gives an instant; the machine's in production, one moved by hand in the sandbox."""

    def __call__(self) -> datetime:
        """The instant."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What every verb needs and no request changes.

    Shape: `extracts_dir` is where the files of extracts lie, `batches_kept_for` how long a batch that ended is told of,
    `near_days` how many days of a month its end is near.
    In the sandbox (`is_sandbox`) webhooks may point to this machine. `spans` takes the time of parts, if anybody does.
    `newest_veil` gives the veil under a key ring that may change; without it the one at hand stays. A `replica`
    is asked for what is released before the store is.
    """

    store: Store
    veil: Veil
    real_now: Clock
    extracts_dir: Path = Path("data/extracts")
    batches_kept_for: timedelta = timedelta(days=30)
    is_sandbox: bool = False
    statements: Statements = field(default_factory=Statements)
    near_days: int = 5
    spans: Spans = NO_SPANS
    newest_veil: Callable[[], Veil] | None = None
    replica: Replica | None = None

    def renewed(self) -> Context:
        """The same with the veil as the key ring has it by now: every work begins with it, and keeps it to its end.

        Source: DECISIONS 64.
        """
        veil = self.veil if self.newest_veil is None else self.newest_veil()
        return self if veil is self.veil else replace(self, veil=veil)

    def knowing(self, people: Collection[Person]) -> Context:
        """The same, for one use, with the pseudonyms of people who had to be asked for.

        Raises: PseudonymiserUnavailable.
        """
        pseudonymiser = self.veil.pseudonymiser.ahead(people)
        return replace(self, veil=replace(self.veil, pseudonymiser=pseudonymiser))


class MovedMeanwhile(Exception):
    """Whom a verb found moved to another place before it had locked them: it is undone, and done again."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the verbs see it: who, which verb, under which idempotency key, for real or on trial.

    Shape: `handed_in_at` is the legal instant of the batch that a line came in; None for a request of its own, which
    is communicated when it is done.
    """

    caller: Caller
    verb: str
    request_id: str
    key: Key | None = None
    validate_only: bool = False
    handed_in_at: datetime | None = None


@dataclass(slots=True)
class Work:
    """One verb at work in one transaction; `handed_in_at` as its call has it."""

    caller: Caller
    tx: Transaction
    veil: Veil
    real_now: datetime
    audit_entry: UUID
    bucket: int = 0
    project: str | None = None
    object: UUID | None = field(default=None)
    pseudonym: bytes | None = None
    handed_in_at: datetime | None = None

    def about(
        self, project: str, bucket: int = 0, about: UUID | None = None, *, pseudonym: bytes | None = None
    ) -> None:
        """Say what and whom the audit entry is about, as soon as it is known."""
        self.project, self.bucket, self.object, self.pseudonym = project, bucket, about, pseudonym

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue as this transaction sees it."""
        return self.tx.catalogue.current()

    @property
    def today(self) -> date:
        """The legal day, for questions of access; what is written bears the transaction's stamp."""
        return day_of(self.handed_in_at or self.tx.legal_now())

    def find(self, look: Callable[[int, UUID], Found | None], wanted: UUID) -> Found | None:
        """What has an id: where the id routes to, or where it moved since."""
        bucket, looked_in = self.veil.identifiers.bucket_of(wanted), None
        found = look(bucket, wanted)
        while found is None and (moved_to := self.tx.moves.find(bucket, wanted)) not in (None, looked_in):
            looked_in, found = moved_to, look(moved_to, wanted)
        return found

    def forward(self, kind: str, fact: Inclusion | Action, sequence: int, content: Mapping[str, Any]) -> None:
        """Commit the message that tells MyCareNet of a fact, under the fact's `message_id`."""
        if fact.message_id is None:
            raise AssertionError("a forwarded fact names its message")
        message = Message(
            fact.message_id, fact.bucket, fact.project, fact.pseudonym, sequence, kind, fact.id, _plain(content)
        )
        self.tx.outbox.add(message, self.real_now)

    def receipt(self, kind: str, fact: Inclusion | Action, dates: Mapping[str, Any]) -> str | None:
        """The signed receipt for a fact, with its dates as text; a line of a batch has none, as the batch has one."""
        if self.handed_in_at is not None:
            return None
        return self.sign(kind, fact.id, {"project": fact.project, **dates})

    def sign(self, kind: str, about: UUID, claims: Mapping[str, Any]) -> str:
        """The signed receipt for whatever has an id, with the rule book and the audit entry it was done by."""
        known = {"id": about, "kind": kind, "rules": VERSION, "audit_entry": self.audit_entry}
        return self.veil.receipts.sign(_plain({**known, **claims}))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return value
