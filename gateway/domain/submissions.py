"""What is handed in about an identified person, before the veil.

Stage: identified. Nothing here is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.domain.identity import Ssin
from gateway.domain.inclusion import Agreement


@dataclass(frozen=True, slots=True)
class InclusionSubmission:
    """A beneficiary's inclusion as communicated.

    Shape: `communicated_by` is a NIHII number, only where the administrative responsible names a provider.
    """

    project: str
    ssin: Ssin
    agreement: Agreement
    municipality: str | None = None
    communicated_by: str | None = None


@dataclass(frozen=True, slots=True)
class ActionSubmission:
    """An action as handed in; `performed_by` is a NIHII number."""

    project: str
    ssin: Ssin
    pseudocode: str
    performed_on: date
    performed_by: str
    occurrence: int = 1


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """Whose inclusions in a project are looked up."""

    project: str
    ssin: Ssin
