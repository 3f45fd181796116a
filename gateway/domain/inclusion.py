"""An inclusion: a beneficiary's membership of a project, with its validity.

Stage: pseudonymous.

    open ──exit──▶ exited          open, exited ──annulment──▶ annulled
    open, exited ──rejection by MyCareNet──▶ rejected          exited ──annulment of the exit──▶ open
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from gateway.domain.errors import (
    AgreementInFuture,
    AlreadyAnnulled,
    AlreadyExited,
    AlreadyIncluded,
    AlreadyRejected,
    NotExited,
    NotIncluded,
    NotInformed,
    NotInTargetGroup,
    OutsideValidity,
    ValidAfterConventionEnd,
)
from gateway.domain.periods import Interval, day_of, valid_from, valid_until
from gateway.domain.project import Project, check_convention_in_force, check_partner

Status = Literal["open", "exited", "rejected", "annulled"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the beneficiary agreed to, and that they belong to the target group (I1, I7)."""

    agreed_on: date
    informed: bool = True
    in_target_group: bool = True


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of an inclusion; the reason and the day left change no date (V7)."""

    reason: str
    communicated_at: datetime
    left_on: date | None = None


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A beneficiary's inclusion in a project, as known in one version.

    Shape: `communicated_by` is the provider's eight digits, None for the administrative responsible; `evidence` names
    the earlier communication, where the registrar imported one.
    """

    id: UUID
    bucket: int
    project: str
    pseudonym: bytes
    status: Status
    communicated_at: datetime
    communicated_by: str | None
    agreement: Agreement
    municipality: str | None = None
    exit: Exit | None = None
    annulment_reason: str | None = None
    rejection_code: str | None = None
    message_id: UUID | None = None
    evidence: str | None = None
    version: int = 1

    @property
    def valid_from(self) -> date:
        """First valid day, whatever became of it (V1)."""
        return valid_from(day_of(self.communicated_at))

    @property
    def exit_valid_until(self) -> date | None:
        """Last valid day by the exit alone (V2); None while no exit is communicated (V3)."""
        return None if self.exit is None else valid_until(day_of(self.exit.communicated_at))


def validity(inclusion: Inclusion, project: Project) -> Interval | None:
    """The days on which an inclusion is valid: V1 to V4, capped by the convention (V6).

    Shape: None for an annulled or rejected one (V8, I6); may be empty (V4).
    Source: C 9 §1, C 16 §1.
    """
    if inclusion.status in ("annulled", "rejected"):
        return None
    return Interval(inclusion.valid_from, inclusion.exit_valid_until).capped(project.convention.last_day)


def check_agreement(agreement: Agreement, communicated_on: date) -> None:
    """Refuse without an informed agreement of today or earlier, or without the target group.

    Source: I1, I7; C 5 §2, D 1, 11° and 12°.
    Raises: NotInformed, AgreementInFuture, NotInTargetGroup.
    """
    if not agreement.informed:
        raise NotInformed
    if agreement.agreed_on > communicated_on:
        raise AgreementInFuture(communicated_on)
    if not agreement.in_target_group:
        raise NotInTargetGroup


def check_may_include(
    project: Project, agreement: Agreement, communicated_by: str | None, communicated_on: date
) -> None:
    """Refuse an inclusion by its first broken rule: I1, I7, I4, I5, V6.

    Shape: `communicated_by` None stands for the administrative responsible.
    Not: I3, one open inclusion at a time, which the store decides.
    Raises: the rule's refusal.
    """
    check_agreement(agreement, communicated_on)
    if communicated_by is not None:
        check_partner(project, communicated_by, communicated_on)
    check_convention_in_force(project, communicated_on)
    if valid_from(communicated_on) > project.convention.last_day:
        raise ValidAfterConventionEnd(project.convention.last_day.replace(day=1) - date.resolution)


def check_lives(inclusion: Inclusion) -> None:
    """Refuse to change an inclusion that is annulled or rejected.

    Source: V8, I6.
    Raises: AlreadyAnnulled, AlreadyRejected.
    """
    if inclusion.status == "annulled":
        raise AlreadyAnnulled
    if inclusion.status == "rejected":
        raise AlreadyRejected


