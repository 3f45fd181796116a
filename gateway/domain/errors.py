"""Everything the gateway refuses or cannot do, as one tree.

    Problem
    ├── Unauthenticated      NoToken · InvalidToken · ExpiredToken · IssuerUnavailable
    ├── Malformed            MalformedJson · DuplicateMember · TooDeep · InvalidRequest · InvalidCursor · IdentityInText
    │                        IdempotencyKeyMissing · IdempotencyKeyInvalid · DigestMismatch · BodyIncomplete
    │                        MalformedCsv
    ├── Transport            MalformedHttp · LengthRequired · BodyTooLarge · UnsupportedMediaType · MethodNotAllowed
    │                        UntrustedHost · PreconditionRequired · PreconditionFailed · NotFound
    ├── Refusal              a rule said no: names the rule and its article
    │   ├── Who              RoleNotAllowed · ForeignProject · NotAPartner (I4) · NotAPerformer (P5) · UnknownProject
    │   ├── Inclusion        NotInformed · AgreementInFuture · NotInTargetGroup · ConventionNotInForce
    │   │                    ValidAfterConventionEnd · AlreadyIncluded · AlreadyExited · AlreadyAnnulled
    │   │                    AlreadyRejected · NotExited · CommunicatedInFuture · CommunicatedBeforeInclusion
    │   ├── Action           PerformedInFuture · OutsideConvention · UnknownPseudocode · PseudocodeNotOfProject
    │   │                    PseudocodeNotValidThen · ProjectLevelPseudocode · NotIncluded · OutsideValidity
    │   │                    RegistrationClosed · DuplicateAction
    │   ├── Catalogue        AlreadyExists · TooManyProjects · ZoneTaken
    │   ├── Figures          NotInLattice · NotReleased · AlreadyReleased · NotDue
    │   └── Sandbox          ClockRunsForward
    ├── Conflict             IdempotencyKeyReused · IdempotencyKeyInFlight
    └── Unavailable          StoreUnavailable · CommitTooLate · Unexpected

A class says what happened and what to do next, its stable `code`, its `rule` and `source`, and its typed facts.
No HTTP status, no translated text and no identity here: `http.statuses` and the texts beside it give those.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID


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


class Malformed(Problem):
    """The request is ill-formed."""


class MalformedJson(Malformed):
    """The body is not one JSON document in UTF-8; correct it and send it again."""

    code = "malformed-json"


class MalformedCsv(Malformed):
    """The body, or a row of it, is no CSV table in UTF-8 under one header row; correct it and send it again."""

    code = "malformed-csv"


class DuplicateMember(Malformed):
    """An object of the body names one member twice; keep one of the two."""

    code = "duplicate-member"


class TooDeep(Malformed):
    """The body nests deeper than sixteen levels; flatten it."""

    code = "too-deep"


class BodyIncomplete(Malformed):
    """Fewer bytes came than `Content-Length` announced; send the whole body again."""

    code = "body-incomplete"


class DigestMismatch(Malformed):
    """The body is not the one that `Content-Digest` describes; send it again (RFC 9530)."""

    code = "digest-mismatch"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: where (JSON pointer or parameter) and which stable code."""

    pointer: str
    code: str


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


class Refusal(Problem):
    """A rule said no; nothing was stored."""


class RoleNotAllowed(Refusal):
    """The caller's role has no right to this; ask with a token of a role that has."""

    code = "role-not-allowed"


class ForeignProject(Refusal):
    """The project is not the caller's own."""

    code = "foreign-project"


class UnknownProject(Refusal):
    """No project has this id; `GET /v1/projects` lists them."""

    code = "unknown-project"


@dataclass(eq=False)
class NotAPartner(Refusal):
    """Who communicates is no partner of the project on that day; the project admits partners."""

    allowed_from: date | None = None
    allowed_until: date | None = None

    code: ClassVar[str] = "not-a-partner"
    rule: ClassVar[str | None] = "I4"
    source: ClassVar[str | None] = "C 5 §3, 4"


@dataclass(eq=False)
class NotAPerformer(NotAPartner):
    """Who performed is no partner of the project on that day, or not the caller."""

    rule: ClassVar[str | None] = "P5"


