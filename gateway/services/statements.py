"""Where MyCareNet's statements come from, and for how long anybody waits for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from gateway.domain.delivery import StatementLine


class Source(Protocol):
    """Who has the statement of a project's month."""

    def statement(self, project: str, month: str) -> Iterable[StatementLine]:
        """Its lines; at any of them it may turn out that it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class Statements:
    """Where statements come from, how long they may take, and after how long an answer is late.

    Shape: `open` gives a source for one statement; None where there is none to be had. One statement at a time is
    asked for, by `turn`, so that a MyCareNet that hangs holds one thread of a gateway.
    """

    open: Callable[[], Source] | None = None
    late: timedelta = timedelta(hours=72)
    patience: timedelta = timedelta(seconds=20)
    turn: threading.Lock = field(default_factory=threading.Lock)
