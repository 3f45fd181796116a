"""The strict reader of bodies, queries and headers: what comes in is whole, small, and says what it is.

Source: RFC 9110 §8, RFC 9530; GUARANTEES 2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from gateway.domain import errors
from gateway.domain.errors import FieldError, InvalidRequest
from schemas import strict_json
from schemas.fields import pointers

LARGEST_BODY_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
UTF_8 = ("utf-8", "utf8")
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
    body = LongBody(request, dict.fromkeys(media_types, UTF_8), most_bytes)
    return b"".join(body.chunks())


class LongBody:
    """A body that is read a piece at a time: of one of some types with their charsets, as long as it says it is.

    Raises: LengthRequired, BodyTooLarge, UnsupportedMediaType.
    """

    def __init__(self, request: Request, charsets: Mapping[str, Collection[str]], most_bytes: int) -> None:
        if request.content_length is None:
            raise errors.LengthRequired
        if request.content_length > most_bytes:
            raise errors.BodyTooLarge
        self.media_type = request.mimetype
        self.charset = request.mimetype_params.get("charset", "").lower()
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        allowed = charsets.get(self.media_type)
        if allowed is None or self.charset not in ("", *allowed) or encoding != "identity":
            raise errors.UnsupportedMediaType
        self._input = request.environ["wsgi.input"]
        self._length = request.content_length
        self._announced = _announced(request.headers.get("Content-Digest"))
        self._digests = {name: _DIGESTS[name]() for name in {"sha-256", *self._announced}}

    def chunks(self) -> Iterator[bytes]:
        """The body's bytes in order, to be taken once; the last one has come only when this ends.

        Raises: BodyIncomplete, BodyTooSlow, DigestMismatch.
        """
        left = self._length
        while left:
            try:
                chunk: bytes = self._input.read(min(left, CHUNK_BYTES))
            except TimeoutError:
                raise errors.BodyTooSlow from None
            except OSError:
                raise errors.BodyIncomplete from None
            if not chunk:
                raise errors.BodyIncomplete
            left -= len(chunk)
            for digest in self._digests.values():
                digest.update(chunk)
            yield chunk
        if any(self._digests[name].digest() != told for name, told in self._announced.items()):
            raise errors.DigestMismatch

    def sha256(self) -> bytes:
        """The SHA-256 digest of what was read."""
        return self._digests["sha-256"].digest()


def _announced(header: str | None) -> dict[str, bytes]:
    """The digests that a request announces, of the kinds that are known here.

    Raises: DigestMismatch for one that is none.
    """
    found = [match for part in (header or "").split(",") if (match := _DIGEST.fullmatch(part))]
    try:
        return {one[1]: base64.b64decode(one[2], validate=True) for one in found if one[1] in _DIGESTS}
    except binascii.Error:
        raise errors.DigestMismatch from None


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
