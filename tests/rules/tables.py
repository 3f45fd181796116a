"""The tables of the rule book: what a test asserts row by row, and RULES.md prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from gateway.domain.errors import Refusal
from gateway.domain.rulebook import RULES


@dataclass(frozen=True, slots=True)
class Table:
    """Examples of one rule, or of the order of a group of rules.

    Shape: `rule` is an id of the rule book, or a letter for its group; a row's first cell names the case, its other
    cells are what is given and then what follows, in the order of `columns`.
    """

    rule: str
    statement: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def article(self) -> str:
        """Where the rule comes from, in ASCII, as pytest prints ids."""
        source = RULES[self.rule].source if self.rule in RULES else "order of refusals"
        return source.replace(" §", " par. ").replace("°", "")

    def cases(self) -> list[Any]:
        """The rows as parameters whose ids name rule, article and case."""
        return [pytest.param(*row, id=f"{self.rule} ({self.article}) {row[0]}") for row in self.rows]


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal by a rule, with the days that would have been right where there are such."""

    rule: str | None
    code: str
    allowed_from: date | None = None
    allowed_until: date | None = None


ACCEPTED = "accepted"


def answer_to(ask: Callable[[], object]) -> Refused | str:
    """What the rules say to a request: accepted, or refused by the first rule that it breaks."""
    try:
        ask()
    except Refusal as refusal:
        return Refused(
            refusal.rule,
            refusal.code,
            getattr(refusal, "allowed_from", None),
            getattr(refusal, "allowed_until", None),
        )
    return ACCEPTED
