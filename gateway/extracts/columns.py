"""The columns of an extract, and its rows: one tuple a record, in the order of the columns. Stage: anonymous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Literal

from gateway.domain.extract import Record
from gateway.domain.ladder import Recipient
from gateway.domain.lattice import INSURER

Value = str | int | None
Row = tuple[Value, ...]
INTEGERS = frozenset({"beneficiaries", "actions", "margin_beneficiaries", "margin_actions"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, and the type of its values; a text may be absent."""

    name: str
    type: Literal["text", "integer"]


def columns_of(recipient: Recipient) -> tuple[Column, ...]:
    """The columns of an extract for a recipient: the insurer is one for insurers alone.

    >>> [column.name for column in columns_of(Recipient.POLICY)][:6]
    ['project', 'period_kind', 'period', 'pseudocode', 'rung', 'district']
    """
    names = [each.name for each in fields(Record)]
    kept = [name for name in names if name != INSURER or recipient is Recipient.INSURER]
    return tuple(Column(name, "integer" if name in INTEGERS else "text") for name in kept)


def rows_of(records: Iterable[Record], columns: Sequence[Column]) -> Iterator[Row]:
    """Records as rows. Shape: there are two columns at least."""
    return map(attrgetter(*(column.name for column in columns)), records)


def record_of(named: Mapping[str, Value]) -> Record:
    """The record that a row holds, by the names of its columns.

    Raises: KeyError for a column that is missing; TypeError for a value of another type.
    """
    values = {each.name: named.get(each.name) if each.name == INSURER else named[each.name] for each in fields(Record)}
    wrong = [name for name in INTEGERS if not isinstance(values[name], int)]
    if wrong:
        raise TypeError(f"{wrong[0]} is a whole number")
    return Record(**values)  # type: ignore[arg-type] # what a file holds is checked by whoever reads it
