"""A line of a batch, read as the request that it stands for: the same schemas, the same submissions, the same verbs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import ValidationError
from werkzeug.datastructures import Headers

from gateway.domain.access import Caller, Role
from gateway.domain.errors import FieldError, InvalidRequest, Problem
from gateway.domain.identity import Ssin
from gateway.domain.submissions import Beneficiary, ExitSubmission, Import
from gateway.http import bodies
from gateway.http.api import actions, inclusions
from gateway.http.api.batch_hints import hinted
from gateway.http.api.batch_tables import IGNORED
from gateway.http.routes import Incoming
from gateway.services.batch_lines import Asked, Unreadable
from gateway.services.register_action import register_action
from gateway.services.register_exit import register_named_exit
from gateway.services.register_inclusion import register_inclusion
from schemas import strict_json
from schemas.batch import IMPORTED_LINES, LINES, LONGEST_REF
from schemas.fields import StrictSchema, Text

_SCHEMAS: Mapping[bool, Mapping[str, StrictSchema]] = {
    is_import: {kind: schema() for kind, schema in lines.items()}
    for is_import, lines in ((False, LINES), (True, IMPORTED_LINES))
}
_REF = Text(LONGEST_REF)


def read_line(caller: Caller, content: bytes) -> Asked | Unreadable:
    """What a line of a caller asks for, or why it is ill-formed."""
    try:
        document = strict_json.loads(content)
    except strict_json.StrictJsonError as error:
        return Unreadable(bodies.malformed(error))
    try:
        return _asked(caller, document)
    except Problem as problem:
        return Unreadable(problem, _ref_of(document))


def _ref_of(document: Any) -> str | None:
    """The `ref` of a line of which something else is wrong, where it is well-formed itself."""
    try:
        return None if not isinstance(document, dict) else str(_REF.deserialize(document.get("ref", "")))
    except ValidationError:
        return None


def _asked(caller: Caller, document: Any) -> Asked:
    is_import = caller.role is Role.REGISTRAR
    kind = _kind_of(document)
    document = {name: value for name, value in document.items() if not name.startswith(IGNORED)}
    try:
        payload = bodies.load(_SCHEMAS[is_import][kind], document)
    except InvalidRequest as problem:
        raise hinted(problem, document) from None
    content = strict_json.canonical({name: value for name, value in document.items() if name != "ref"})
    do = _imported(kind, payload) if is_import else _registered(kind, Incoming(caller, {}, {}, payload, Headers()))
    verb = f"register_{kind}_imported" if is_import else f"register_{kind}"
    about = Beneficiary(payload["project"], Ssin(payload["ssin"])) if "ssin" in payload else None
    return Asked(kind, verb, content, do, payload.get("ref"), about, payload.get("inclusion"))  # type: ignore[arg-type] # one of the three


def _kind_of(document: Any) -> str:
    if not isinstance(document, dict):
        raise InvalidRequest([FieldError("#", "not-an-object")])
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in LINES:
        raise InvalidRequest([FieldError("#/type", "required" if kind is None else "unknown-value")])
    return kind


def _registered(kind: str, incoming: Incoming) -> Any:
    match kind:
        case "inclusion":
            return inclusions.registration(incoming)
        case "action":
            return actions.registration(incoming)
        case _:
            return partial(register_named_exit, submission=_exit_of(incoming.payload))


def _imported(kind: str, payload: Mapping[str, Any]) -> Any:
    imported = Import(payload.get("communicated_at"), payload.get("evidence"))
    match kind:
        case "inclusion":
            return partial(register_inclusion, submission=inclusions.submission_of(payload, imported))
        case "action":
            submission = actions.submission_of(payload, payload["performed_by"], imported)
            return partial(register_action, submission=submission)
        case _:
            return partial(register_named_exit, submission=_exit_of(payload, imported))


def _exit_of(payload: Mapping[str, Any], imported: Import | None = None) -> ExitSubmission:
    has_ssin = "ssin" in payload
    return ExitSubmission(
        reason=payload["reason"],
        left_on=payload.get("left_on"),
        inclusion=payload.get("inclusion"),
        beneficiary=Beneficiary(payload["project"], Ssin(payload["ssin"])) if has_ssin else None,
        project=payload.get("project"),
        communicated_by=payload.get("communicated_by"),
        imported=imported,
    )
