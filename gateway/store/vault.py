"""The vault: sealed identities, opened for the way out alone.

Stage: identified, as sealed bytes only.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select

from gateway.store.tables import vault

_ADD = insert(vault)
_SEALED = select(vault.c.sealed_ssin).where(
    vault.c.bucket == bindparam("b_bucket"),
    vault.c.project == bindparam("b_project"),
    vault.c.pseudonym == bindparam("b_pseudonym"),
)


class Vault:
    """The vault inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, bucket: int, project: str, pseudonym: bytes, sealed_ssin: bytes) -> None:
        """Keep a sealed identity."""
        self._connection.execute(
            _ADD, {"bucket": bucket, "project": project, "pseudonym": pseudonym, "sealed_ssin": sealed_ssin}
        )

    def get(self, bucket: int, project: str, pseudonym: bytes) -> bytes:
        """The sealed identity of a pseudonym."""
        row = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym}
        return bytes(self._connection.execute(_SEALED, row).scalar_one())
