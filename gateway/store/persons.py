"""Which rows of a table are a person's, found by its indexes alone.

Stage: pseudonymous.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import ColumnElement, Table, TextClause, text, true

from gateway.store.beneficiaries import Person
from gateway.store.tables import action, inclusion

Conditions = tuple[ColumnElement[bool] | TextClause, ...]
_PARTS: Mapping[Table, tuple[TextClause, ...]] = {
    inclusion: (text("inclusion.superseded_at IS NULL"), text("inclusion.superseded_at IS NOT NULL")),
    action: (
        text("action.superseded_at IS NULL AND action.status = 'recorded'"),
        text("(action.superseded_at IS NOT NULL OR action.status <> 'recorded')"),
    ),
}
"""Tables that have no one index of all of a person's rows: in parts, each by an index, as that says it."""


def of_person(table: Table, person: Person) -> tuple[ColumnElement[bool], ...]:
    """What a row of a person meets."""
    return (table.c.bucket == person[0], table.c.project == person[1], table.c.pseudonym == person[2])


def parts_of_person(table: Table, person: Person) -> Iterator[Conditions]:
    """The same in parts that have no row in common, for tables of which every version may be wanted."""
    for part in _PARTS.get(table, (true(),)):
        yield (*of_person(table, person), part)
