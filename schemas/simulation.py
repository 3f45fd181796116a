"""Simulations and explanations on the wire: dates with the rules that give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from schemas.catalogue import Convention
from schemas.fields import Block, Choice, Data, Day, Instant, JsonObject, ListOf, StrictField, StrictSchema, Text, about

TERMINATED_BY = ("inami", "project", "amendment_refused", "proposal_refused")
_STEP = {
    "rule": "V1",
    "source": "C 9 §1",
    "inputs": {"communicated_at": "2022-01-15T08:30:00Z", "communicated_on": "2022-01-15"},
    "result": "2022-02-01",
    "text": "Communicated on 2022-01-15, hence valid from 2022-02-01.",
}


class Communication(StrictSchema):
    """A communication that is supposed."""

    communicated_at = Instant(required=True, metadata=about("When it is communicated.", "2022-01-15T08:30:00Z"))


class Performance(StrictSchema):
    """An action that is supposed."""

    performed_on = Day(required=True, metadata=about("Day of the action.", "2022-02-14"))


class TerminationRequest(StrictSchema):
    """A convention's early end as notified in writing. Source: C3, C4."""

    by = Choice(TERMINATED_BY, required=True, metadata=about("By whom, or what was refused.", "inami"))
    notified_on = Day(required=True, metadata=about("Day of the written notification.", "2022-01-15"))


class SimulationRequest(StrictSchema):
    """What is supposed; at least one part besides the convention. Nothing of it is stored."""

    inclusion = Block(Communication, metadata=about("An inclusion.", {"communicated_at": "2022-01-15T08:30:00Z"}))
    exit = Block(Communication, metadata=about("Its exit.", {"communicated_at": "2022-06-07T08:15:00Z"}))
    action = Block(Performance, metadata=about("An action.", {"performed_on": "2022-02-14"}))
    convention = Block(
        Convention,
        metadata=about(
            "The convention; none limits when not given.", {"effective_from": "2021-09-01", "last_day": "2022-12-31"}
        ),
    )
    termination = Block(
        TerminationRequest, metadata=about("Its early end.", {"by": "inami", "notified_on": "2022-01-15"})
    )

    @validates_schema
    def check_supposition(self, data: Mapping[str, Any], **_: Any) -> None:
        """Something is supposed, and an exit does not come before its inclusion."""
        if not data.keys() - {"convention"}:
            raise ValidationError("required")
        started = data.get("inclusion", {}).get("communicated_at")
        if started is not None and "exit" in data and data["exit"]["communicated_at"] < started:
            raise ValidationError({"exit": {"communicated_at": ["ends-before-it-begins"]}})


class Result(StrictField[Any]):
    """What a rule gives: a day as text, a word, true, or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> Any:
        if not isinstance(value, str | bool):
            raise ValidationError("wrong-type")
        return value


class Step(StrictSchema):
    """One rule applied."""

    rule = Text(10, required=True, metadata=about("Id of the rule.", "V1"))
    source = Text(100, required=True, metadata=about("Its article.", "C 9 §1"))
    inputs = JsonObject(required=True, metadata=about("What went in.", _STEP["inputs"]))
    result = Result(
        required=True, allow_none=True, metadata=about("What came out: a day, a word, true or null.", "2022-02-01")
    )
    text = Text(2000, required=True, metadata=about("The same for people, in their language.", _STEP["text"]))


class Simulation(StrictSchema):
    """The dates that a supposition gives. Shape: what was not supposed is absent."""

    valid_from = Day(metadata=about("First valid day.", "2022-02-01"))
    valid_until = Day(allow_none=True, required=True, metadata=about("Last valid day; null while open.", "2022-06-30"))
    ends_on = Day(metadata=about("First day without convention.", "2022-07-01"))
    last_day = Day(metadata=about("Last day of the convention.", "2022-06-30"))
    steps = ListOf(
        Block(Step, metadata=about("One step.", _STEP)), required=True, metadata=about("The steps, in order.", [_STEP])
    )


class Explanation(StrictSchema):
    """Why an inclusion bears its dates."""

    steps = ListOf(
        Block(Step, metadata=about("One step.", _STEP)), required=True, metadata=about("The steps, in order.", [_STEP])
    )
