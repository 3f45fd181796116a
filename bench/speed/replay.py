"""The gateway's own SQL as a script for pgbench: what one registration sent, taken from PostgreSQL's log.

Two registrations are compared, parameter by parameter: what is the same in both stays as it was, and what differs is
made anew for each transaction, of the same kind and length. So the script follows the gateway by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

LAST = "COMMIT"
MARK = "INSERT INTO inclusion "
"""By which a registration's transaction is known."""
_SAID = re.compile(r"(?:statement|execute [^:]+): (.*)", re.DOTALL)
_GIVEN = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
_PLACE = re.compile(r"\$(\d+)")
_BYTES = re.compile(r"'\\x[0-9a-f]+'")
_UUID = re.compile(r"'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'")
_NEAR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the server got it: its text with places, and what was given for each as a literal."""

    text: str
    given: Mapping[int, str]


def registrations(log: Path) -> list[list[Statement]]:
    """The transactions of registrations in a log in JSON, each from its `BEGIN` to its `COMMIT`."""
    sessions: dict[int, list[Statement]] = {}
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        said = _SAID.fullmatch(entry.get("message", ""))
        if said is None:
            continue
        open_one = sessions.setdefault(entry["pid"], [])
        statement = Statement(said[1], dict(_given(entry.get("detail", ""))))
        if statement.text.startswith("BEGIN"):
            open_one.clear()
        open_one.append(statement)
        if statement.text == LAST:
            if any(one.text.startswith(MARK) for one in open_one):
                found.append(list(open_one))
            open_one.clear()
    return found


def _given(detail: str) -> Iterator[tuple[int, str]]:
    return ((int(number), literal) for number, literal in _GIVEN.findall(detail))


def script(one: Sequence[Statement], other: Sequence[Statement], *, in_one_trip: bool) -> str:
    """What pgbench runs; `in_one_trip` all of it is sent before the first answer is awaited, or else each by itself.

    Raises: ValueError when the two were not made of the same statements.
    """
    if [it.text for it in one] != [it.text for it in other]:
        raise ValueError("two registrations sent different statements")
    fresh = _Fresh()
    texts = [_filled(it, fresh.changed(it.given, its_other.given)) for it, its_other in zip(one, other, strict=True)]
    lines = [*fresh.lines(), *(f"{text};" for text in texts)]
    if in_one_trip:
        lines = [*fresh.lines(), "\\startpipeline", *(f"{text};" for text in texts), "\\endpipeline"]
    return "\n".join(lines) + "\n"


def _filled(statement: Statement, given: Mapping[int, str]) -> str:
    return _PLACE.sub(lambda place: given[int(place[1])], statement.text)


@dataclass(slots=True)
class _Fresh:
    """What is made anew for each transaction, by what it was in the first registration."""

    made: dict[str, str] = field(default_factory=dict)
    ranges: list[int] = field(default_factory=list)

    def changed(self, given: Mapping[int, str], other: Mapping[int, str]) -> dict[int, str]:
        return {
            number: _quoted(literal) if literal == other[number] else self._anew(literal)
            for number, literal in given.items()
        }

    def _anew(self, literal: str) -> str:
        if literal not in self.made:
            self.made[literal] = self._expression(literal)
        return self.made[literal]

    def _expression(self, literal: str) -> str:
        if _BYTES.fullmatch(literal):
            digits = literal[3:-1]
            unique = f"substr(sha256(int8send({self._random(2**62)})), 1, {min(32, len(digits) // 2)})"
            return f"({unique} || '\\x{digits[64:]}'::bytea)"
        if _UUID.fullmatch(literal):
            return f"encode(int8send(:instant) || int8send({self._random(2**62)}), 'hex')::uuid"
        if re.fullmatch(r"'\d{1,4}'", literal):
            return self._random(4095)
        return "now()" if _is_now(literal) else _quoted(literal)

    def _random(self, most: int) -> str:
        self.ranges.append(most)
        return f":v{len(self.ranges)}"

    def lines(self) -> Iterable[str]:
        """The variables: `instant` makes ids that grow with time."""
        yield "\\set instant :instant + 65536"
        yield from (f"\\set v{number} random(0, {most})" for number, most in enumerate(self.ranges, 1))


def _is_now(literal: str) -> bool:
    try:
        at = datetime.fromisoformat(literal.strip("'"))
    except ValueError:
        return False
    return at.tzinfo is not None and abs(datetime.now(UTC) - at) < _NEAR


def _quoted(literal: str) -> str:
    """A literal in which pgbench sees no variable."""
    if ":" not in literal:
        return literal
    return "E" + literal.replace("\\", "\\\\").replace(":", "\\x3a")
