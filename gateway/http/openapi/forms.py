"""The form of every strict field as JSON Schema: what the field takes, and nothing else.

Shape: a pattern stands whole between `^` and `$`; `format` names a form whose check digits no pattern can say.
A kind of field without a form here is an error, so none can be published as "anything".
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from marshmallow import fields

from schemas import aggregate, batch, simulation
from schemas import fields as strict
from schemas.audit import Moment
from schemas.catalogue import ByYear

Form = dict[str, Any]

_UNPLAIN = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
PLAIN = rf"^[^{_UNPLAIN}]*[^\s{_UNPLAIN}][^{_UNPLAIN}]*$"
_DAY = r"(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def text(pattern: str, format_: str | None = None) -> Form:
    """A string that a pattern describes, and perhaps a format too."""
    form = {"type": "string", "pattern": f"^{pattern}$"}
    return form if format_ is None else {**form, "format": format_}


@singledispatch
def form_of(field: fields.Field[Any]) -> Form:
    """The JSON Schema of what a field takes, but for null and for what its nested schemas say.

    Raises: TypeError for a kind of field that has no form.
    """
    raise TypeError(f"{type(field).__name__} has no form in JSON Schema")


@form_of.register
def _(field: strict.Patterned) -> Form:
    return text(field.pattern.pattern.replace("(?:", "("))


@form_of.register
def _(field: strict.Cursor) -> Form:
    return {**text("[!-~]+"), "minLength": 1, "maxLength": 512}


@form_of.register
def _(field: strict.Ssin) -> Form:
    return text("[0-9]{11}", "ssin")


@form_of.register
def _(field: strict.Nihii) -> Form:
    return text("|".join(f"[0-9]{{{length}}}" for length in field.lengths).join("()"), "nihii")


@form_of.register
def _(field: strict.Cbe) -> Form:
    return text("[0-9]{10}", "cbe")


@form_of.register
def _(field: strict.Pseudocode) -> Form:
    return text("[0-9]{6}")


@form_of.register
def _(field: strict.Nis) -> Form:
    return text("[0-9]{5}")


@form_of.register
def _(field: strict.ProjectId) -> Form:
    return text("[a-z0-9-]{1,40}")


@form_of.register
def _(field: strict.Parameter) -> Form:
    return {"type": "string", "pattern": PLAIN, "minLength": 1, "maxLength": 200}


@form_of.register
def _(field: strict.Day) -> Form:
    return text(_DAY, "date")


@form_of.register
def _(field: strict.Instant) -> Form:
    return text(f"{_DAY}T{_TIME}{_ZONE}", "date-time")


@form_of.register
def _(field: Moment) -> Form:
    return text(f"{_DAY}(T{_TIME}{_ZONE})?")


@form_of.register
def _(field: strict.Identifier) -> Form:
    return {"type": "string", "format": "uuid", "pattern": _UUID}


@form_of.register
def _(field: strict.Flag) -> Form:
    return {"type": "boolean"}


@form_of.register
def _(field: strict.WholeNumber) -> Form:
    return {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}


@form_of.register
def _(field: strict.Limit) -> Form:
    return {"type": "integer", "minimum": 1, "maximum": 1000}


@form_of.register
def _(field: strict.Text) -> Form:
    return {"type": "string", "pattern": PLAIN, "minLength": 1, "maxLength": field.max_length}


@form_of.register
def _(field: strict.Choice) -> Form:
    return {"type": "string", "enum": list(field.values)}


@form_of.register
def _(field: strict.JsonObject) -> Form:
    return {"type": "object"}


@form_of.register
def _(field: aggregate.Dimensions) -> Form:
    return {"type": "object", "additionalProperties": {"type": "string"}}


@form_of.register
def _(field: aggregate.Providers) -> Form:
    return {
        "type": ["integer", "string"],
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "enum": list(aggregate.PROVIDER_BANDS)}],
    }


@form_of.register
def _(field: simulation.Result) -> Form:
    return {"type": ["string", "boolean"]}


@form_of.register
def _(field: ByYear) -> Form:
    return {"type": "object", "propertyNames": form_of(strict.Year())}


@form_of.register
def _(field: batch.Mode) -> Form:
    return {"type": "string", "enum": list(batch.MODES)}


@form_of.register
def _(field: batch.Share) -> Form:
    return {"type": "number", "minimum": 0, "maximum": 1}


@form_of.register
def _(field: strict.Block) -> Form:
    return {}


@form_of.register
def _(field: strict.ListOf) -> Form:
    least = {"minItems": field.minimum} if field.minimum else {}
    most = {} if field.maximum is None else {"maxItems": field.maximum}
    return {"type": "array", **least, **most}


def or_null(form: Form) -> Form:
    """A form that takes null as well."""
    if "$ref" in form:
        rest = {name: value for name, value in form.items() if name != "$ref"}
        return {**rest, "anyOf": [{"$ref": form["$ref"]}, {"type": "null"}]}
    kinds = form["type"] if isinstance(form["type"], list) else [form["type"]]
    widened = {**form, "type": [*kinds, "null"]}
    if "enum" in form:
        widened["enum"] = [*form["enum"], None]
    if "anyOf" in form:
        widened["anyOf"] = [*form["anyOf"], {"type": "null"}]
    return widened
