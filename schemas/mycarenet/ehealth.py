"""eHealth's blind pseudonymisation, as far as the gateway uses it: a domain, a blinded point, a pseudonym in transit.

Source: https://github.com/smals-belgium/shared-pseudo-helper-java, whose client and examples show what eHealth's
cookbook says.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, ClassVar

from marshmallow import ValidationError

from schemas.fields import (
    Block,
    Choice,
    CodedText,
    Data,
    Flag,
    Identifier,
    JsonObject,
    ListOf,
    Patterned,
    StrictField,
    StrictSchema,
    WholeNumber,
    about,
    as_text,
)
from schemas.inclusion import EXAMPLE_ID
from schemas.mycarenet.values import AnswerSchema

CURVE = "P-521"
COORDINATE_BYTES = 66
_EXAMPLE_X = base64.b64encode(bytes(COORDINATE_BYTES)).decode()
_EXAMPLE_KEY = {"protected": "e30", "recipients": [], "iv": "", "ciphertext": "", "tag": ""}


class Coordinate(StrictField[bytes]):
    """A coordinate of a point: a number of at most 66 bytes, in base64.

    Shape: 66 bytes, zeros in front.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> bytes:
        try:
            number = int.from_bytes(base64.b64decode(as_text(value), validate=True), "big")
            return number.to_bytes(COORDINATE_BYTES, "big")
        except (binascii.Error, OverflowError):
            raise ValidationError("invalid-coordinate") from None

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else base64.b64encode(value).decode()


class Label(Patterned):
    """A name that machines give: visible ASCII."""

    code: ClassVar[str] = "invalid-label"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[!-~]{1,200}")


class CompactJwe(CodedText):
    """A JWE in five parts, the second of which is empty, for its key is agreed on."""

    code: ClassVar[str] = "invalid-jwe"

    def fits(self, text: str) -> bool:
        """Whether the parts are there."""
        return re.fullmatch(r"[A-Za-z0-9_-]+\.(\.[A-Za-z0-9_-]+){3}", text) is not None


class BlindedPoint(StrictSchema):
    """A point that its sender alone can unblind. Stage: nothing about anybody can be read from it."""

    id = Identifier(required=True, metadata=about("Id of the question.", EXAMPLE_ID))
    crv = Choice((CURVE,), required=True, metadata=about("The curve.", CURVE))
    x = Coordinate(required=True, metadata=about("The x-coordinate.", _EXAMPLE_X))
    y = Coordinate(required=True, metadata=about("The y-coordinate.", _EXAMPLE_X))


class PseudonymInTransit(AnswerSchema):
    """The point times the domain's secret, protected on its way by a scalar that `transitInfo` holds encrypted."""

    domain = Label(required=True, metadata=about("The domain.", "chroniccare"))
    x = Coordinate(required=True, metadata=about("The x-coordinate.", _EXAMPLE_X))
    y = Coordinate(required=True, metadata=about("The y-coordinate.", _EXAMPLE_X))
    transit = CompactJwe(
        required=True,
        data_key="transitInfo",
        metadata=about("The scalar that undoes the protection.", "e30..AA.AA.AA"),
    )


class TransitKey(AnswerSchema):
    """A key of the scalars in `transitInfo`, encrypted for each owner of the domain."""

    kid = Label(required=True, metadata=about("Id of the key.", EXAMPLE_ID))
    active = Flag(required=True, metadata=about("Whether what is new is encrypted with it.", True))
    encoded = JsonObject(required=True, metadata=about("The key, as a JWE of many recipients.", _EXAMPLE_KEY))


class PseudonymDomain(AnswerSchema):
    """A domain: in it one person has one pseudonym, and in every other domain another one."""

    domain = Label(required=True, metadata=about("Its name.", "chroniccare"))
    crv = Choice((CURVE,), required=True, metadata=about("The curve.", CURVE))
    audience = Label(required=True, metadata=about("Whom transits are meant for.", "https://gateway.example"))
    buffer_bytes = WholeNumber(
        1, 16, required=True, data_key="bufferSize", metadata=about("How many bytes count up to a point.", 8)
    )
    secret_keys = ListOf(
        Block(TransitKey, metadata=about("One key.", {})),
        required=True,
        data_key="secretKeys",
        metadata=about("The keys of its transits.", []),
    )


class OwnerRequest(StrictSchema):
    """Who opens the transits of a domain; the stand-in's own, for eHealth is told so on paper."""

    public_key = JsonObject(required=True, metadata=about("An RSA public key, as a JWK.", {"kty": "RSA"}))
