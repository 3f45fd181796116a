"""A batch: lines handed in together, each with its own outcome; and problems in the form in which they wait.

Stage: pseudonymous.

    arriving ──last line is there──▶ queued ──first line──▶ running ──last line──▶ done
    arriving ──the upload died──▶ nothing                   queued, running ──its caller──▶ cancelling ──▶ cancelled
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.errors import FieldError, Problem

MOST_LINES = 1_000_000
"""Lines of one batch."""
MOST_ATOMIC_LINES = 1_000
"""Lines of one that is done whole or not at all: one transaction, for whose length others wait."""


class Mode(StrEnum):
    """How the lines of a batch hang together: each on its own, or all or none."""

    PER_ITEM = "per_item"
    ATOMIC = "atomic"


class State(StrEnum):
    """Where a batch stands; nobody but who sends it knows of one that is arriving."""

    ARRIVING = "arriving"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class LineOutcome(StrEnum):
    """What became of a line; `not-done` is one of an atomic batch in which another was refused."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    NOT_DONE = "not-done"
    CANCELLED = "cancelled"


def described(problem: Problem) -> dict[str, Any]:
    """A problem as plain JSON values: which it is, and its facts.

    >>> from gateway.domain.errors import PerformedInFuture
    >>> described(PerformedInFuture(date(2022, 2, 14)))
    {'code': 'performed-in-future', 'rule': 'P4', 'facts': {'allowed_until': '2022-02-14'}}
    """
    names: list[str] = [each.name for each in fields(problem)] if is_dataclass(problem) else []
    facts = {name: _plain(getattr(problem, name)) for name in names}
    return {"code": problem.code, "rule": problem.rule, "facts": facts}


def restored(stored: Mapping[str, Any]) -> Problem:
    """The problem that was described.

    >>> restored({"code": "performed-in-future", "rule": "P4", "facts": {"allowed_until": "2022-02-14"}}).allowed_until
    datetime.date(2022, 2, 14)

    Raises: KeyError for one that this release does not know.
    """
    kind = {(found.code, found.rule): found for found in _kinds(Problem)}[stored["code"], stored["rule"]]
    facts = {name: None if value is None else _READ[name](value) for name, value in stored["facts"].items()}
    return kind(**facts)


def _kinds(kind: type[Problem]) -> list[type[Problem]]:
    below = [found for child in kind.__subclasses__() for found in _kinds(child)]
    return [kind, *below] if hasattr(kind, "code") else below


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case FieldError(pointer, code, expected):
            return [pointer, code] if expected is None else [pointer, code, expected]
        case list():
            return [_plain(each) for each in value]
        case _:
            return value


def _as_it_is(value: Any) -> Any:
    return value


_READ: dict[str, Callable[[Any], Any]] = {
    "allowed_from": date.fromisoformat,
    "allowed_until": date.fromisoformat,
    "available_from": date.fromisoformat,
    "existing": UUID,
    "now": datetime.fromisoformat,
    "errors": lambda found: [FieldError(*each) for each in found],
    "nearest": _as_it_is,
    "dimension": _as_it_is,
    "allowed": _as_it_is,
    "nis": _as_it_is,
}