def exited(inclusion: Inclusion, ending: Exit) -> Inclusion:
    """The inclusion after its exit.

    Source: V2, V4, V7; C 9 §1.
    Raises: AlreadyExited, AlreadyAnnulled, AlreadyRejected.
    """
    check_lives(inclusion)
    if inclusion.exit is not None:
        raise AlreadyExited
    return replace(inclusion, status="exited", exit=ending)


def reopened(inclusion: Inclusion, others: Sequence[Inclusion], project: Project) -> Inclusion:
    """The inclusion as if its exit, entered by mistake, had not been.

    Shape: `others` are the beneficiary's other inclusions in the project.
    Source: V8; I3 and V5, because the reopened one has no end.
    Raises: NotExited, AlreadyAnnulled, AlreadyRejected, AlreadyIncluded.
    """
    check_lives(inclusion)
    if inclusion.exit is None:
        raise NotExited
    open_again = replace(inclusion, status="open", exit=None)
    _check_alone(open_again, others, project)
    return open_again


def corrected(inclusion: Inclusion, agreed_on: date | None, municipality: str | None) -> Inclusion:
    """The inclusion with another day of agreement or municipality; nothing else of it moves.

    Shape: None leaves a fact as it is.
    Source: V8; I1, because the agreement comes before the communication.
    Raises: AlreadyAnnulled, AlreadyRejected, AgreementInFuture.
    """
    check_lives(inclusion)
    agreement = inclusion.agreement if agreed_on is None else replace(inclusion.agreement, agreed_on=agreed_on)
    check_agreement(agreement, day_of(inclusion.communicated_at))
    return replace(inclusion, agreement=agreement, municipality=municipality or inclusion.municipality)


def check_may_move(inclusion: Inclusion, others: Sequence[Inclusion], project: Project) -> None:
    """Refuse to put an inclusion under another person who is included in the same days.

    Shape: `others` are that person's inclusions in the project.
    Source: I3, V5.
    Raises: AlreadyAnnulled, AlreadyRejected, AlreadyIncluded.
    """
    check_lives(inclusion)
    _check_alone(inclusion, others, project)


def _check_alone(inclusion: Inclusion, others: Sequence[Inclusion], project: Project) -> None:
    """Refuse an inclusion beside another one that is open, or is valid on one of its days.

    Source: I3, V5.
    Raises: AlreadyIncluded.
    """
    mine = validity(inclusion, project)
    for other in others:
        theirs = validity(other, project)
        if mine is not None and theirs is not None and (mine.overlaps(theirs) or other.status == "open"):
            raise AlreadyIncluded(other.id)


def annulled(inclusion: Inclusion, reason: str) -> Inclusion:
    """The inclusion, kept but entered by mistake: counted nowhere from now on.

    Source: V8.
    Raises: AlreadyAnnulled, AlreadyRejected.
    """
    check_lives(inclusion)
    return replace(inclusion, status="annulled", annulment_reason=reason)


def rejected(inclusion: Inclusion, code: str) -> Inclusion:
    """The inclusion after MyCareNet refused it: without effect from its start.

    Source: I6.
    Raises: AlreadyAnnulled, AlreadyRejected.
    """
    check_lives(inclusion)
    return replace(inclusion, status="rejected", rejection_code=code)


def inclusion_valid_on(inclusions: Sequence[Inclusion], project: Project, day: date) -> Inclusion:
    """The inclusion that was valid on a day.

    Shape: at most one is, because intervals of one beneficiary in one project never overlap (V5).
    Source: P3; C 5 §3, 9 §1.
    Raises: NotIncluded when none ever takes effect; OutsideValidity naming the nearest interval.
    """
    intervals = [
        (interval, inclusion)
        for inclusion in inclusions
        if (interval := validity(inclusion, project)) is not None and not interval.is_empty
    ]
    for interval, inclusion in intervals:
        if day in interval:
            return inclusion
    if not intervals:
        raise NotIncluded
    closest = min((interval for interval, _ in intervals), key=lambda interval: interval.distance_to(day))
    raise OutsideValidity(closest.first, closest.last)
