"""The root of the tree, and what is wrong with a request before any rule looks at it, or with us."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


class Problem(Exception):
    """What keeps a request from being done; the root of the tree."""

    code: ClassVar[str]
    rule: ClassVar[str | None] = None
    source: ClassVar[str | None] = None

    def __str__(self) -> str:
        """The stable code: never a value that a client sent."""
        return self.code


class Unauthenticated(Problem):
    """Nobody is known to be asking."""


class NoToken(Unauthenticated):
    """The request bears no token; send `Authorization: Bearer <JWT>`."""

    code = "no-token"


class InvalidToken(Unauthenticated):
    """The token is not one that this gateway accepts; ask the issuer for a new one."""

    code = "invalid-token"

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self.reason = reason


class ExpiredToken(Unauthenticated):
    """The token's life is over; ask the issuer for a new one."""

    code = "token-expired"
    reason = "expired"


class Malformed(Problem):
    """The request is ill-formed."""


class MalformedJson(Malformed):
    """The body is not one JSON document in UTF-8; correct it and send it again."""

    code = "malformed-json"


class MalformedCsv(Malformed):
    """The body, or a row of it, is no CSV table in UTF-8 under one header row; correct it and send it again."""

    code = "malformed-csv"


class LineTooLong(Malformed):
    """A line of a batch is longer than 64 KiB; it is no line of this contract, or its line feed is missing."""

    code = "line-too-long"


class DuplicateMember(Malformed):
    """An object of the body names one member twice; keep one of the two."""

    code = "duplicate-member"


class TooDeep(Malformed):
    """The body nests deeper than sixteen levels; flatten it."""

    code = "too-deep"


class BodyIncomplete(Malformed):
    """Fewer bytes came than `Content-Length` announced; send the whole body again."""

    code = "body-incomplete"


class BodyTooSlow(Malformed):
    """The body came so slowly that the gateway stopped waiting; send it again over a better line."""

    code = "body-too-slow"


class DigestMismatch(Malformed):
    """The body is not the one that `Content-Digest` describes; send it again (RFC 9530)."""

    code = "digest-mismatch"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: where (JSON pointer or parameter), which stable code, what would be right.

    Shape: `expected` where the value says what was meant; never of a field that names a person.
    """

    pointer: str
    code: str
    expected: str | None = None


@dataclass(eq=False)
class InvalidRequest(Malformed):
    """One or more fields are ill-formed; `errors` names all of them at once."""

    errors: list[FieldError]

    code: ClassVar[str] = "invalid-request"


class InvalidCursor(Malformed):
    """The cursor is none that a list of this gateway gave; start again without it."""

    code = "invalid-cursor"


class IdempotencyKeyMissing(Malformed):
    """A POST that writes came without `Idempotency-Key`; make one key per intention and send it."""

    code = "idempotency-key-missing"


class IdempotencyKeyInvalid(Malformed):
    """The key is not 1 to 255 visible ASCII characters, or came twice; a UUID is a good one."""

    code = "idempotency-key-invalid"


class Transport(Problem):
    """HTTP itself was used in a way that this resource does not take."""


class MalformedHttp(Transport):
    """What came is not an HTTP request that can be read; a well-kept client library sends one that can."""

    code = "malformed-http"


class LengthRequired(Transport):
    """A body came without `Content-Length`; announce its length."""

    code = "length-required"


class BodyTooLarge(Transport):
    """The body is longer than the limit; send less at once."""

    code = "body-too-large"


class TooManyLines(Transport):
    """A batch that is done whole or not at all has at most a thousand lines; split it, or send it `per_item`."""

    code = "too-many-lines"


class UnsupportedMediaType(Transport):
    """The body's type, charset or encoding is not taken; send `application/json` in UTF-8, not compressed."""

    code = "unsupported-media-type"


@dataclass(eq=False)
class MethodNotAllowed(Transport):
    """The resource has no such method; `Allow` names those that it has."""

    allowed: list[str] = field(default_factory=list)

    code: ClassVar[str] = "method-not-allowed"


class UntrustedHost(Transport):
    """The `Host` header names no host of this gateway; use the published address."""

    code = "untrusted-host"


class PreconditionRequired(Transport):
    """A change needs `If-Match` with the `ETag` last read; read the object and send it."""

    code = "precondition-required"


class PreconditionFailed(Transport):
    """The object changed since its `ETag` was read; read it again and decide anew."""

    code = "precondition-failed"


class NotFound(Transport):
    """There is no such thing, or it is not the caller's to know."""

    code = "not-found"


@dataclass(eq=False)
class RangeNotSatisfiable(Transport):
    """The `Range` lies beyond the end of the file; its length is told."""

    length: int

    code: ClassVar[str] = "range-not-satisfiable"


class Conflict(Problem):
    """The request stands in the way of another one with the same key."""


class IdempotencyKeyReused(Conflict):
    """The key was used for another request; take a new key for a new intention."""

    code = "idempotency-key-reused"


class IdempotencyKeyInFlight(Conflict):
    """A request with this key is still running; ask again in a moment."""

    code = "idempotency-key-in-flight"


class Unavailable(Problem):
    """The gateway cannot do it now; nothing was stored. Repeat with the same key."""


class IssuerUnavailable(Unavailable):
    """The token issuer's keys cannot be fetched; repeat later."""

    code = "issuer-unavailable"


@dataclass(eq=False)
class TooManyRequests(Transport):
    """The caller, or all who speak for its project, asked more than the rate allows; repeat after so many seconds."""

    seconds: int

    code: ClassVar[str] = "too-many-requests"


class Overloaded(Unavailable):
    """More requests wait than this gateway will soon look at; repeat in a moment, with the same key."""

    code = "overloaded"


class StoreUnavailable(Unavailable):
    """The register cannot be written now; repeat later with the same key."""

    code = "store-unavailable"


class StatementUnavailable(Unavailable):
    """MyCareNet gave no whole statement in time, so there is nothing to reconcile with; repeat later."""

    code = "statement-unavailable"


class PseudonymiserUnavailable(Unavailable):
    """The service that makes pseudonyms gives none now; nothing was stored. Repeat later with the same key."""

    code = "pseudonymiser-unavailable"


class CommitTooLate(Unavailable):
    """More than five seconds passed between the stamp and the commit; repeat with the same key."""

    code = "commit-too-late"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one need of the gateway found: which, whether it is met, and a stable code for why not."""

    check: str
    ok: bool
    why: str | None = None


@dataclass(eq=False)
class NotReady(Unavailable):
    """This gateway lacks something that a registration needs; `checks` says what. Ask another one, or later."""

    checks: list[Finding]

    code: ClassVar[str] = "not-ready"


class Unexpected(Unavailable):
    """Something went wrong that should not; repeat with the same key, and report the `instance`."""

    code = "unexpected"
