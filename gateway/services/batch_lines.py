"""What a line of a batch asks for, as the door's reader finds it.

Stage: identified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from gateway.domain.access import Caller
from gateway.domain.errors import Problem
from gateway.domain.submissions import Beneficiary
from gateway.services.context import Work
from gateway.services.find_actions import ActionView
from gateway.services.find_inclusions import InclusionView

Kind = Literal["inclusion", "exit", "action"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line asks for.

    Shape: `content` is all that it says but its `ref`, in canonical form; `do` is the verb with its submission. Whom it
    is about is `beneficiary`, or who has the `inclusion`.
    """

    kind: Kind
    verb: str
    content: bytes = field(repr=False)
    do: Callable[[Work], InclusionView | ActionView]
    ref: str | None = None
    beneficiary: Beneficiary | None = field(default=None, repr=False)
    inclusion: UUID | None = None


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
