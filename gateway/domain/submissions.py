"""What is handed in about an identified person, before the veil.

Stage: identified. Nothing here is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from gateway.domain.errors import CommunicatedInFuture
from gateway.domain.identity import Ssin
from gateway.domain.inclusion import Agreement
from gateway.domain.periods import day_of


@dataclass(frozen=True, slots=True)
class Import:
    """An earlier communication that the registrar enters when a project goes live.

    Shape: `communicated_at` takes the place of the transaction's stamp where it is known; `evidence` refers to it.
    """

    communicated_at: datetime | None = None
    evidence: str | None = None


def instant_of(imported: Import | None, now: datetime) -> datetime:
    """The instant of a communication: now, or the earlier one that the registrar imports.

    Source: RULES, "Time"; V1.
    Raises: CommunicatedInFuture.
    """
    if imported is None or imported.communicated_at is None:
        return now
    if imported.communicated_at > now:
        raise CommunicatedInFuture(day_of(now))
    return imported.communicated_at


@dataclass(frozen=True, slots=True)
class InclusionSubmission:
    """A beneficiary's inclusion as communicated.

    Shape: `communicated_by` is a NIHII number, where the administrative responsible or the registrar names a provider;
    `imported` is the registrar's alone.
    """

    project: str
    ssin: Ssin
    agreement: Agreement
    municipality: str | None = None
    communicated_by: str | None = None
    imported: Import | None = None


@dataclass(frozen=True, slots=True)
class ActionSubmission:
    """An action as handed in; `performed_by` is a NIHII number, `imported` is the registrar's alone."""

    project: str
    ssin: Ssin
    pseudocode: str
    performed_on: date
    performed_by: str
    occurrence: int = 1
    imported: Import | None = None


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """Whose inclusions in a project are looked up."""

    project: str
    ssin: Ssin


@dataclass(frozen=True, slots=True)
class ExitSubmission:
    """An exit as a line of a batch names it.

    Shape: by `inclusion`, or by `beneficiary`; an `imported` one names its `project` and who communicated it too.
    """

    reason: str
    left_on: date | None = None
    inclusion: UUID | None = None
    beneficiary: Beneficiary | None = None
    project: str | None = None
    communicated_by: str | None = None
    imported: Import | None = None
