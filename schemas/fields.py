"""Strict fields: each takes one form of one JSON type, and says what is wrong by a stable code.

Every error message is a kebab-case code; `pointers` turns an error dictionary into (JSON pointer, code) pairs.
marshmallow's own fields take "yes" for true, 1.9 for 1, week dates and times without zone: none of them is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields

from schemas import checks
from schemas.dumping import dumper_of
from schemas.pointers import pointers as pointers  # noqa: PLC0414 - a door takes fields and pointers from one place

T = TypeVar("T")
Data = Mapping[str, Any] | None

FIRST_YEAR, LAST_YEAR = 1900, 2199

_CODES: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "required",
    "null": "null-not-allowed",
    "invalid": "wrong-type",
    "type": "wrong-type",
}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def about(description: str, example: object) -> dict[str, Any]:
    """The metadata of a field: what it is, and a value that it takes."""
    return {"description": description, "example": example}


class StrictSchema(Schema):
    """An object whose members are all named here; another one is refused."""

    error_messages: ClassVar[dict[str, str]] = {"type": "not-an-object", "unknown": "unknown-member"}  # type: ignore[misc]  # marshmallow names it an instance attribute

    class Meta:
        """Another member is an error."""

        unknown = RAISE

    @cached_property
    def _dumper(self) -> Callable[[Any], dict[str, Any]]:
        return dumper_of(self)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """The object as the schema has it, or each of many."""
        return [self._dumper(each) for each in obj] if many else self._dumper(obj)


class StrictField(fields.Field[T]):
    """A field whose messages are codes."""

    default_error_messages = _CODES


class CodedText(StrictField[str]):
    """A string of one exact form, loaded as it is; `code` says that the form is another."""

    code: ClassVar[str]

    def fits(self, text: str) -> bool:
        """Whether the string has the form."""
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> str:
        text = as_text(value)
        if not self.fits(text):
            raise ValidationError(self.code)
        return text


class Patterned(CodedText):
    """A string that one pattern describes whole; digits in it are ASCII."""

    pattern: ClassVar[re.Pattern[str]]

    def fits(self, text: str) -> bool:
        """Whether the pattern matches from the first character to the last."""
        return self.pattern.fullmatch(text) is not None


class Ssin(CodedText):
    """An SSIN of 11 digits. Stage: identified."""

    code = "invalid-ssin"

    def fits(self, text: str) -> bool:
        """Whether it is a national number or BIS number."""
        return checks.is_ssin(text)


class Nihii(CodedText):
    """An INAMI/RIZIV number of one of the given lengths."""

    code = "invalid-nihii"

    def __init__(self, *, lengths: Collection[int] = (8, 11), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lengths = lengths

    def fits(self, text: str) -> bool:
        """Whether the length is one of those, and the check digits are right."""
        return len(text) in self.lengths and checks.is_nihii(text)


class Cbe(CodedText):
    """An enterprise number of 10 digits."""

    code = "invalid-cbe"

    def fits(self, text: str) -> bool:
        """Whether the check digits are right."""
        return checks.is_cbe(text)


class Pseudocode(CodedText):
    """Six digits. Source: P1."""

    code = "malformed-pseudocode"

    def fits(self, text: str) -> bool:
        """Whether it is exactly six digits."""
        return checks.is_pseudocode(text)


class Nis(CodedText):
    """A NIS code of five digits."""

    code = "invalid-nis"

    def fits(self, text: str) -> bool:
        """Whether it is exactly five digits."""
        return checks.is_nis(text)


class ProjectId(CodedText):
    """The id of a project."""

    code = "invalid-project-id"

    def fits(self, text: str) -> bool:
        """Whether it is 1 to 40 of a-z, 0-9 and hyphen."""
        return checks.is_project_id(text)


class Month(Patterned):
    """A calendar month, `YYYY-MM`, of the years that periods have: 2000 to 2199."""

    code = "invalid-month"
    pattern = re.compile(r"(?:20|21)[0-9]{2}-(?:0[1-9]|1[0-2])")


class Quarter(Patterned):
    """A calendar quarter, `YYYY-Qn`, of the same years."""

    code = "invalid-quarter"
    pattern = re.compile(r"(?:20|21)[0-9]{2}-Q[1-4]")


class Year(Patterned):
    """A calendar year, `YYYY`, of the same years."""

    code = "invalid-year"
    pattern = re.compile(r"(?:20|21)[0-9]{2}")


class Amount(Patterned):
    """An amount, kept as the string sent. Units: EUR, exactly two decimals, never negative."""

    code = "invalid-amount"
    pattern = re.compile(r"(?:0|[1-9][0-9]{0,8})\.[0-9]{2}")


class Cursor(Patterned):
    """Where a list goes on: opaque, as `next` gave it."""

    code = "invalid-parameter"
    pattern = re.compile(r"[\x21-\x7e]{1,512}")


class Parameter(CodedText):
    """A query parameter whose meaning is decided later: plain text of at most 200 characters."""

    code = "invalid-parameter"

    def fits(self, text: str) -> bool:
        """Whether it is short and plain."""
        return len(text) <= 200 and checks.is_plain_text(text)


class Day(StrictField[date]):
    """A calendar day, `YYYY-MM-DD` and no other form, of the years 1900 to 2199."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> date:
        text = as_text(value)
        if not _DAY.fullmatch(text) or not _year_fits(text):
            raise ValidationError("invalid-day")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValidationError("invalid-day") from None

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()


