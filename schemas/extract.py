"""Extracts on the wire: asked for, followed, and once done described by a signed manifest. Stage: anonymous."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from schemas.batch import Share
from schemas.fields import (
    Block,
    Choice,
    Flag,
    Identifier,
    Instant,
    ListOf,
    Month,
    Patterned,
    StrictSchema,
    Text,
    WholeNumber,
    about,
    check_order,
)
from schemas.inclusion import EXAMPLE_ID

PURPOSES: Mapping[str, tuple[str, ...]] = {"insurer": ("art3", "art7-1"), "policy": ("policy", "research")}
FORMATS = ("csv", "ndjson", "parquet", "xlsx")
EXTRACT_STATUSES = ("queued", "running", "done", "failed")
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_FILES = f"/v1/extracts/{EXAMPLE_ID}/files"
_REQUEST = {"kind": "insurer", "from": "2022-01", "to": "2022-06", "format": "csv", "purpose": "art3"}


class Checksum(Patterned):
    """A SHA-256, 64 hexadecimal digits in lower case."""

    code = "invalid-characters"
    pattern = re.compile(r"[0-9a-f]{64}")


class FilePath(Patterned):
    """Where a file of an extract is."""

    code = "invalid-characters"
    pattern = re.compile(r"/v1/extracts/[0-9a-f-]{36}/files/[A-Za-z_]{1,40}[.][a-zA-Z]{1,10}")


class Signature(Patterned):
    """A compact JWS with its content detached: header, nothing, signature. Source: RFC 7515, appendix F."""

    code = "invalid-characters"
    pattern = re.compile(r"[A-Za-z0-9_-]{1,400}[.][.][A-Za-z0-9_-]{1,400}")


class ExtractRequest(StrictSchema):
    """What asks for an extract: a full one, or with `since` what was released since another."""

    kind = Choice(tuple(PURPOSES), required=True, metadata=about("For whom: own members, or policy.", "insurer"))
    format = Choice(FORMATS, required=True, metadata=about("Form of the file of records.", "csv"))
    purpose = Choice(
        tuple(purpose for of in PURPOSES.values() for purpose in of),
        required=True,
        metadata=about("What it is for: `art3`, `art7-1` of an insurer; `policy`, `research` otherwise.", "art3"),
    )
    since = Identifier(metadata=about("Extract to go on from: only what was released after it.", EXAMPLE_ID))

    @validates_schema
    def check_purpose_and_range(self, data: Mapping[str, Any], **_: Any) -> None:
        """That the purpose is one of the kind, and the range is not the wrong way round."""
        if data.get("purpose") not in (None, *PURPOSES.get(data.get("kind", ""), (data.get("purpose"),))):
            raise ValidationError("unknown-value", "purpose")
        check_order(data, "from", "to")

    class Meta(StrictSchema.Meta):
        """`from` is a keyword of the language."""

        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Month(required=True, metadata=about("First month.", "2022-01")),
            "to": Month(required=True, metadata=about("Last month, inclusive.", "2022-06")),
        }


class ExtractFile(StrictSchema):
    """One file of an extract."""

    type = Text(100, required=True, metadata=about("Its media type.", "text/csv"))
    url = FilePath(required=True, metadata=about("Where it is; an access token is needed.", f"{_FILES}/extract.csv"))
    rows = WholeNumber(0, required=True, metadata=about("How many records it has; 0 where it is about them.", 120))
    bytes = WholeNumber(0, required=True, metadata=about("Its length in bytes.", 8192))
    sha256 = Checksum(required=True, metadata=about("Its SHA-256, hexadecimal.", _SHA256))


class Extract(StrictSchema):
    """How far an extract is; once it is done, its manifest.

    Shape: `progress` is there until it is done, everything from `transaction_time` on from then. `signature` is over
    the other members as canonical JSON: sorted by name, compact, UTF-8.
    """

    id = Identifier(metadata=about("Id of the extract.", EXAMPLE_ID))
    status = Choice(EXTRACT_STATUSES, required=True, metadata=about("`done`: its files can be fetched.", "done"))
    progress = Share(metadata=about("How far it is.", 0.5))
    request = Block(ExtractRequest, required=True, metadata=about("What was asked for.", _REQUEST))
    transaction_time = Instant(metadata=about("Legal instant of what it holds.", "2022-08-15T00:00:00Z"))
    expires_at = Instant(metadata=about("Until when its files can be fetched, real time.", "2022-08-18T00:00:00Z"))
    requires_access_token = Flag(metadata=about("Always true: each file needs the token of who asked.", True))
    output = ListOf(Block(ExtractFile, metadata=about("One file.", {})), metadata=about("The files.", []))
    disclosure_report = FilePath(metadata=about("Where the disclosure report is.", f"{_FILES}/disclosure_report.json"))
    replaces = ListOf(
        Text(100, metadata=about("Id of a release.", "actions-quarter-2022-Q1-1")),
        metadata=about("Releases whose records are to be dropped from what one holds, for they were revised.", []),
    )
    signature = Signature(metadata=about("JWS (ES256) with detached content.", "eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"))
    validated = Flag(metadata=about("True when its form was checked only and nothing was stored.", True))
