"""The rule book: every rule by its id, with the article it comes from.

C is the convention between the Insurance Committee and a pilot project, D the royal decree of 31 July 2017.
Their texts, in four languages, are in `http/texts/rules.toml`; their examples are the tables of `tests/rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

VERSION = "1"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as a refusal or an explanation names it.

    Shape: `interpretation` when the texts leave it open, wholly (then it is the `source` too) or in part.
    """

    id: str
    source: str
    interpretation: bool = False


_INTERPRETATION = "interpretation"

_IN_ORDER = (
    Rule("V1", "C 9 §1"),
    Rule("V2", "C 9 §1"),
    Rule("V3", "C 16", interpretation=True),
    Rule("V4", "C 9 §1", interpretation=True),
    Rule("V5", _INTERPRETATION, interpretation=True),
    Rule("V6", "C 16 §1", interpretation=True),
    Rule("V7", "C 9 §1"),
    Rule("V8", _INTERPRETATION, interpretation=True),
    Rule("I1", "C 5 §2; D 1, 12°"),
    Rule("I7", "D 1, 11° and 12°"),
    Rule("I2", "D 1, 12°"),
    Rule("I3", _INTERPRETATION, interpretation=True),
    Rule("I4", "C 5 §3, 4", interpretation=True),
    Rule("I5", "C 1, 16"),
    Rule("I6", "D 14 §1, 9°", interpretation=True),
    Rule("P1", "D 1, 16°; C 5 §3"),
    Rule("P2", "C 5 §3", interpretation=True),
    Rule("P3", "C 5 §3, 9 §1", interpretation=True),
    Rule("P4", "C 1, 16 §1"),
    Rule("P5", "C 5 §3, 4", interpretation=True),
    Rule("P6", _INTERPRETATION, interpretation=True),
    Rule("P7", "C 5 §3, annex 7"),
    Rule("P8", "D 3"),
    Rule("P10", "C 5 §3"),
    Rule("P9", "C 12 §2", interpretation=True),
    Rule("C1", "D 2", interpretation=True),
    Rule("C2", "D 8 §1, 3°"),
    Rule("C3", "C 16 §2, §5; D 15", interpretation=True),
    Rule("C4", "C 16 §3, §6"),
    Rule("C5", "C 16 §2, §3, §5, §6"),
    Rule("C6", "C 2 §2", interpretation=True),
    Rule("C7", "D 9, 3°"),
    Rule("A1", "C 9 §1", interpretation=True),
    Rule("A2", "C 5 §3"),
    Rule("A3", "C 5 §3", interpretation=True),
    Rule("A4", "C 5 §3"),
    Rule("A5", "C 5 §3; D 1, 16°", interpretation=True),
    Rule("A6", "C 5 §3"),
    Rule("A7", "C 8 §1, 12; D 27"),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in _IN_ORDER})
"""Every rule by its id, in the order of the book.

>>> RULES["V1"].source, RULES["V5"].interpretation, len(RULES)
('C 9 §1', True, 39)
"""
