"""The doors without a token, as rows: what takes no caller and runs no verb is not among the routes."""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import Schema

from gateway.domain import errors
from gateway.http.openapi import answers
from gateway.http.openapi.refusals import ALWAYS, BODY, FORM, JSON, STORE, Kinds
from schemas import sandbox


@dataclass(frozen=True, slots=True)
class Door:
    """One row: an operation outside the frame of routes.

    Shape: an `answer` of None is text of `text_type`; `refused` comes on top of what every request may meet.
    """

    method: str
    path: str
    name: str
    tag: str
    description: str
    answer: type[Schema] | None
    body: type[Schema] | None = None
    refused: Kinds = ()
    text_type: str | None = None
    has_tag: bool = False

    @property
    def problems(self) -> Kinds:
        """The classes of problems that it can answer."""
        return (*ALWAYS, *self.refused, *((*FORM, *JSON, *BODY) if self.body else ()))


OPEN: tuple[Door, ...] = (
    Door("GET", "/live", "is_live", "health", "Whether the gateway runs.", answers.Liveness),
    Door(
        "GET",
        "/ready",
        "is_ready",
        "health",
        "Whether this gateway can take registrations, need by need.",
        answers.Readiness,
        refused=(errors.NotReady,),
    ),
    Door(
        "GET",
        "/metrics",
        "get_metrics",
        "health",
        "Metrics, in the text format of Prometheus.",
        None,
        text_type="text/plain",
    ),
    Door(
        "GET",
        "/problems",
        "list_problems",
        "problems",
        "Every code with its texts and remedy.",
        answers.ProblemPageList,
    ),
    Door(
        "GET",
        "/problems/<problem_code>",
        "get_problem",
        "problems",
        "The page of one code; as HTML for a browser.",
        answers.ProblemPage,
        refused=(errors.NotFound,),
        text_type="text/html",
    ),
    Door("GET", "/v1/rules", "list_rules", "rules", "The rule book as data.", answers.RuleBook),
    Door(
        "GET",
        "/.well-known/jwks.json",
        "get_receipt_keys",
        "receipts",
        "The public keys with which a receipt is verified offline.",
        answers.ReceiptKeys,
    ),
    Door("GET", "/openapi.json", "get_openapi", "description", "This document.", answers.Description, has_tag=True),
)
"""CONTRACT 3, "No token"."""

SANDBOX: tuple[Door, ...] = (
    Door("GET", "/sandbox/clock", "get_clock", "sandbox", "Where the legal clock stands.", sandbox.Clock),
    Door(
        "PUT",
        "/sandbox/clock",
        "move_clock",
        "sandbox",
        "Moves the legal clock forward.",
        sandbox.Clock,
        body=sandbox.ClockRequest,
        refused=(errors.ClockRunsForward,),
    ),
    Door(
        "POST",
        "/sandbox/release",
        "release_period",
        "sandbox",
        "Closes a period and releases its figures.",
        sandbox.ReleaseReceipt,
        body=sandbox.ReleaseRequest,
        refused=(
            *STORE,
            errors.CommitTooLate,
            errors.UnknownProject,
            errors.NotInLattice,
            errors.NotDue,
            errors.AlreadyReleased,
        ),
    ),
)
"""CONTRACT 9: they exist in the sandbox only."""
