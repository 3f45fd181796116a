"""Batches on the wire: lines handed in together, how far they are, what became of each.

A line holds what the endpoint of its own would take, its `type` and a `ref`; those of the registrar import earlier
communications when a project goes live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from schemas.action import ActionRequest
from schemas.fields import (
    Block,
    Choice,
    CodedText,
    Flag,
    Identifier,
    Instant,
    Nihii,
    ProjectId,
    Ssin,
    StrictField,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.inclusion import EXAMPLE_ID, ExitRequest, InclusionRequest
from schemas.problem import Problem

BATCH_STATUSES = ("queued", "running", "done", "cancelled")
LINE_OUTCOMES = ("accepted", "duplicate", "refused", "not-done", "cancelled")
MODES = ("per_item", "atomic")
ENCODINGS = ("utf-8", "utf-8-sig", "windows-1252")
DELIMITERS = (",", ";", "\t")
LONGEST_REF = 100
_PROBLEM = {"type": "/problems/not-included", "title": "Not included", "status": 422, "code": "not-included"}


class Mode(CodedText):
    """How lines hang together: `per_item`, each has its own outcome; `atomic`, all are done or none."""

    code = "invalid-parameter"

    def fits(self, text: str) -> bool:
        """Whether it is one of the modes."""
        return text in MODES


class Share(StrictField[float]):
    """A number from 0 to 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("wrong-type")
        if not 0 <= value <= 1:
            raise ValidationError("out-of-range")
        return value


class BatchQuery(StrictSchema):
    """How a batch is to be done."""

    mode = Mode(
        load_default="per_item",
        metadata=about(
            "`per_item`: each line has its own outcome. `atomic`: all lines are done or none; at most 1000.", "per_item"
        ),
    )


def _type(name: str) -> Choice:
    return Choice((name,), required=True, metadata=about("What the line is.", name))


def _ref() -> Text:
    return Text(LONGEST_REF, metadata=about("The client's own name of the line; comes back with its result.", "row-1"))


def _communicated_at() -> Instant:
    return Instant(metadata=about("When it was communicated; not in the future.", "2021-11-15T09:00:00Z"))


def _evidence() -> Text:
    return Text(500, metadata=about("What shows the earlier communication.", "letter 2021/118 of 15 November 2021"))


def _communicated_by() -> Nihii:
    return Nihii(required=True, metadata=about("Provider who communicated it.", "12345625001"))


class InclusionLine(InclusionRequest):
    """A line that communicates an inclusion. Stage: identified."""

    type = _type("inclusion")
    ref = _ref()


class ExitLine(ExitRequest):
    """A line that communicates an exit, of an inclusion or of a beneficiary in a project. Stage: identified."""

    type = _type("exit")
    ref = _ref()
    inclusion = Identifier(metadata=about("Inclusion that ends; or else name `project` and `ssin`.", EXAMPLE_ID))
    project = ProjectId(metadata=about("Project of the inclusion.", "demo-nord"))
    ssin = Ssin(metadata=about("SSIN of the beneficiary.", "85073003328"))

    @validates_schema
    def check_which(self, data: Mapping[str, Any], **_: Any) -> None:
        """One inclusion is named, in one way."""
        if "inclusion" in data and "ssin" in data:
            raise ValidationError("unknown-member", "ssin")
        if "inclusion" not in data and not {"project", "ssin"} <= data.keys():
            raise ValidationError("required", "ssin" if "project" in data else "inclusion")


class ActionLine(ActionRequest):
    """A line that registers an action. Stage: identified."""

    type = _type("action")
    ref = _ref()


class ImportedInclusionLine(InclusionLine):
    """A registrar's line: an inclusion that was communicated before. Stage: identified."""

    communicated_by = _communicated_by()
    communicated_at = _communicated_at()
    evidence = _evidence()


class ImportedExitLine(ExitLine):
    """A registrar's line: an exit that was communicated before. Stage: identified."""

    project = ProjectId(required=True, metadata=about("Project of the inclusion.", "demo-nord"))
    communicated_by = _communicated_by()
    communicated_at = _communicated_at()
    evidence = _evidence()


class ImportedActionLine(ActionLine):
    """A registrar's line: an action that was communicated before. Stage: identified."""

    performed_by = Nihii(required=True, metadata=about("Who performed it.", "12345625001"))
    communicated_at = _communicated_at()
    evidence = _evidence()


LINES: Mapping[str, type[StrictSchema]] = {"inclusion": InclusionLine, "exit": ExitLine, "action": ActionLine}
IMPORTED_LINES: Mapping[str, type[StrictSchema]] = {
    "inclusion": ImportedInclusionLine,
    "exit": ImportedExitLine,
    "action": ImportedActionLine,
}


def _count(description: str, example: int) -> WholeNumber:
    return WholeNumber(0, required=True, metadata=about(description, example))


class BatchReceipt(StrictSchema):
    """How far a batch is.

    Shape: `id` and `receipt` are absent, and `validated` is there, when nothing was stored; the receipt is in the
    answer to its registration alone.
    """

    id = Identifier(metadata=about("Id of the batch.", EXAMPLE_ID))
    status = Choice(BATCH_STATUSES, required=True, metadata=about("`done`: every line has its outcome.", "running"))
    mode = Choice(MODES, required=True, metadata=about("How its lines hang together.", "per_item"))
    communicated_at = Instant(
        metadata=about("When its lines count as communicated, whenever they are done.", "2022-02-28T22:50:00Z")
    )
    encoding = Choice(ENCODINGS, metadata=about("Of CSV: in which encoding it was read.", "windows-1252"))
    delimiter = Choice(DELIMITERS, metadata=about("Of CSV: what its cells are separated by.", ";"))
    lines = _count("Lines in all.", 120)
    accepted = _count("Lines that had their effect.", 57)
    duplicate = _count("Lines whose effect was there before; they changed nothing.", 2)
    refused = _count("Lines that were refused.", 1)
    not_done = WholeNumber(0, metadata=about("Of `atomic`: lines that were not done because another was refused.", 0))
    progress = Share(required=True, metadata=about("Share of the lines that are done.", 0.5))
    receipt = Text(8192, metadata=about("Signed receipt, compact JWS (ES256).", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
    validated = Flag(metadata=about("True when its form was checked only and nothing was stored.", True))


class LineResult(StrictSchema):
    """What became of a line. Stage: pseudonymous; it never holds an SSIN."""

    number = WholeNumber(1, required=True, metadata=about("Number of the line, from 1; a header is none.", 7))
    row = WholeNumber(2, metadata=about("Of CSV: its row in the spreadsheet; the header is row 1.", 8))
    ref = Text(LONGEST_REF, metadata=about("The client's own name of the line.", "row-7"))
    outcome = Choice(LINE_OUTCOMES, required=True, metadata=about("What became of it.", "accepted"))
    id = Identifier(metadata=about("What it made, or the inclusion that it ended.", EXAMPLE_ID))
    existing = Identifier(metadata=about("Of a duplicate: what is there already.", EXAMPLE_ID))
    problem = Block(Problem, metadata=about("Of a refused line: as its own endpoint would say it.", _PROBLEM))
