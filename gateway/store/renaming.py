"""Renaming: everything of a person under another pseudonym, as if it had always been there; nothing becomes history.

Stage: pseudonymous, and identified as sealed bytes only.
Cost: the rows of one person, in one transaction. A row is never updated to another bucket (SCALE 5): it is taken away
here and added there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, delete, insert, select, update

from gateway.store.beneficiaries import NOBODY, Person
from gateway.store.persons import of_person, parts_of_person
from gateway.store.tables import action, beneficiary, delivery_failure, former_pseudonym, inclusion, outbox, vault

Rows = Sequence[Mapping[str, Any]]
_TRAITS = ("insurer", "sex", "birth_date", "municipality")


class Renaming:
    """Renaming inside one transaction, in which both places are held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_being_sent(self, person: Person, now: datetime) -> bool:
        """Whether a worker holds a message of a person, which it must find again where it was; all are locked."""
        rows = self._connection.execute(
            select(outbox).where(*of_person(outbox, person)).order_by(outbox.c.id).with_for_update()
        )
        return any(row.leased_until is not None and row.leased_until > now for row in rows)

    def has_unsettled(self, person: Person) -> bool:
        """Whether a message of a person still waits, for MyCareNet or for somebody here."""
        unsettled = (*of_person(outbox, person), outbox.c.state.not_in(("accepted", "rejected")))
        return self._connection.execute(select(outbox.c.id).where(*unsettled).limit(1)).first() is not None

    def messages_with_another_number(self, person: Person) -> list[tuple[UUID, bytes, bytes]]:
        """A person's messages that bear another number than the vault's: id, pseudonym and seal of that number."""
        theirs = (*of_person(outbox, person), outbox.c.sealed_tried_ssin.is_not(None))
        rows = self._connection.execute(select(outbox).where(*theirs)).all()
        return [(row.id, bytes(row.tried_pseudonym), bytes(row.sealed_tried_ssin)) for row in rows]

    def rename(
        self, old: Person, new: Person, sealed: bytes | None, tried: Mapping[UUID, tuple[bytes, bytes]]
    ) -> list[UUID]:
        """Put everything of a person under another pseudonym; the ids of what is there now.

        Shape: `sealed` is the identity for its new row, None to have none; `tried` has of each message that bears
        another number its pseudonym and seal.
        """
        self._be(old, new)
        facts = [*self._take(inclusion, old, new), *self._take(action, old, new)]
        messages = self._take(outbox, old, new, lambda row: _message(row, tried))
        self._failures([row["id"] for row in messages], old[0], new[0])
        self._connection.execute(delete(vault).where(*of_person(vault, old)))
        if sealed is not None:
            self._add(vault, [{**_place(new), "sealed_ssin": sealed}])
        current = dict.fromkeys(row["id"] for row in facts if row["superseded_at"] is None)
        return [*current, *(row["id"] for row in messages)]

    def remember(self, old: Person, new: Person) -> None:
        """Keep which pseudonym the audit has for what was done before, and those from before that."""
        self._take(former_pseudonym, old, new)
        self._add(former_pseudonym, [{**_place(new), "former_pseudonym": old[2], "former_bucket": old[0]}])

    def former(self, person: Person) -> list[Person]:
        """Under which other pseudonyms a person's audit entries were written."""
        rows = self._connection.execute(select(former_pseudonym).where(*of_person(former_pseudonym, person)))
        return [(row.former_bucket, row.project, bytes(row.former_pseudonym)) for row in rows]

    def _be(self, old: Person, new: Person) -> None:
        """Make the new place somebody's, and the old one nobody's."""
        row = self._connection.execute(select(beneficiary).where(*of_person(beneficiary, old))).one()
        there = {name: getattr(row, name) for name in ("sequence", *_TRAITS)}
        self._connection.execute(update(beneficiary).where(*of_person(beneficiary, new)).values(there))
        gone = {"sequence": NOBODY, **dict.fromkeys(_TRAITS)}
        self._connection.execute(update(beneficiary).where(*of_person(beneficiary, old)).values(gone))

    def _take(
        self,
        table: Table,
        old: Person,
        new: Person,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {},
    ) -> Rows:
        """Take a person's rows of a table from one place to another."""
        rows: list[Any] = []
        for theirs in parts_of_person(table, old):
            rows += self._connection.execute(select(table).where(*theirs)).mappings().all()
            self._connection.execute(delete(table).where(*theirs))
        self._add(table, [{**row, **_place(new), **change(row)} for row in rows])
        return rows

    def _failures(self, messages: Sequence[UUID], bucket: int, new_bucket: int) -> None:
        theirs = (delivery_failure.c.bucket == bucket, delivery_failure.c.message.in_(messages))
        rows = [dict(row._mapping) for row in self._connection.execute(select(delivery_failure).where(*theirs))]
        self._connection.execute(delete(delivery_failure).where(*theirs))
        self._add(delivery_failure, [{**row, "bucket": new_bucket} for row in rows])

    def _add(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        added = list(rows)
        if added:
            self._connection.execute(insert(table), added)


def _message(row: Mapping[str, Any], tried: Mapping[UUID, tuple[bytes, bytes]]) -> Mapping[str, Any]:
    """What changes in a message that bears another number."""
    if row["id"] not in tried:
        return {}
    pseudonym, sealed = tried[row["id"]]
    return {"tried_pseudonym": pseudonym, "sealed_tried_ssin": sealed}


def _place(person: Person) -> dict[str, Any]:
    return {"bucket": person[0], "project": person[1], "pseudonym": person[2]}
