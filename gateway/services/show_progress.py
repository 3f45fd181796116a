"""Show a project's progress: the released number of beneficiaries included, beside each period's yardstick (C7).

Stage: anonymous. Nothing here reads the register.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from gateway.domain.access import Role, check_project
from gateway.domain.lattice import PROJECT, Measure, Period, PeriodKind, cell_dims
from gateway.domain.progress import Yardstick, latest_within, yardsticks
from gateway.services.context import Work
from gateway.store.releases import Release, dims_key


@dataclass(frozen=True, slots=True)
class ProgressPeriod:
    """One period of twelve months with the last released figure that begins in it.

    Shape: `as_of` is the day on which the beneficiaries counted are valid, None while nothing is released; `included`
    and `margin` are None unless it is published.
    """

    yardstick: Yardstick
    status: Literal["published", "protected", "not-released"] = "not-released"
    as_of: date | None = None
    included: int | None = None
    margin: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A project's progress, period by period."""

    project: str
    zone_population: int
    periods: list[ProgressPeriod]


def show_progress(work: Work, project_id: str) -> Progress:
    """The progress of a project.

    Cost: two looks by key per period.
    Source: C7, D 9, 3°.
    Raises: UnknownProject, ForeignProject.
    """
    project = work.catalogue.project(project_id)
    check_project(work.caller, "show_progress", project_id)
    audience = "own" if work.caller.role is Role.COORDINATOR else "general"
    released = {
        Period(PeriodKind(one.kind), one.period): one for one in work.tx.releases.list(Measure.INCLUDED)
    }  # in order of release, so that the latest revision is the one in force
    periods = [_period(work, project_id, audience, one, released) for one in yardsticks(project)]
    return Progress(project_id, sum(project.zone.values()), periods)


def _period(
    work: Work, project_id: str, audience: str, yardstick: Yardstick, released: Mapping[Period, Release]
) -> ProgressPeriod:
    latest = latest_within(yardstick.days, released)
    if latest is None:
        return ProgressPeriod(yardstick)
    key = dims_key(cell_dims(latest, {PROJECT: project_id}))
    release_id = released[latest].id
    found: Any = work.tx.releases.cells(audience, {release_id: [key]}).get((release_id, key))
    if found is None:
        return ProgressPeriod(yardstick, "protected", latest.first)
    return ProgressPeriod(yardstick, "published", latest.first, found.beneficiaries, found.margin_beneficiaries)
