"""What a campaign's clients saw, what was broken when, and what was left: the facts that the checker judges.

Units: instants in seconds of one clock that nobody moves, the rig's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

EVERY_GATEWAY = -1


class Attempt(NamedTuple):
    """One sending of a request; without a whole answer, `status` is None. `content` is a digest of the answer."""

    gateway: int
    sent_at: float
    ended_at: float
    status: int | None = None
    content: bytes = b""
    code: str | None = None


def is_good(attempt: Attempt) -> bool:
    """Whether an attempt was answered with a whole 2xx."""
    return attempt.status is not None and 200 <= attempt.status < 300


@dataclass(frozen=True, slots=True)
class Request:
    """One request under one key, with every attempt at it; the last one's answer was not sent again.

    Shape: `noun` is `inclusion`, `exit` or `action`; `person` is whom the clients mean by it. `facts` are what was
    asked for, as the register's columns name it. `expected` are the statuses with which it may end. `id` and `shown`
    are of a 2xx. `due_at` is when the load wanted it sent.
    """

    key: str
    noun: str
    person: str
    facts: Mapping[str, str]
    attempts: tuple[Attempt, ...]
    due_at: float = 0.0
    id: str | None = None
    shown: Mapping[str, str] | None = None
    expected: tuple[int, ...] = (201,)

    @property
    def status(self) -> int | None:
        """With which status it ended, or None when nobody knows."""
        return self.attempts[-1].status if self.attempts else None

    @property
    def is_acknowledged(self) -> bool:
        """Whether a whole 2xx came."""
        return any(is_good(one) for one in self.attempts)

    @property
    def is_unknown(self) -> bool:
        """Whether it may or may not have had its effect."""
        return not self.is_acknowledged and not (self.status is not None and 400 <= self.status < 500)


@dataclass(frozen=True, slots=True)
class Window:
    """A fault: from when it was done until it was lifted, and whose clients may notice it.

    Shape: `gateways` are those whose clients may see a 5xx or no answer; `upstream` says that messages may wait.
    `clock` says that tokens may be found too old or too young. `failover` says that another node has to take over;
    `silent` is from when until when nothing can be on two nodes, so that nothing may be acknowledged.
    """

    kind: str
    began_at: float
    lifted_at: float
    gateways: tuple[int, ...] = ()
    upstream: bool = False
    clock: bool = False
    failover: bool = False
    silent: tuple[float, float] | None = None

    def hits(self, gateway: int) -> bool:
        """Whether the clients of a gateway may notice."""
        return EVERY_GATEWAY in self.gateways or gateway in self.gateways


class History(NamedTuple):
    """Everything the clients know; `reads` are of what was acknowledged before, under the key of the first request."""

    requests: tuple[Request, ...]
    windows: tuple[Window, ...] = ()
    reads: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A fact of the register as it stands; `facts` as text by column."""

    noun: str
    id: str
    project: str
    pseudonym: str
    status: str
    message_id: str | None
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the outbox."""

    id: str
    kind: str
    reference: str
    beneficiary: tuple[str, str]
    sequence: int
    state: str
    leased: bool = False


class Receipt(NamedTuple):
    """A line of MyCareNet's ledger, in order of receipt."""

    message_id: str
    received_at: float


class Audited(NamedTuple):
    """An audit entry of something done."""

    verb: str
    object: str | None


class Figure(NamedTuple):
    """A published figure of actions, of a project and a month, with the largest difference that its noise explains."""

    project: str
    month: str
    beneficiaries: int
    actions: int
    reach_beneficiaries: int
    reach_actions: int


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left when everything is healed and has come to rest."""

    rows: tuple[Row, ...] = ()
    outbox: tuple[Sent, ...] = ()
    ledger: tuple[Receipt, ...] = ()
    audit: tuple[Audited, ...] = ()
    figures: tuple[Figure, ...] = ()
    leaks: tuple[str, ...] = ()
    cap: int = 1


class Violation(NamedTuple):
    """A promise that was broken: the clause, and what shows it."""

    clause: str
    shown_by: str


def text(value: Any) -> str:
    """A value as the checker compares it."""
    return "" if value is None else str(value)
