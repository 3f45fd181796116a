"""The vault: sealed identities, opened for the way out alone.

Stage: identified, as sealed bytes only.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, literal, select, tuple_

from gateway.store.beneficiaries import Person
from gateway.store.prepared import Prepared
from gateway.store.tables import vault

_ROW = (
    vault.c.bucket == bindparam("b_bucket"),
    vault.c.project == bindparam("b_project"),
    vault.c.pseudonym == bindparam("b_pseudonym"),
)
_KEY = (vault.c.bucket, vault.c.project, vault.c.pseudonym)
_PUT = Prepared(lambda insert: insert(vault).on_conflict_do_nothing())
_SEALED = Prepared(select(vault.c.sealed_ssin).where(*_ROW))
_FORGET = delete(vault).where(*_ROW)


class Vault:
    """The vault inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, bucket: int, project: str, pseudonym: bytes, sealed_ssin: bytes) -> None:
        """Keep a sealed identity, unless it is kept already."""
        row = {"bucket": bucket, "project": project, "pseudonym": pseudonym, "sealed_ssin": sealed_ssin}
        _PUT.tell(self._connection, row)

    def forget(self, bucket: int, project: str, pseudonym: bytes) -> None:
        """Destroy a sealed identity that nothing current needs any more."""
        row = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym}
        self._connection.execute(_FORGET, row)

    def holds(self, bucket: int, project: str, pseudonym: bytes) -> bool:
        """Whether there is a sealed identity of a pseudonym: whether anything current is about it."""
        row = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym}
        return bool(_SEALED.ask(self._connection, row))

    def people(self, after: Person | None, limit: int) -> list[tuple[Person, bytes]]:
        """Whose identity is sealed, with the seal, in order of bucket, project and pseudonym from behind one on."""
        query = select(vault).order_by(*_KEY).limit(limit)
        if after is not None:
            bound = (literal(one, column.type) for column, one in zip(_KEY, after, strict=True))
            query = query.where(tuple_(*_KEY) > tuple_(*bound))
        rows = self._connection.execute(query).all()
        return [((row.bucket, row.project, bytes(row.pseudonym)), bytes(row.sealed_ssin)) for row in rows]

    def get(self, bucket: int, project: str, pseudonym: bytes) -> bytes:
        """The sealed identity of a pseudonym."""
        [sealed] = self.get_each([(bucket, project, pseudonym)])
        return sealed

    def get_each(self, people: Sequence[Person]) -> list[bytes]:
        """The sealed identities of pseudonyms, in their order."""
        wanted = [{"b_bucket": bucket, "b_project": project, "b_pseudonym": one} for bucket, project, one in people]
        return [bytes(row.sealed_ssin) for [row] in _SEALED.ask_each(self._connection, wanted)]
