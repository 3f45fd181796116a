"""What a spreadsheet did to a value that is refused, told where it can be seen: nothing is mended silently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from gateway.domain.errors import FieldError, InvalidRequest

LENGTHS = {"invalid-ssin": (11,), "invalid-nihii": (8, 11), "invalid-nis": (5,), "malformed-pseudocode": (6,)}
"""How many digits a number has, by the code that refuses it."""
MOST_LOST = 4
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_PUNCTUATED = re.compile(r"[0-9][0-9 ./-]*[0-9]")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})")


def hinted(problem: InvalidRequest, document: Mapping[str, Any]) -> InvalidRequest:
    """The same problem, each of its errors as exact as the value allows.

    Shape: a number that fits no number's length with its zeros back keeps its code; so does one that is not a text.
    """
    return InvalidRequest([_hint(error, _value(document, error.pointer)) for error in problem.errors])


def _value(document: Any, pointer: str) -> Any:
    for name in pointer.removeprefix("#/").split("/"):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _hint(error: FieldError, value: Any) -> FieldError:
    if not isinstance(value, str):
        return error
    if error.code == "invalid-day":
        expected = day_meant(value)
        return error if expected is None else FieldError(error.pointer, "day-in-another-form", expected.isoformat())
    code = _number_hint(value, LENGTHS.get(error.code, ()))
    return error if code is None else FieldError(error.pointer, code)


def _number_hint(value: str, lengths: tuple[int, ...]) -> str | None:
    digits = re.sub("[ ./-]", "", value)
    if not lengths:
        return None
    if _ROUNDED.fullmatch(value):
        return "rounded-number"
    if value != digits and _PUNCTUATED.fullmatch(value) and len(digits) in lengths:
        return "digits-only"
    if re.fullmatch("[0-9]+", value) and len(value) not in lengths:
        return "leading-zeros-lost" if any(0 < length - len(value) <= MOST_LOST for length in lengths) else None
    return None


def day_meant(text: str) -> date | None:
    """The day that a text means in Belgium, where the day comes before the month; None when it means none.

    >>> day_meant("14/02/2022"), day_meant("2022/2/14"), day_meant("02/14/2022")
    (datetime.date(2022, 2, 14), datetime.date(2022, 2, 14), None)
    """
    day_first, year_first = _DAY_FIRST.fullmatch(text), _YEAR_FIRST.fullmatch(text)
    parts = day_first.groups()[::-1] if day_first else year_first.groups() if year_first else ()
    try:
        return date(*map(int, parts)) if parts else None
    except ValueError:
        return None
