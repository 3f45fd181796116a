"""Which problems a route can answer, and how the document tells of them.

Shape: what the form of a route implies is derived (its body, query, path, rights and key); what its verb refuses by a
rule is named in `REFUSED_BY`. Statuses come from the one table, texts from the one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from marshmallow import fields

from gateway.domain import errors
from gateway.domain.access import ACCESS, Role, Scope
from gateway.domain.errors import Problem
from gateway.http.problems import MEDIA_TYPE
from gateway.http.routes import Route
from gateway.http.statuses import retry_after, status_of
from gateway.http.texts import problem_texts
from schemas.fields import Block, CodedText, ListOf, Text

Kinds = tuple[type[Problem], ...]

ALWAYS: Kinds = (errors.MalformedHttp, errors.UntrustedHost, errors.Overloaded, errors.Unexpected)
STORE: Kinds = (errors.StoreUnavailable,)
TOKEN: Kinds = (
    errors.NoToken,
    errors.InvalidToken,
    errors.ExpiredToken,
    errors.IssuerUnavailable,
    errors.TooManyRequests,
)
FORM: Kinds = (errors.InvalidRequest,)
JSON: Kinds = (errors.MalformedJson, errors.DuplicateMember, errors.TooDeep)
BODY: Kinds = (
    errors.BodyIncomplete,
    errors.BodyTooSlow,
    errors.DigestMismatch,
    errors.LengthRequired,
    errors.BodyTooLarge,
    errors.UnsupportedMediaType,
)
KEY: Kinds = (
    errors.IdempotencyKeyMissing,
    errors.IdempotencyKeyInvalid,
    errors.IdempotencyKeyInFlight,
    errors.IdempotencyKeyReused,
)
VERSION: Kinds = (errors.PreconditionRequired, errors.PreconditionFailed)

_INCLUDED: Kinds = (
    errors.NotInformed,
    errors.AgreementInFuture,
    errors.NotInTargetGroup,
    errors.ConventionNotInForce,
    errors.ValidAfterConventionEnd,
)
_LIVES: Kinds = (errors.AlreadyAnnulled, errors.AlreadyRejected)
_PERFORMED: Kinds = (errors.OutsideConvention, errors.NotIncluded, errors.OutsideValidity)
_PERSON: Kinds = (errors.PseudonymiserUnavailable,)
_PLACE: Kinds = (errors.TooManyProjects, errors.ZoneTaken)

REFUSED_BY: Mapping[str, Kinds] = {
    "register_inclusion": (*_PERSON, *_INCLUDED, errors.NotAPartner, errors.AlreadyIncluded),
    "find_inclusions": (
        *_PERSON,
        errors.NotAPartner,
    ),
    "register_exit": (*_LIVES, errors.AlreadyExited),
    "correct_inclusion": (*VERSION, *_LIVES, errors.AgreementInFuture),
    "annul_inclusion": _LIVES,
    "annul_exit": (*_LIVES, errors.NotExited, errors.AlreadyIncluded),
    "change_identity": (*_PERSON, *_LIVES, errors.AlreadyIncluded),
    "register_action": (
        *_PERSON,
        errors.PerformedInFuture,
        *_PERFORMED,
        errors.UnknownPseudocode,
        errors.PseudocodeNotOfProject,
        errors.PseudocodeNotValidThen,
        errors.ProjectLevelPseudocode,
        errors.NotAPerformer,
        errors.RegistrationClosed,
        errors.DuplicateAction,
    ),
    "register_batch": (errors.MalformedCsv, errors.LineTooLong, errors.TooManyLines),
    "list_actions": (errors.NotAPartner,),
    "annul_action": _LIVES,
    "simulate": (*_INCLUDED, *_PERFORMED),
    "register_project": (errors.AlreadyExists, *_PLACE),
    "replace_project": (*VERSION, *_PLACE),
    "register_pseudocode": (errors.AlreadyExists,),
    "assign_pseudocode": (errors.UnknownPseudocode,),
    "register_partner": (errors.AlreadyExists,),
    "register_webhook": (errors.UnknownProject, errors.WebhookUrlRefused, errors.TooManyWebhooks),
    "register_extract": (errors.NotFound, errors.ExtractNotDone),
    "get_extract_file": (errors.RangeNotSatisfiable, errors.PreconditionFailed),
    "show_reconciliation": (errors.StatementUnavailable,),
    "get_aggregates": (errors.NotInLattice, errors.NotReleased),
}
"""What a verb refuses by its own rules, besides what its route implies."""


def problems_of(route: Route) -> Kinds:
    """The classes of problems that a route can answer."""
    names = _names(route)
    rights = ACCESS[route.verb]
    kinds: list[type[Problem]] = [*ALWAYS, *STORE, *TOKEN, *FORM, *REFUSED_BY.get(route.verb, ())]
    if route.body is not None:
        kinds += JSON
    if route.body is not None or route.reader is not None:
        kinds += BODY
    if route.needs_key:
        kinds += KEY
    if route.writes or route.method != "GET":
        kinds.append(errors.CommitTooLate)
    if "cursor" in names:
        kinds.append(errors.InvalidCursor)
    if set(rights) != set(Role):
        kinds.append(errors.RoleNotAllowed)
    if "project" in names:
        kinds.append(errors.UnknownProject)
        if Scope.OWN_PROJECT in rights.values() or Scope.OWN_INSURER in rights.values():
            kinds.append(errors.ForeignProject)
    if names & {"inclusion_id", "action_id", "batch_id", "extract_id", "webhook_id"}:
        kinds.append(errors.NotFound)
    return tuple(kinds)


def _names(route: Route) -> set[str]:
    """The names of the members, parameters and path segments that say what a request is about."""
    named = {name for schema in (route.body, route.query) if schema for name in schema().fields}
    path = {part.strip("<>") for part in route.path.split("/") if part.startswith("<")}
    return named | path | ({"project"} if "project_id" in path else set())


def codes_by_status(kinds: Kinds, given: Iterable[fields.Field[Any]] = ()) -> dict[int, list[str]]:
    """The codes of each status, both in order.

    Shape: a request whose wrong fields, of those `given`, all share one code that has a page of its own is answered
    under that code.
    """
    found: dict[int, set[str]] = {}
    for kind in kinds:
        found.setdefault(status_of(kind), set()).add(kind.code)
    if errors.InvalidRequest in kinds:
        found[400] |= {"unknown-parameter", "invalid-parameter"}
        found[400] |= {code for field in given for code in _codes_in(field)} & problem_texts().keys()
    return {status: sorted(found[status]) for status in sorted(found)}


def _codes_in(field: fields.Field[Any]) -> set[str]:
    match field:
        case CodedText():
            return {field.code}
        case Text():
            return {"identity-in-text"}
        case Block():
            return {code for inner in field.schema.fields.values() for code in _codes_in(inner)}
        case ListOf():
            return _codes_in(field.inner)
        case _:
            return set()


def problem_answers(codes: Mapping[int, Sequence[str]]) -> dict[str, Any]:
    """The responses that tell of problems, by status."""
    return {str(status): _answer(status, named) for status, named in codes.items()}


def _answer(status: int, codes: Sequence[str]) -> dict[str, Any]:
    names = ["X-Request-ID", "Content-Language"]
    names += ["WWW-Authenticate"] if status == HTTPStatus.UNAUTHORIZED else []
    names += ["Retry-After"] if RETRIED & set(codes) else []
    names += ["Content-Range"] if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE else []
    listed = ", ".join(f"`{code}`" for code in codes)
    return {
        "description": f"{HTTPStatus(status).phrase}: {listed}.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def leaves(kind: type[Problem] = Problem) -> list[type[Problem]]:
    """The classes of the tree that have a code."""
    found = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return [kind, *found] if "code" in kind.__dict__ else found


RETRIED = frozenset(kind.code for kind in leaves() if retry_after(kind) is not None)
"""The codes that come with `Retry-After`."""
