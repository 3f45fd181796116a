"""Progress of a project: the yardstick of each period of twelve months since its first convention began.

The percentages are of the operational target group; the beneficiaries included are a part of it. The two are shown
side by side and never divided by each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.domain.lattice import Period, PeriodKind
from gateway.domain.periods import Interval
from gateway.domain.project import Project

PERCENTAGES = (1, 3, 6, 10)
"""Of the zone's population, in the first to fourth period. Source: D 9, 3°."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """One period of twelve months, and how large the operational target group is to be in it.

    Shape: `percentage` is of the zone's population and `target` that many inhabitants, rounded half up; both None from
    the fifth period on.
    """

    days: Interval
    percentage: int | None
    target: int | None


def anniversary(day: date, years: int) -> date:
    """The same day of the year so many years later; 1 March for a leap day where the year has none.

    >>> anniversary(date(2018, 1, 1), 4), anniversary(date(2020, 2, 29), 1)
    (datetime.date(2022, 1, 1), datetime.date(2021, 3, 1))
    """
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def yardsticks(project: Project) -> list[Yardstick]:
    """The periods of a project, from the first convention's start to the one that holds the present one's last day.

    >>> from gateway.domain.project import Convention
    >>> days = Convention(date(2021, 9, 1), date(2022, 12, 31))
    >>> demo = Project("demo", days, zone={"25112": 35_000, "25014": 12_050}, started_on=date(2018, 1, 1))
    >>> [(one.days.first.year, one.percentage, one.target) for one in yardsticks(demo)]
    [(2018, 1, 471), (2019, 3, 1412), (2020, 6, 2823), (2021, 10, 4705), (2022, None, None)]

    Source: C7, D 9, 3°.
    """
    start = project.started_on or project.convention.effective_from
    population = sum(project.zone.values())
    found: list[Yardstick] = []
    while (first := anniversary(start, len(found))) <= project.convention.last_day:
        percentage = PERCENTAGES[len(found)] if len(found) < len(PERCENTAGES) else None
        last = anniversary(start, len(found) + 1) - timedelta(days=1)
        target = None if percentage is None else (population * percentage + 50) // 100
        found.append(Yardstick(Interval(first, last), percentage, target))
    return found


def latest_within(days: Interval, released: Iterable[Period]) -> Period | None:
    """The quarter or year that begins last within some days: a quarter before a year of the same first day.

    >>> year = Interval(date(2022, 1, 1), date(2022, 12, 31))
    >>> first_quarter = Period(PeriodKind.QUARTER, "2022-Q1")
    >>> str(latest_within(year, [first_quarter, Period(PeriodKind.YEAR, "2022")]))
    '2022-Q1'
    >>> latest_within(Interval(date(2022, 2, 1), date(2023, 1, 31)), [first_quarter]) is None
    True
    """
    begun = [period for period in released if period.first in days]
    return max(begun, key=lambda period: (period.first, period.kind is PeriodKind.QUARTER), default=None)
