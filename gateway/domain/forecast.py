"""Before a close: which cells will probably be visible, judged by what earlier closes published.

Stage: anonymous. Published cells alone are looked at, so a forecast tells nothing that the releases do not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from gateway.domain.disclosure import FEWEST_BENEFICIARIES, sigma
from gateway.domain.lattice import PeriodKind

PERIODS_BACK = 3
"""How many earlier periods of a kind are looked at."""


class Outlook(StrEnum):
    """Whether a cell will be published when its period closes."""

    LIKELY = "likely"
    OPEN = "open"
    UNLIKELY = "unlikely"


def outlook(kind: PeriodKind, dims: Collection[str], history: Sequence[int | None], within: Outlook) -> Outlook:
    """What to expect of a cell of one kind of period.

    Shape: `history` are the published beneficiaries of the latest released periods of that kind, None where protected;
    `within` is the outlook of the same cell over the next shorter period, which the longer one contains.
    Likely: published each time, on average by three sigma above ten, which is half of them above the floor of rule 3;
    or no period of that kind is released yet and the shorter one is likely already. Unlikely: never published.

    >>> outlook(PeriodKind.MONTH, ["project", "pseudocode"], [22, 19, 25], Outlook.OPEN).value
    'likely'
    >>> outlook(PeriodKind.MONTH, ["project", "pseudocode"], [None, None], Outlook.OPEN).value
    'unlikely'
    >>> outlook(PeriodKind.QUARTER, ["project", "pseudocode"], [], Outlook.LIKELY).value
    'likely'

    Source: DISCLOSURE 4, 5.
    """
    if not history:
        return Outlook.LIKELY if within is Outlook.LIKELY else Outlook.OPEN
    seen = [value for value in history if value is not None]
    if not seen:
        return Outlook.UNLIKELY
    is_clear = sum(seen) >= len(seen) * (FEWEST_BENEFICIARIES + 3 * sigma(kind, dims))
    return Outlook.LIKELY if is_clear and len(seen) == len(history) else Outlook.OPEN
