"""Why a date is what it is: ordered steps, each a rule with its inputs and its result.

The dates come from the functions that decide in the register; nothing is computed a second way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from gateway.domain.inclusion import (
    Agreement,
    Exit,
    Inclusion,
    check_may_include,
    exited,
    inclusion_valid_on,
    validity,
)
from gateway.domain.periods import Interval, day_of, valid_until
from gateway.domain.project import Convention, Project, check_within_convention
from gateway.domain.rulebook import RULES
from gateway.domain.termination import Termination, terminated

Value = date | str | bool | None
_NOBODY = UUID(int=0)
_EVER = Convention(date(1900, 1, 1), date(2199, 12, 31))


@dataclass(frozen=True, slots=True)
class Step:
    """One rule applied: what went in, what came out. `told_as` names its text where the rule has more than one."""

    rule: str
    inputs: Mapping[str, Value]
    result: Value
    told_as: str | None = None

    @property
    def source(self) -> str:
        """The article of the rule."""
        return RULES[self.rule].source


def explain_inclusion(inclusion: Inclusion, project: Project) -> list[Step]:
    """The steps that give every date an inclusion bears.

    Source: V1 to V4, V6 to V8, I6.
    """
    steps = _dates(inclusion, project)
    ending = inclusion.exit
    if ending is not None:
        steps.append(Step("V7", {"reason": ending.reason, "left_on": ending.left_on}, None))
    if inclusion.status == "annulled":
        steps.append(Step("V8", {"reason": inclusion.annulment_reason}, "annulled"))
    if inclusion.status == "rejected":
        steps.append(Step("I6", {"code": inclusion.rejection_code}, "rejected"))
    return steps


def _dates(inclusion: Inclusion, project: Project) -> list[Step]:
    """V1, then V3 or V2 (with V4 when nothing is left), then the convention's cap V6 while anything counts."""
    at = inclusion.communicated_at
    steps = [Step("V1", {"communicated_at": at, "communicated_on": day_of(at)}, inclusion.valid_from)]
    last = inclusion.exit_valid_until
    steps.append(Step("V3", {}, None) if inclusion.exit is None else _v2(inclusion.exit.communicated_at))
    if Interval(inclusion.valid_from, last).is_empty:
        steps.append(Step("V4", {"valid_from": inclusion.valid_from, "valid_until": last}, None))
    capped = validity(inclusion, project)
    return steps if capped is None else [*steps, _v6(last, project.convention)]


def _v2(at: datetime) -> Step:
    return Step("V2", {"communicated_at": at, "communicated_on": day_of(at)}, valid_until(day_of(at)))


def _v6(last: date | None, convention: Convention) -> Step:
    capped = Interval(convention.effective_from, last).capped(convention.last_day).last
    return Step("V6", {"valid_until": last, "last_day": convention.last_day}, capped)


@dataclass(frozen=True, slots=True)
class Supposition:
    """What a caller supposes: any part may be missing; without a convention none limits anything."""

    included_at: datetime | None = None
    exited_at: datetime | None = None
    performed_on: date | None = None
    convention: Convention | None = None
    termination: Termination | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """The dates that a supposition gives, and the steps to them."""

    steps: list[Step] = field(default_factory=list)
    valid_from: date | None = None
    valid_until: date | None = None
    ends_on: date | None = None
    last_day: date | None = None


def simulate(supposed: Supposition) -> Simulation:
    """What the register would say of an inclusion, exit, action or termination.

    Not: agreement, partnership and pseudocodes, which are supposed to be right; nor whether a day is in the future.
    Source: V1 to V6, P3, P4, C3, C4.
    Raises: the refusal that the register would give: I5, V6, P4, P3.
    """
    convention, termination = supposed.convention or _EVER, supposed.termination
    steps: list[Step] = []
    if termination is not None:
        steps += _ended(convention, termination)
        convention = terminated(convention, termination)
    project = Project("supposed", convention)
    inclusion = _included(project, supposed)
    if inclusion is not None:
        steps += _dates(inclusion, project)
    elif supposed.exited_at is not None:
        steps += [_v2(supposed.exited_at), _v6(valid_until(day_of(supposed.exited_at)), convention)]
    steps += _performed(project, inclusion, supposed.performed_on)
    is_limited = convention != _EVER
    return Simulation(
        steps=[step for step in steps if is_limited or step.rule not in ("V6", "P4")],
        valid_from=None if inclusion is None else inclusion.valid_from,
        valid_until=_shown_end(steps, supposed.exited_at),
        ends_on=None if termination is None else convention.last_day + timedelta(days=1),
        last_day=convention.last_day if is_limited else None,
    )


def _ended(convention: Convention, termination: Termination) -> list[Step]:
    """When a termination takes effect, and that an earlier planned end stays."""
    notified: dict[str, Value] = {"by": termination.by, "notified_on": termination.notified_on}
    steps = [Step(termination.rule, notified, termination.ends_on)]
    if convention.last_day >= termination.last_day:
        return steps
    planned: dict[str, Value] = {"ends_on": termination.ends_on, "last_day": convention.last_day}
    return [*steps, Step(termination.rule, planned, convention.last_day + timedelta(days=1), "planned-end")]


def _shown_end(steps: list[Step], exited_at: datetime | None) -> date | None:
    """The last valid day as an answer shows it: null while no exit is communicated (V3)."""
    ends = [step.result for step in steps if step.rule == "V6" and isinstance(step.result, date)]
    return ends[0] if exited_at is not None and ends else None


def _included(project: Project, supposed: Supposition) -> Inclusion | None:
    """The supposed inclusion, decided as the register decides one."""
    if supposed.included_at is None:
        return None
    communicated_on = day_of(supposed.included_at)
    agreement = Agreement(communicated_on)
    check_may_include(project, agreement, None, communicated_on)
    inclusion = Inclusion(
        id=_NOBODY,
        bucket=0,
        project=project.id,
        pseudonym=b"",
        status="open",
        communicated_at=supposed.included_at,
        communicated_by=None,
        agreement=agreement,
    )
    return inclusion if supposed.exited_at is None else exited(inclusion, Exit("other", supposed.exited_at))


def _performed(project: Project, inclusion: Inclusion | None, day: date | None) -> list[Step]:
    """The steps that let an action of a day be registered.

    Raises: OutsideConvention (P4), NotIncluded, OutsideValidity (P3).
    """
    if day is None:
        return []
    check_within_convention(project, day)
    convention = project.convention
    limits: dict[str, Value] = {"effective_from": convention.effective_from, "last_day": convention.last_day}
    steps = [Step("P4", {"performed_on": day, **limits}, True)]
    if inclusion is None:
        return steps
    inclusion_valid_on([inclusion], project, day)
    valid = validity(inclusion, project)
    days: dict[str, Value] = {"valid_from": inclusion.valid_from, "valid_until": valid.last if valid else None}
    return [*steps, Step("P3", {"performed_on": day, **days}, True)]