class NotInformed(Refusal):
    """The beneficiary was not informed or did not agree; without agreement there is no inclusion."""

    code = "not-informed"
    rule = "I1"
    source = "C 5 §2; D 1, 12°"


@dataclass(eq=False)
class AgreementInFuture(Refusal):
    """The day of agreement lies in the future; it may be today at the latest."""

    allowed_until: date

    code: ClassVar[str] = "agreement-in-future"
    rule: ClassVar[str | None] = "I1"
    source: ClassVar[str | None] = "C 5 §2; D 1, 12°"


class NotInTargetGroup(Refusal):
    """Nobody attests that the beneficiary belongs to the operational target group."""

    code = "not-in-target-group"
    rule = "I7"
    source = "D 1, 11° and 12°"


@dataclass(eq=False)
class ConventionNotInForce(Refusal):
    """The project's convention is not in force today."""

    allowed_from: date
    allowed_until: date

    code: ClassVar[str] = "convention-not-in-force"
    rule: ClassVar[str | None] = "I5"
    source: ClassVar[str | None] = "C 1, 16"


@dataclass(eq=False)
class ValidAfterConventionEnd(Refusal):
    """It would become valid only after the convention's last day; it could be communicated until `allowed_until`."""

    allowed_until: date

    code: ClassVar[str] = "valid-after-convention-end"
    rule: ClassVar[str | None] = "V6"
    source: ClassVar[str | None] = "C 16 §1"


@dataclass(eq=False)
class AlreadyIncluded(Refusal):
    """The beneficiary has an open inclusion in this project; use the one named `existing`."""

    existing: UUID

    code: ClassVar[str] = "already-included"
    rule: ClassVar[str | None] = "I3"
    source: ClassVar[str | None] = "interpretation"


class AlreadyExited(Refusal):
    """The exit was communicated before; the first one stands."""

    code = "already-exited"
    rule = "V2"
    source = "C 9 §1"


class AlreadyAnnulled(Refusal):
    """It was annulled before and is counted nowhere."""

    code = "already-annulled"
    rule = "V8"
    source = "interpretation"


@dataclass(eq=False)
class CommunicatedInFuture(Refusal):
    """The earlier communication that is imported lies in the future; it may be of this moment at the latest."""

    allowed_until: date

    code: ClassVar[str] = "communicated-in-future"
    rule: ClassVar[str | None] = "V1"
    source: ClassVar[str | None] = "C 9 §1"


@dataclass(eq=False)
class CommunicatedBeforeInclusion(Refusal):
    """The exit that is imported was communicated before its inclusion was."""

    allowed_from: date

    code: ClassVar[str] = "communicated-before-inclusion"
    rule: ClassVar[str | None] = "V2"
    source: ClassVar[str | None] = "C 9 §1"


class NotExited(Refusal):
    """No exit is communicated that could be annulled."""

    code = "not-exited"
    rule = "V8"
    source = "interpretation"


class AlreadyRejected(Refusal):
    """MyCareNet rejected it; a new one may be communicated."""

    code = "already-rejected"
    rule = "I6"
    source = "D 14 §1, 9°"


@dataclass(eq=False)
class PerformedInFuture(Refusal):
    """The day performed lies in the future; it may be today at the latest."""

    allowed_until: date

    code: ClassVar[str] = "performed-in-future"
    rule: ClassVar[str | None] = "P4"
    source: ClassVar[str | None] = "C 1, 16 §1"


@dataclass(eq=False)
class OutsideConvention(Refusal):
    """The day performed lies outside the project's convention."""

    allowed_from: date
    allowed_until: date

    code: ClassVar[str] = "outside-convention"
    rule: ClassVar[str | None] = "P4"
    source: ClassVar[str | None] = "C 1, 16 §1"


@dataclass(eq=False)
class UnknownPseudocode(Refusal):
    """INAMI assigned no such pseudocode; `nearest` lists the project's codes that look like it."""

    nearest: list[str]

    code: ClassVar[str] = "unknown-pseudocode"
    rule: ClassVar[str | None] = "P2"
    source: ClassVar[str | None] = "C 5 §3"


class PseudocodeNotOfProject(Refusal):
    """The pseudocode is assigned to other projects, not to this one."""

    code = "pseudocode-not-of-project"
    rule = "P2"
    source = "C 5 §3"


