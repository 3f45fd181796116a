"""An action: one act performed for a beneficiary, by pseudocode and day.

Stage: pseudonymous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from gateway.domain.errors import AlreadyAnnulled, AlreadyRejected, NotAPerformer, PerformedInFuture
from gateway.domain.inclusion import Inclusion, inclusion_valid_on
from gateway.domain.project import (
    Catalogue,
    Project,
    check_partner,
    check_pseudocode,
    check_registration_open,
    check_within_convention,
)

Status = Literal["recorded", "annulled", "rejected"]


@dataclass(frozen=True, slots=True)
class Action:
    """One act performed for a beneficiary, as known in one version; `performed_by` is the provider's eight digits."""

    id: UUID
    bucket: int
    project: str
    pseudonym: bytes
    inclusion: UUID
    pseudocode: str
    performed_on: date
    performed_by: str
    occurrence: int
    communicated_at: datetime
    status: Status = "recorded"
    annulment_reason: str | None = None
    rejection_code: str | None = None
    message_id: UUID | None = None
    evidence: str | None = None
    version: int = 1


def check_may_record(
    catalogue: Catalogue,
    project: Project,
    pseudocode: str,
    performed_on: date,
    performed_by: str,
    today: date,
    own: str | None = None,
) -> None:
    """Refuse an action by its first broken rule before its beneficiary is looked at: P4, P2, P5.

    Shape: `own` are the eight digits of a provider who registers, None for the administrative responsible.
    Raises: the rule's refusal.
    """
    if performed_on > today:
        raise PerformedInFuture(today)
    check_within_convention(project, performed_on)
    check_pseudocode(catalogue, project, pseudocode, performed_on)
    if own not in (None, performed_by):
        raise NotAPerformer
    check_partner(project, performed_by, performed_on, NotAPerformer)


def inclusion_for(inclusions: Sequence[Inclusion], project: Project, performed_on: date, today: date) -> Inclusion:
    """The inclusion under which an action of a day is registered today: P3, then P9.

    Not: P6, no action twice, which the store decides.
    Raises: NotIncluded, OutsideValidity, RegistrationClosed.
    """
    inclusion = inclusion_valid_on(inclusions, project, performed_on)
    check_registration_open(project, today)
    return inclusion


def check_lives(action: Action) -> None:
    """Refuse to change an action that is annulled or rejected.

    Source: V8, I6.
    Raises: AlreadyAnnulled, AlreadyRejected.
    """
    if action.status == "annulled":
        raise AlreadyAnnulled
    if action.status == "rejected":
        raise AlreadyRejected


def annulled(action: Action, reason: str) -> Action:
    """The action, kept but entered by mistake: counted nowhere from now on.

    Source: V8.
    Raises: AlreadyAnnulled, AlreadyRejected.
    """
    check_lives(action)
    return replace(action, status="annulled", annulment_reason=reason)


def rejected(action: Action, code: str) -> Action:
    """The action after MyCareNet refused it.

    Source: I6.
    Raises: AlreadyAnnulled, AlreadyRejected.
    """
    check_lives(action)
    return replace(action, status="rejected", rejection_code=code)
