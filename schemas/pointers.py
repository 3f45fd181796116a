"""Validation errors as a client reads them: where each is, and which code it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas import checks

MOST_ERRORS = 200
LONGEST_SEGMENT = 64


def pointers(messages: Mapping[Any, Any] | list[Any]) -> list[tuple[str, str]]:
    """The (JSON pointer, code) pairs of a validation error, sorted; at most 200 of them.

    >>> pointers({"agreement": {"agreed_on": ["invalid-day"]}, "_schema": ["not-an-object"]})
    [('#', 'not-an-object'), ('#/agreement/agreed_on', 'invalid-day')]
    >>> pointers({"a/b~c": ["unknown-member"], "85073003328": ["unknown-member"]})
    [('#/?', 'unknown-member'), ('#/a~1b~0c', 'unknown-member')]

    Shape: a member's name is cut to 64 characters, and is `?` where it is not plain text or has 11 digits or more.
    """
    return sorted(set(_walk(messages, "#")))[:MOST_ERRORS]


def _walk(node: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for member, below in node.items():
            yield from _walk(below, pointer if member == "_schema" else f"{pointer}/{_segment(str(member))}")
    elif isinstance(node, list):
        for each in node:
            yield from _walk(each, pointer)
    else:
        yield pointer, str(node)


def _segment(member: str) -> str:
    # Twice the length is looked at, so that a number which the cut halves is seen whole.
    seen = member[: 2 * LONGEST_SEGMENT]
    digits = sum(character.isdecimal() for character in checks.ascii_digits(seen))
    if digits >= 11 or (seen and not checks.is_plain_text(seen)):
        return "?"
    return seen[:LONGEST_SEGMENT].replace("~", "~0").replace("/", "~1")
