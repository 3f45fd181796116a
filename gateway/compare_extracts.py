"""Compare two extracts for people: what was added, what is gone and what changed, by project, period and pseudocode.

Stage: anonymous.
Cost: memory for the names and figures of the first extract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.extract import Record
from gateway.extracts.columns import record_of
from gateway.extracts.formats import FORMATS, file_name

Place = tuple[str, str, str]
"""Project, period and pseudocode."""
OUTCOMES = ("added", "gone", "changed", "same")


class NotAnExtract(Exception):
    """A folder holds no file of records that can be read; the message names it."""


@dataclass(slots=True)
class Comparison:
    """How many records of each place were added, are gone, changed or are the same."""

    places: dict[Place, Counter[str]] = field(default_factory=dict)

    def count(self, record: Record, outcome: str) -> None:
        """Count one record."""
        self.places.setdefault((record.project, record.period, record.pseudocode), Counter())[outcome] += 1

    def total(self, outcome: str) -> int:
        """How many records in all."""
        return sum(counts[outcome] for counts in self.places.values())


def compare_extracts(first: Path, second: Path) -> Comparison:
    """Compare what two folders hold, in whatever formats.

    Shape: a record is the same when its name is, with its rung and traits; it changed when its figures or release did.
    Raises: NotAnExtract.
    """
    before = {_name(record): record for record in _records(first)}
    found = Comparison()
    for record in _records(second):
        earlier = before.pop(_name(record), None)
        found.count(record, "added" if earlier is None else "same" if earlier == record else "changed")
    for record in before.values():
        found.count(record, "gone")
    return found


def _name(record: Record) -> tuple[str | None, ...]:
    return (*record.class_key, record.pseudocode, record.rung)


def _records(folder: Path) -> Iterator[Record]:
    form = next((form for form in FORMATS if (folder / file_name(form)).is_file()), None)
    if form is None:
        raise NotAnExtract(f"{folder}: there is no {', '.join(map(file_name, FORMATS))} in it")
    try:
        for row in FORMATS[form].read(folder / file_name(form)):
            yield record_of(row)
    except (OSError, ValueError, KeyError, TypeError):
        raise NotAnExtract(f"{folder / file_name(form)}: it cannot be read as an extract") from None