@dataclass(eq=False)
class PseudocodeNotValidThen(Refusal):
    """The pseudocode was not valid in the project on the day performed."""

    allowed_from: date
    allowed_until: date | None

    code: ClassVar[str] = "pseudocode-not-valid-then"
    rule: ClassVar[str | None] = "P2"
    source: ClassVar[str | None] = "C 5 §3"


class ProjectLevelPseudocode(Refusal):
    """The pseudocode names an action at project level, which is not registered per beneficiary."""

    code = "project-level-pseudocode"
    rule = "P7"
    source = "C 5 §3, annex 7"


class NotIncluded(Refusal):
    """The beneficiary has no inclusion in this project that counts; communicate the inclusion first."""

    code = "not-included"
    rule = "P3"
    source = "C 5 §3, 9 §1"


@dataclass(eq=False)
class OutsideValidity(Refusal):
    """The beneficiary's inclusion was not valid on the day performed."""

    allowed_from: date
    allowed_until: date | None

    code: ClassVar[str] = "outside-validity"
    rule: ClassVar[str | None] = "P3"
    source: ClassVar[str | None] = "C 5 §3, 9 §1"


@dataclass(eq=False)
class RegistrationClosed(Refusal):
    """The project's registration of late actions has closed."""

    allowed_until: date

    code: ClassVar[str] = "registration-closed"
    rule: ClassVar[str | None] = "P9"
    source: ClassVar[str | None] = "C 12 §2"


@dataclass(eq=False)
class DuplicateAction(Refusal):
    """The same action is registered already; the same one again on that day takes the next `occurrence`."""

    existing: UUID

    code: ClassVar[str] = "duplicate-action"
    rule: ClassVar[str | None] = "P6"
    source: ClassVar[str | None] = "interpretation"


class AlreadyExists(Refusal):
    """The catalogue has an entry under this id, or for days that overlap these; change that one with PUT."""

    code = "already-exists"


class TooManyProjects(Refusal):
    """Twenty other projects have a convention in force on one of its days; let it begin when one of them has ended."""

    code = "too-many-projects"
    rule = "C1"
    source = "D 2"


@dataclass(eq=False)
class ZoneTaken(Refusal):
    """A municipality, `nis`, belongs to another project's zone; take it out of one of the two."""

    nis: str

    code: ClassVar[str] = "zone-taken"
    rule: ClassVar[str | None] = "C2"
    source: ClassVar[str | None] = "D 8 §1, 3°"


@dataclass(eq=False)
class NotInLattice(Refusal):
    """The figures are not released in this combination; `dimension` names what is too many or not known."""

    dimension: str

    code: ClassVar[str] = "not-in-lattice"
    rule: ClassVar[str | None] = "A2"
    source: ClassVar[str | None] = "C 5 §3"


@dataclass(eq=False)
class NotReleased(Refusal):
    """A period asked for is not released; `available_from` says from which day it can be."""

    available_from: date

    code: ClassVar[str] = "not-released"
    rule: ClassVar[str | None] = "A1"
    source: ClassVar[str | None] = "C 9 §1"


class AlreadyReleased(Refusal):
    """The period was closed and released before; it is never computed again."""

    code = "already-released"
    rule = "A1"
    source = "C 9 §1"


@dataclass(eq=False)
class NotDue(Refusal):
    """The period cannot be closed yet."""

    available_from: date

    code: ClassVar[str] = "not-due"
    rule: ClassVar[str | None] = "A1"
    source: ClassVar[str | None] = "C 9 §1"


@dataclass(eq=False)
class ClockRunsForward(Refusal):
    """The sandbox clock never goes back; `now` is where it stands."""

    now: datetime

    code: ClassVar[str] = "clock-runs-forward"


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


class StoreUnavailable(Unavailable):
    """The register cannot be written now; repeat later with the same key."""

    code = "store-unavailable"


class CommitTooLate(Unavailable):
    """More than five seconds passed between the stamp and the commit; repeat with the same key."""

    code = "commit-too-late"


class Unexpected(Unavailable):
    """Something went wrong that should not; repeat with the same key, and report the `instance`."""

    code = "unexpected"
