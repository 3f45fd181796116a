"""Show a project's forecast: which cells of its pseudocodes the next closes will probably publish.

Stage: anonymous. Nothing here reads the register.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.access import Role, check_project
from gateway.domain.forecast import PERIODS_BACK, Outlook, outlook
from gateway.domain.lattice import PROJECT, PSEUDOCODE, Measure, Period, PeriodKind, cell_dims
from gateway.services.context import Work
from gateway.store.releases import Release, Releases, dims_key

KINDS = (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR)


@dataclass(frozen=True, slots=True)
class Expected:
    """What to expect of one pseudocode, or of all of them when it is None."""

    pseudocode: str | None
    outlooks: dict[PeriodKind, Outlook]


def show_forecast(work: Work, project_id: str) -> list[Expected]:
    """The forecast of a project: all pseudocodes first, then each that it has.

    Cost: three looks by key per pseudocode and kind of period.
    Source: DISCLOSURE 4.
    Raises: UnknownProject, ForeignProject.
    """
    project = work.catalogue.project(project_id)
    check_project(work.caller, "show_forecast", project_id)
    audience = "own" if work.caller.role is Role.COORDINATOR else "general"
    with work.tx.as_reader() as reader:
        latest = {kind: _latest(reader, kind) for kind in KINDS}
        return [
            Expected(code, _outlooks(reader, project_id, code, audience, latest))
            for code in (None, *sorted(project.assignments))
        ]


def _latest(reader: Releases, kind: PeriodKind) -> list[Release]:
    """The releases in force of the latest periods of a kind."""
    in_force = {one.period: one for one in reader.list(Measure.ACTIONS, kind)}
    return [in_force[period] for period in sorted(in_force)[-PERIODS_BACK:]]


def _outlooks(
    reader: Releases, project: str, code: str | None, audience: str, latest: dict[PeriodKind, list[Release]]
) -> dict[PeriodKind, Outlook]:
    named = {PROJECT: project} if code is None else {PROJECT: project, PSEUDOCODE: code}
    found, within = dict[PeriodKind, Outlook](), Outlook.OPEN
    for kind in KINDS:
        within = outlook(kind, named, _history(reader, named, audience, latest[kind]), within)
        found[kind] = within
    return found


def _history(reader: Releases, named: dict[str, str], audience: str, releases: Sequence[Release]) -> list[int | None]:
    keys = {one.id: dims_key(cell_dims(Period(PeriodKind(one.kind), one.period), named)) for one in releases}
    published = reader.cells(audience, {release_id: [key] for release_id, key in keys.items()})
    rows = [published.get(key) for key in keys.items()]
    return [None if row is None else row.beneficiaries for row in rows]
