"""When a convention ends early: C3 and C4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

from gateway.domain.periods import add_months
from gateway.domain.project import Convention

By = Literal["inami", "amendment_refused", "project", "proposal_refused"]

MONTHS: Mapping[By, tuple[str, int]] = MappingProxyType(
    {"inami": ("C3", 6), "amendment_refused": ("C3", 6), "project": ("C4", 3), "proposal_refused": ("C4", 3)}
)
"""By whom or why: the rule, and in which month after the written notification the convention ends."""


@dataclass(frozen=True, slots=True)
class Termination:
    """A convention's early end, as notified in writing."""

    by: By
    notified_on: date

    @property
    def rule(self) -> str:
        """C3 or C4."""
        return MONTHS[self.by][0]

    @property
    def ends_on(self) -> date:
        """The first day without convention.

        >>> Termination("inami", date(2022, 1, 15)).ends_on, Termination("project", date(2022, 1, 15)).ends_on
        (datetime.date(2022, 7, 1), datetime.date(2022, 4, 1))

        Source: C 16 §2, §3, §5, §6; D 15.
        """
        return add_months(self.notified_on, MONTHS[self.by][1])

    @property
    def last_day(self) -> date:
        """The last day with it."""
        return self.ends_on - timedelta(days=1)


def terminated(convention: Convention, termination: Termination) -> Convention:
    """The convention with its early end; an earlier planned end stays the earlier one.

    >>> terminated(Convention(date(2021, 9, 1), date(2022, 12, 31)), Termination("project", date(2022, 7, 31))).last_day
    datetime.date(2022, 9, 30)
    """
    return Convention(convention.effective_from, min(convention.last_day, termination.last_day))
