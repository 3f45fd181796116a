"""The strict reader of bodies, queries and headers: what comes in is whole, small, and says what it is.

Source: RFC 9110 §8, RFC 9530; GUARANTEES 2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from gateway.domain import errors
from gateway.domain.errors import FieldError, InvalidRequest
from schemas import strict_json
from schemas.fields import pointers

LARGEST_BODY_BYTES = 1024 * 1024
_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_DIGEST = re.compile(r"\s*([a-z0-9-]+)=:([A-Za-z0-9+/=]*):\s*")
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_STRICT_JSON = {
    "malformed-json": errors.MalformedJson,
    "duplicate-member": errors.DuplicateMember,
    "too-deep": errors.TooDeep,
}


def read_json(request: Request) -> Any:
    """The JSON document of a request's body.

    Raises: LengthRequired, BodyTooLarge, UnsupportedMediaType, BodyIncomplete, DigestMismatch, MalformedJson,
    DuplicateMember, TooDeep.
    """
    try:
        return strict_json.loads(read_bytes(request, ("application/json",), LARGEST_BODY_BYTES))
    except strict_json.StrictJsonError as error:
        raise malformed(error) from None


def malformed(error: strict_json.StrictJsonError) -> errors.Malformed:
    """The problem with bytes that are no JSON of this contract."""
    return _STRICT_JSON[str(error)]()


def read_bytes(request: Request, media_types: tuple[str, ...], most_bytes: int) -> bytes:
    """A request's body, whole: of one of some types, not longer than it says or may be.

    Raises: LengthRequired, BodyTooLarge, UnsupportedMediaType, BodyIncomplete, DigestMismatch.
    """
    if request.content_length is None:
        raise errors.LengthRequired
    if request.content_length > most_bytes:
        raise errors.BodyTooLarge
    _check_type(request, media_types)
    try:
        body: bytes = request.environ["wsgi.input"].read(request.content_length)
    except OSError:
        raise errors.BodyIncomplete from None
    if len(body) != request.content_length:
        raise errors.BodyIncomplete
    _check_digest(request.headers.get("Content-Digest"), body)
    return body


def _check_type(request: Request, media_types: tuple[str, ...]) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if request.mimetype not in media_types or charset not in ("utf-8", "utf8") or encoding != "identity":
        raise errors.UnsupportedMediaType


def _check_digest(header: str | None, body: bytes) -> None:
    for part in (header or "").split(","):
        match = _DIGEST.fullmatch(part)
        if match is None or match[1] not in _DIGESTS:
            continue
        try:
            announced = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            raise errors.DigestMismatch from None
        if announced != _DIGESTS[match[1]](body).digest():
            raise errors.DigestMismatch


def load(schema: Schema, document: Any) -> dict[str, Any]:
    """A body as its schema loads it.

    Raises: InvalidRequest with all of its errors.
    """
    try:
        loaded: dict[str, Any] = schema.load(document)
    except ValidationError as error:
        found = pointers(messages_of(error))
        raise InvalidRequest([FieldError(pointer, code) for pointer, code in found]) from None
    return loaded


def messages_of(error: ValidationError) -> dict[str, Any]:
    """What marshmallow found, always by field."""
    messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call] # marshmallow's own gap
    return messages


def load_query(schema: Schema | None, request: Request, own: tuple[str, ...] = ()) -> dict[str, Any]:
    """A query string as its schema loads it; parameters named in `own` are the door's.

    Shape: a schema that takes unknown names finds a second value under its name and a space, which nobody knows.
    Raises: InvalidRequest with all of its errors; a parameter that comes twice is one.
    """
    values = {name: given for name, given in request.args.lists() if name not in own}
    if schema is not None and schema.unknown == INCLUDE:
        values = {name + " " * turn: [one] for name, given in values.items() for turn, one in enumerate(given)}
    twice = [FieldError(f"?{shown(name)}", "invalid-parameter") for name, given in values.items() if len(given) > 1]
    if twice:
        raise InvalidRequest(twice)
    if schema is None:
        if values:
            raise InvalidRequest([FieldError(f"?{shown(name)}", "unknown-parameter") for name in values])
        return {}
    try:
        loaded: dict[str, Any] = schema.load({name: given[0] for name, given in values.items()})
    except ValidationError as error:
        raise InvalidRequest([_of_query(*found) for found in pointers(messages_of(error))]) from None
    return loaded


def _of_query(pointer: str, code: str) -> FieldError:
    return FieldError(f"?{pointer.removeprefix('#/')}", "unknown-parameter" if code == "unknown-member" else code)


def shown(name: str) -> str:
    """A parameter's name as an answer may repeat it: `?` for what is no name of ours."""
    return name if re.fullmatch(r"[a-z_]{1,40}", name) else "?"


def idempotency_key(headers: Headers) -> str:
    """The idempotency key; the quotes of a structured string are not part of it.

    Source: draft-ietf-httpapi-idempotency-key-header §2.1.
    Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid.
    """
    given = headers.get("Idempotency-Key")
    if given is None:
        raise errors.IdempotencyKeyMissing
    is_quoted = len(given) > 1 and given[0] == given[-1] == '"'
    key = given[1:-1] if is_quoted else given
    if not _VISIBLE.fullmatch(key) or (is_quoted and '"' in key):
        raise errors.IdempotencyKeyInvalid
    return key


def if_match(headers: Headers) -> int | None:
    """The version that `If-Match` names; None for an entity tag that this gateway never gave.

    Raises: PreconditionRequired.
    """
    given = headers.get("If-Match")
    if given is None:
        raise errors.PreconditionRequired
    match = re.fullmatch(r'"([1-9][0-9]{0,8})"', given.strip())
    return int(match[1]) if match else None
