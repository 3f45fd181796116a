"""The one table from what was refused to an HTTP status.

Shape: the nearest class of an error's ancestry decides; a test shows that every leaf of the tree has one.
"""

from __future__ import annotations

from gateway.domain import errors

STATUSES: dict[type[errors.Problem], int] = {
    errors.Unauthenticated: 401,
    errors.Malformed: 400,
    errors.MalformedHttp: 400,
    errors.BodyTooSlow: 408,
    errors.LengthRequired: 411,
    errors.BodyTooLarge: 413,
    errors.TooManyLines: 413,
    errors.TooManyRequests: 429,
    errors.UnsupportedMediaType: 415,
    errors.MethodNotAllowed: 405,
    errors.UntrustedHost: 400,
    errors.PreconditionRequired: 428,
    errors.PreconditionFailed: 412,
    errors.NotFound: 404,
    errors.RangeNotSatisfiable: 416,
    errors.Refusal: 422,
    errors.RoleNotAllowed: 403,
    errors.ForeignProject: 403,
    errors.NotAPartner: 403,
    errors.UnknownProject: 404,
    errors.AlreadyIncluded: 409,
    errors.AlreadyExited: 409,
    errors.AlreadyAnnulled: 409,
    errors.AlreadyRejected: 409,
    errors.NotExited: 409,
    errors.DuplicateAction: 409,
    errors.AlreadyExists: 409,
    errors.TooManyProjects: 409,
    errors.ZoneTaken: 409,
    errors.TooManyWebhooks: 409,
    errors.NotReleased: 404,
    errors.AlreadyReleased: 409,
    errors.AlreadyRevised: 409,
    errors.ExtractNotDone: 409,
    errors.ClockRunsForward: 409,
    errors.IdempotencyKeyReused: 422,
    errors.IdempotencyKeyInFlight: 409,
    errors.Unavailable: 503,
    errors.IssuerUnavailable: 503,
}
RETRY_AFTER_SECONDS: dict[type[errors.Problem], int] = {
    errors.StatementUnavailable: 60,
    errors.Overloaded: 1,
    errors.TooManyRequests: 1,
    errors.Unavailable: 5,
    errors.IdempotencyKeyInFlight: 1,
}


def status_of(kind: type[errors.Problem]) -> int:
    """The HTTP status of an error class."""
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


def retry_after(kind: type[errors.Problem]) -> int | None:
    """After how many seconds to ask again, or None when asking again changes nothing."""
    return next((RETRY_AFTER_SECONDS[ancestor] for ancestor in kind.__mro__ if ancestor in RETRY_AFTER_SECONDS), None)
