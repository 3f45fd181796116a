"""JSON read strictly and written deterministically: what two programs could read differently is refused.

Refused on the way in: another encoding than UTF-8, a BOM, lone surrogates (escaped ones too), a member named twice,
NaN and Infinity, numbers beyond a signed 64-bit integer or a double, more than sixteen levels, and trailing text.
"""

from __future__ import annotations

import json
import math
import re
from typing import ClassVar, Never

MAX_DEPTH = 16
SMALLEST, LARGEST = -(2**63), 2**63 - 1
MAX_INTEGER_CHARACTERS = 20  # "-9223372036854775808"; longer ones are refused before they cost a conversion
MAX_FLOAT_CHARACTERS = 64

# A string is one token, closed or not, so that brackets inside it do not count and the scan stays linear.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class StrictJsonError(ValueError):
    """The bytes are not JSON that this contract takes; the message is a stable code and never a value."""

    code: ClassVar[str] = "malformed-json"

    def __str__(self) -> str:
        """The stable code."""
        return self.code


class NotJson(StrictJsonError):
    """It is not one JSON document in UTF-8 with numbers in range."""


class DuplicateMember(StrictJsonError):
    """An object names one member twice."""

    code = "duplicate-member"


class TooDeep(StrictJsonError):
    """Arrays and objects nest deeper than sixteen levels."""

    code = "too-deep"


def loads(raw: bytes) -> object:
    """The value that the bytes hold.

    >>> loads(b'{"project": "demo-nord"}')
    {'project': 'demo-nord'}

    Cost: linear in the bytes; the depth is known before parsing, so no input exhausts the stack.
    Raises: NotJson, DuplicateMember, TooDeep.
    """
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        value = _DECODER.decode(text)
        if _ESCAPED_SURROGATE.search(text):
            dumps(value)  # a lone surrogate cannot be written back
    except StrictJsonError:
        raise
    except (UnicodeError, json.JSONDecodeError):
        raise NotJson from None
    return value


def dumps(value: object) -> bytes:
    """Compact JSON in UTF-8, members in the order given: the same value gives the same bytes.

    >>> dumps({"b": "é", "a": None})
    b'{"b":"\\xc3\\xa9","a":null}'

    Raises: ValueError for NaN, Infinity and lone surrogates; TypeError for what JSON has no form for.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def canonical(value: object) -> bytes:
    """As `dumps`, members sorted: two objects that differ in order alone give the same bytes.

    >>> canonical({"b": 1, "a": 2})
    b'{"a":2,"b":1}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise TooDeep


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DuplicateMember
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_CHARACTERS or not SMALLEST <= int(digits) <= LARGEST:
        raise NotJson
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > MAX_FLOAT_CHARACTERS or not math.isfinite(float(digits)):
        raise NotJson
    return float(digits)


def _constant(_name: str) -> Never:
    raise NotJson


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
