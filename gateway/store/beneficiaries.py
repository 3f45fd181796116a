"""Beneficiaries: one row per pseudonym, which everything about a person locks first.

Stage: pseudonymous.
Cost: one row by primary key. The row's lock gives commit order per beneficiary, its sequence gives it to the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.domain.delivery import Member
from gateway.store import dialects
from gateway.store.prepared import Prepared
from gateway.store.tables import beneficiary

NOBODY = 0
"""The sequence of a row that only holds the place of a person who lives under another pseudonym, or does not yet."""
_ROW = (
    beneficiary.c.bucket == bindparam("b_bucket"),
    beneficiary.c.project == bindparam("b_project"),
    beneficiary.c.pseudonym == bindparam("b_pseudonym"),
)
_NEXT = Prepared(
    update(beneficiary).where(*_ROW).values(sequence=beneficiary.c.sequence + 1).returning(beneficiary.c.sequence)
)
_NEXT_OR_FIRST = Prepared(
    lambda insert: (
        insert(beneficiary)
        .on_conflict_do_update(
            index_elements=["bucket", "project", "pseudonym"], set_={"sequence": beneficiary.c.sequence + 1}
        )
        .returning(beneficiary.c.sequence)
    )
)
_DESCRIBE = Prepared(
    update(beneficiary)
    .where(*_ROW)
    .values({name: bindparam(f"b_{name}") for name in ("insurer", "sex", "birth_date", "municipality")})
)
_HOLD = Prepared(
    lambda insert: insert(beneficiary).on_conflict_do_update(
        index_elements=["bucket", "project", "pseudonym"], set_={"sequence": beneficiary.c.sequence}
    )
)
_EMPTY_ONES = select(beneficiary.c.bucket, beneficiary.c.project, beneficiary.c.pseudonym).where(
    beneficiary.c.sequence == NOBODY
)
_CLEAR = delete(beneficiary).where(*_ROW, beneficiary.c.sequence == NOBODY)
_ADVANCE = update(beneficiary).where(*_ROW).values(sequence=bindparam("b_sequence"))
_KNOWN = Prepared(select(beneficiary.c.sequence).where(*_ROW))
_LOCK = Prepared(select(beneficiary.c.bucket).where(*_ROW).with_for_update())

Person = tuple[int, str, bytes]
"""Bucket, project and pseudonym."""


class Beneficiaries:
    """The beneficiaries inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, bucket: int, project: str, pseudonym: bytes) -> int | None:
        """Lock a known beneficiary until the transaction ends; the sequence of its next message, or None."""
        row = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym}
        return next((int(found.sequence) for found in _NEXT.ask(self._connection, row)), None)

    def lock_or_add(self, bucket: int, project: str, pseudonym: bytes) -> int:
        """Lock a beneficiary, known or new; the sequence of its next message. 1 means new."""
        row = {"bucket": bucket, "project": project, "pseudonym": pseudonym, "sequence": 1}
        [found] = _NEXT_OR_FIRST.ask(self._connection, row)
        return int(found.sequence)

    def lock_all(self, persons: Iterable[Person]) -> None:
        """Lock known beneficiaries until the transaction ends, in the order of bucket and pseudonym."""
        wanted = [_place(one) for one in sorted(set(persons), key=_order)]
        if wanted and dialects.has_row_locks(self._connection):
            _LOCK.tell_all(self._connection, wanted)

    def hold(self, persons: Iterable[Person]) -> None:
        """Lock the places of persons, known or not, in the order of bucket and pseudonym.

        Shape: who is not known yet gets a row with the sequence 0.
        """
        for bucket, project, pseudonym in sorted(set(persons), key=_order):
            row = {"bucket": bucket, "project": project, "pseudonym": pseudonym, "sequence": NOBODY}
            _HOLD.tell(self._connection, row)

    def vacate(self, person: Person) -> None:
        """Remove the row of a place where nobody is."""
        self._connection.execute(_CLEAR, _place(person))

    def clear(self, limit: int) -> int:
        """Remove some rows that held a place and were nobody's; how many there were."""
        found = self._connection.execute(_EMPTY_ONES.limit(limit)).all()
        if found:
            self._connection.execute(_CLEAR, [_place((row.bucket, row.project, row.pseudonym)) for row in found])
        return len(found)

    def advance(self, bucket: int, project: str, pseudonym: bytes, sequence: int) -> None:
        """Set the sequence number of the last message of a locked beneficiary."""
        row = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym, "b_sequence": sequence}
        self._connection.execute(_ADVANCE, row)

    def is_known(self, bucket: int, project: str, pseudonym: bytes) -> bool:
        """Whether the project ever had an inclusion of this pseudonym."""
        row = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym}
        return bool(_KNOWN.ask(self._connection, row))

    def describe(self, told: Sequence[tuple[Person, Member]]) -> None:
        """Keep what the member register told of beneficiaries; of one that it told of twice, the last word stands."""
        _DESCRIBE.tell_all(self._connection, [_described(*one) for one in told])


def _order(person: Person) -> tuple[int, bytes]:
    """The order in which everybody locks."""
    return person[0], person[2]


def _place(person: Person) -> dict[str, Any]:
    return dict(zip(("b_bucket", "b_project", "b_pseudonym"), person, strict=True))


def _described(person: Person, member: Member) -> dict[str, Any]:
    return {
        **_place(person),
        "b_insurer": member.insurer,
        "b_sex": member.sex,
        "b_birth_date": member.birth_date,
        "b_municipality": member.municipality,
    }
