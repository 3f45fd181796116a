"""The refusals: a rule said no. Each names its rule and its article, and what would have been right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from gateway.domain.errors.problems import Problem


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
    """The figures are not released in this combination; `dimension`, or its value, is too many or not known."""

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
class AlreadyRevised(Refusal):
    """The period was revised less than a year ago."""

    available_from: date

    code: ClassVar[str] = "already-revised"
    rule: ClassVar[str | None] = "A2"
    source: ClassVar[str | None] = "C 5 §3"


@dataclass(eq=False)
class NotDue(Refusal):
    """The period cannot be closed yet."""

    available_from: date

    code: ClassVar[str] = "not-due"
    rule: ClassVar[str | None] = "A1"
    source: ClassVar[str | None] = "C 9 §1"


class ExtractNotDone(Refusal):
    """The extract that an increment shall go on from is not done; wait for it, or ask for a full one."""

    code = "extract-not-done"


@dataclass(eq=False)
class ClockRunsForward(Refusal):
    """The sandbox clock never goes back; `now` is where it stands."""

    now: datetime

    code: ClassVar[str] = "clock-runs-forward"


class WebhookUrlRefused(Refusal):
    """Events must not be sent to that address; name one of the public network, over https and without credentials."""

    code = "webhook-url-refused"


class TooManyWebhooks(Refusal):
    """The project has as many webhooks as it may; remove one first."""

    code = "too-many-webhooks"
