"""Problems on the wire: RFC 9457, with the rule and the dates that would have been right."""

from __future__ import annotations

from schemas.fields import Block, Choice, Day, Flag, Identifier, ListOf, StrictSchema, Text, WholeNumber, about
from schemas.inclusion import EXAMPLE_ID

_FIELD = {"pointer": "#/ssin", "code": "invalid-ssin"}


class FieldProblem(StrictSchema):
    """What is wrong with one field."""

    pointer = Text(4096, required=True, metadata=about("JSON pointer as a fragment, or a parameter.", "#/ssin"))
    code = Text(100, required=True, metadata=about("Stable code, kebab-case.", "invalid-ssin"))
    detail = Text(2000, metadata=about("The same for people, in their language.", "The number is not valid."))
    expected = Text(100, metadata=about("What would be right, where it can be told.", "2022-02-14"))


class ReadinessCheck(StrictSchema):
    """One need of a gateway that is to take registrations."""

    check = Choice(
        ("database", "audit", "keys", "standby", "disk"), required=True, metadata=about("Which need.", "database")
    )
    ok = Flag(required=True, metadata=about("Whether it is met.", True))
    why = Text(100, metadata=about("Stable code, kebab-case: why it is not met.", "disk-full"))


_CHECK = {"check": "disk", "ok": False, "why": "disk-full"}
_CHECKS = "What a gateway needs, need by need."


class Problem(StrictSchema):
    """Why a request was not done. Shape: what does not apply is left out."""

    type = Text(200, required=True, metadata=about("Page of the problem.", "/problems/outside-validity"))
    title = Text(200, required=True, metadata=about("What it is, in the caller's language.", "Outside validity"))
    status = WholeNumber(400, 599, required=True, metadata=about("HTTP status.", 422))
    detail = Text(
        2000, metadata=about("What happened and what to do, in the caller's language.", "The day is too early.")
    )
    code = Text(100, required=True, metadata=about("Stable code, kebab-case.", "outside-validity"))
    instance = Text(200, metadata=about("Id of the request.", EXAMPLE_ID))
    errors = ListOf(
        Block(FieldProblem, metadata=about("One field.", _FIELD)), metadata=about("Every field at fault.", [_FIELD])
    )
    checks = ListOf(Block(ReadinessCheck, metadata=about("One need.", _CHECK)), metadata=about(_CHECKS, [_CHECK]))
    rule = Text(20, metadata=about("Rule that refused.", "P3"))
    source = Text(200, metadata=about("Article that the rule comes from.", "C 5 §3, 9 §1"))
    allowed_from = Day(metadata=about("First day that would have been right.", "2022-02-01"))
    allowed_until = Day(metadata=about("Last day that would have been right.", "2022-06-30"))
    existing = Identifier(metadata=about("What is there already.", EXAMPLE_ID))
    nearest = ListOf(
        Text(100, metadata=about("A code that looks like it.", "794010")),
        metadata=about("Codes that look like the one sent.", ["794010"]),
    )
    available_from = Day(metadata=about("First day on which it can be asked for.", "2022-03-10"))
