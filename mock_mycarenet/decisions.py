"""What the stand-in decides on a message: accepted, unless its scenario or its SSIN says otherwise.

Some SSINs have a fixed answer, so that every no can be tried: born on 31 January 1901, with serial numbers that nobody
has. README, "What is invented", lists them.
"""

from dataclasses import dataclass
from typing import Any, Final

PATIENT: Final = "Bundle.entry[2].resource.identifier[0].value"
FACT: Final = "Bundle.entry[1].resource"
TRIES_PUT_OFF: Final = 2
"""How many sendings of one message are answered `temporarily-unavailable` before it is accepted."""

# Code to FHIR's kind of issue and the path to what is at fault.
ERRORS: Final = {
    "unknown-person": ("not-found", PATIENT),
    "unaffiliated-person": ("business-rule", PATIENT),
    "not-insured": ("business-rule", PATIENT),
    "wrong-insurer": ("business-rule", "Bundle.entry[0].resource.destination[0]"),
    "provider-not-recognised": ("not-found", "Bundle.entry[0].resource.sender"),
    "already-registered": ("duplicate", FACT),
    "already-closed": ("conflict", f"{FACT}.status"),
    "deceased": ("business-rule", PATIENT),
    "temporarily-unavailable": ("transient", "Bundle"),
}
PUT_OFF: Final = "temporarily-unavailable"

FIXED: Final = {
    "01013195187": "unknown-person",
    "01013195286": "unaffiliated-person",
    "01013195385": "not-insured",
    "01013195484": "wrong-insurer",
    "01013195583": "provider-not-recognised",
    "01013195682": "already-registered",
    "01013195781": "already-closed",
    "01013195880": "deceased",
    "01013195979": PUT_OFF,
}
ONLY_FOR: Final = {"already-registered": ("inclusion", "action"), "already-closed": ("exit",)}
"""Kinds of message to which an answer is given, where it makes no sense for the others; those are accepted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The business outcome of one message; `code` says why a rejected one was rejected."""

    outcome: str
    code: str | None = None


ACCEPTED: Final = Decision("accepted")


def decide(ssin: str, kind: str, tries: int) -> Decision:
    """The decision on a message that was put off so many times before; a fixed function of these.

    >>> decide("85073003328", "exit", 0).outcome, decide("01013195781", "exit", 0).code
    ('accepted', 'already-closed')
    >>> [decide("01013195979", "action", tries).outcome for tries in (0, 1, 2)]
    ['rejected', 'rejected', 'accepted']
    """
    code = FIXED.get(ssin)
    if code is None or kind not in ONLY_FOR.get(code, (kind,)) or (code == PUT_OFF and tries >= TRIES_PUT_OFF):
        return ACCEPTED
    return Decision("rejected", code)


def error_of(code: str) -> dict[str, Any]:
    """A code as the OperationOutcome of a rejection."""
    return operation_outcome(code, *ERRORS[code])


def operation_outcome(code: str, kind: str, expression: str) -> dict[str, Any]:
    """One code, and one path to what it is about."""
    details = {"coding": [{"system": "urn:chroniccare:answer-code", "code": code}]}
    issue = {"severity": "error", "code": kind, "details": details, "expression": [expression]}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