class Instant(StrictField[datetime]):
    """An RFC 3339 instant with zone, loaded and dumped in UTC; no fraction is dumped when it is zero.

    Not: a time without zone, a leap second and more than six digits of fraction are refused.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> datetime:
        text = as_text(value)
        if not _INSTANT.fullmatch(text) or not _year_fits(text):
            raise ValidationError("invalid-instant")
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            raise ValidationError("invalid-instant") from None

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant has a zone")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class Identifier(StrictField[UUID]):
    """A UUID in its usual form of 36 characters, of either case."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> UUID:
        text = as_text(value)
        if not _UUID.fullmatch(text):
            raise ValidationError("invalid-id")
        return UUID(text)

    def _serialize(self, value: UUID | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


class Flag(StrictField[bool]):
    """JSON true or false; neither 1 nor "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("wrong-type")
        return value


class WholeNumber(StrictField[int]):
    """A JSON integer between two bounds, both inclusive; neither 1.0 nor true nor "1"."""

    def __init__(self, minimum: int, maximum: int = 2**63 - 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum, self.maximum = minimum, maximum

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("wrong-type")
        if not self.minimum <= value <= self.maximum:
            raise ValidationError("out-of-range")
        return value


class Limit(StrictField[int]):
    """How many items of a list, from a query string: 1 to 1000, 100 when not given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(load_default=100, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> int:
        if not re.fullmatch(r"[1-9][0-9]{0,2}|1000", as_text(value)):
            raise ValidationError("invalid-parameter")
        return int(value)


class Text(StrictField[str]):
    """Free text for people, stripped: plain, not empty, without an SSIN, of at most `max_length` characters."""

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> str:
        text = as_text(value).strip()
        if not text:
            raise ValidationError("required")
        if not checks.is_plain_text(value):
            raise ValidationError("invalid-characters")
        if len(text) > self.max_length:
            raise ValidationError("too-long")
        if checks.holds_ssin(text):
            raise ValidationError("identity-in-text")
        return text


class Choice(StrictField[str]):
    """One of the listed strings, exactly."""

    def __init__(self, values: Collection[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.values = values

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> str:
        text = as_text(value)
        if text not in self.values:
            raise ValidationError("unknown-value")
        return text


class JsonObject(StrictField[dict[str, Any]]):
    """An object whose members are not described here."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("wrong-type")
        return value


class Block(fields.Nested):
    """An object inside an object."""

    default_error_messages = _CODES


class ListOf(fields.List[Any]):
    """An array of one kind of item.

    Shape: `minimum` to `maximum` items (none: no bound); `unique` names what no two items may share.
    """

    default_error_messages = _CODES

    def __init__(
        self,
        inner: fields.Field[Any],
        *,
        minimum: int = 0,
        maximum: int | None = None,
        unique: Callable[[Any], Hashable] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(inner, **kwargs)
        self.minimum, self.maximum, self.unique = minimum, maximum, unique

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("wrong-type")
        if len(value) < self.minimum:
            raise ValidationError("required")
        if self.maximum is not None and len(value) > self.maximum:
            raise ValidationError("too-long")
        items = super()._deserialize(value, attr, data, **kwargs)
        if self.unique and len({self.unique(item) for item in items}) != len(items):
            raise ValidationError("not-unique")
        return items


def as_text(value: Any) -> str:
    """The value, if it is a string. Raises: ValidationError (`wrong-type`)."""
    if not isinstance(value, str):
        raise ValidationError("wrong-type")
    return value


def check_order(data: Mapping[str, Any], earlier: str, later: str) -> None:
    """That the later day is not before the earlier one, where both are there. Raises: ValidationError on the later."""
    first, last = data.get(earlier), data.get(later)
    if first is not None and last is not None and last < first:
        raise ValidationError("ends-before-it-begins", later)


def _year_fits(text: str) -> bool:
    return FIRST_YEAR <= int(text[:4]) <= LAST_YEAR
