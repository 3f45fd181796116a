"""Everything the gateway refuses or cannot do, as one tree.

    Problem
    ├── Unauthenticated      NoToken · InvalidToken · ExpiredToken · IssuerUnavailable
    ├── Malformed            MalformedJson · DuplicateMember · TooDeep · InvalidRequest · InvalidCursor · IdentityInText
    │                        IdempotencyKeyMissing · IdempotencyKeyInvalid · DigestMismatch · BodyIncomplete
    │                        MalformedCsv
    ├── Transport            MalformedHttp · LengthRequired · BodyTooLarge · UnsupportedMediaType · MethodNotAllowed
    │                        UntrustedHost · PreconditionRequired · PreconditionFailed · NotFound
    │                        RangeNotSatisfiable
    ├── Refusal              a rule said no: names the rule and its article
    │   ├── Who              RoleNotAllowed · ForeignProject · NotAPartner (I4) · NotAPerformer (P5) · UnknownProject
    │   ├── Inclusion        NotInformed · AgreementInFuture · NotInTargetGroup · ConventionNotInForce
    │   │                    ValidAfterConventionEnd · AlreadyIncluded · AlreadyExited · AlreadyAnnulled
    │   │                    AlreadyRejected · NotExited · CommunicatedInFuture · CommunicatedBeforeInclusion
    │   ├── Action           PerformedInFuture · OutsideConvention · UnknownPseudocode · PseudocodeNotOfProject
    │   │                    PseudocodeNotValidThen · ProjectLevelPseudocode · NotIncluded · OutsideValidity
    │   │                    RegistrationClosed · DuplicateAction
    │   ├── Catalogue        AlreadyExists · TooManyProjects · ZoneTaken
    │   ├── Figures          NotInLattice · NotReleased · AlreadyReleased · AlreadyRevised ·
    │   │                    NotDue
    │   ├── Extracts         ExtractNotDone
    │   └── Sandbox          ClockRunsForward
    ├── Conflict             IdempotencyKeyReused · IdempotencyKeyInFlight
    └── Unavailable          StoreUnavailable · CommitTooLate · NotReady · Unexpected

A class says what happened and what to do next, its stable `code`, its `rule` and `source`, and its typed facts.
No HTTP status, no translated text and no identity here: `http.statuses` and the texts beside it give those.
"""

from gateway.domain.errors.problems import (
    BodyIncomplete,
    BodyTooLarge,
    CommitTooLate,
    Conflict,
    DigestMismatch,
    DuplicateMember,
    ExpiredToken,
    FieldError,
    Finding,
    IdempotencyKeyInFlight,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidRequest,
    InvalidToken,
    IssuerUnavailable,
    LengthRequired,
    Malformed,
    MalformedCsv,
    MalformedHttp,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    NoToken,
    NotReady,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    RangeNotSatisfiable,
    StoreUnavailable,
    TooDeep,
    Transport,
    Unauthenticated,
    Unavailable,
    Unexpected,
    UnsupportedMediaType,
    UntrustedHost,
)
from gateway.domain.errors.refusals import (
    AgreementInFuture,
    AlreadyAnnulled,
    AlreadyExists,
    AlreadyExited,
    AlreadyIncluded,
    AlreadyRejected,
    AlreadyReleased,
    AlreadyRevised,
    ClockRunsForward,
    CommunicatedBeforeInclusion,
    CommunicatedInFuture,
    ConventionNotInForce,
    DuplicateAction,
    ExtractNotDone,
    ForeignProject,
    NotAPartner,
    NotAPerformer,
    NotDue,
    NotExited,
    NotIncluded,
    NotInformed,
    NotInLattice,
    NotInTargetGroup,
    NotReleased,
    OutsideConvention,
    OutsideValidity,
    PerformedInFuture,
    ProjectLevelPseudocode,
    PseudocodeNotOfProject,
    PseudocodeNotValidThen,
    Refusal,
    RegistrationClosed,
    RoleNotAllowed,
    TooManyProjects,
    UnknownProject,
    UnknownPseudocode,
    ValidAfterConventionEnd,
    ZoneTaken,
)

__all__ = [
    "AgreementInFuture",
    "AlreadyAnnulled",
    "AlreadyExists",
    "AlreadyExited",
    "AlreadyIncluded",
    "AlreadyRejected",
    "AlreadyReleased",
    "AlreadyRevised",
    "BodyIncomplete",
    "BodyTooLarge",
    "ClockRunsForward",
    "CommitTooLate",
    "CommunicatedBeforeInclusion",
    "CommunicatedInFuture",
    "Conflict",
    "ConventionNotInForce",
    "DigestMismatch",
    "DuplicateAction",
    "DuplicateMember",
    "ExpiredToken",
    "ExtractNotDone",
    "FieldError",
    "Finding",
    "ForeignProject",
    "IdempotencyKeyInFlight",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyMissing",
    "IdempotencyKeyReused",
    "InvalidCursor",
    "InvalidRequest",
    "InvalidToken",
    "IssuerUnavailable",
    "LengthRequired",
    "Malformed",
    "MalformedCsv",
    "MalformedHttp",
    "MalformedJson",
    "MethodNotAllowed",
    "NoToken",
    "NotAPartner",
    "NotAPerformer",
    "NotDue",
    "NotExited",
    "NotFound",
    "NotInLattice",
    "NotInTargetGroup",
    "NotIncluded",
    "NotInformed",
    "NotReady",
    "NotReleased",
    "OutsideConvention",
    "OutsideValidity",
    "PerformedInFuture",
    "PreconditionFailed",
    "PreconditionRequired",
    "Problem",
    "ProjectLevelPseudocode",
    "PseudocodeNotOfProject",
    "PseudocodeNotValidThen",
    "RangeNotSatisfiable",
    "Refusal",
    "RegistrationClosed",
    "RoleNotAllowed",
    "StoreUnavailable",
    "TooDeep",
    "TooManyProjects",
    "Transport",
    "Unauthenticated",
    "Unavailable",
    "Unexpected",
    "UnknownProject",
    "UnknownPseudocode",
    "UnsupportedMediaType",
    "UntrustedHost",
    "ValidAfterConventionEnd",
    "ZoneTaken",
]
