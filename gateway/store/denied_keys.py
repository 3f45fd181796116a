"""The issuer's keys that an operator denied: whatever one of them signed is nobody's token, on every gateway.

Stage: none; a kid names a key of the issuer.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from gateway.store.prepared import Prepared
from gateway.store.tables import denied_key

_DENY = Prepared(lambda insert: insert(denied_key).on_conflict_do_nothing(index_elements=["kid"]))
_ALL = select(denied_key.c.kid)


class DeniedKeys:
    """The denied keys inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def deny(self, kid: str, now: datetime) -> None:
        """Deny a key; one that is denied stays so since when it was."""
        _DENY.tell(self._connection, {"kid": kid, "denied_at": now})

    def lift(self, kid: str) -> bool:
        """Deny a key no more; whether it was denied."""
        return bool(self._connection.execute(delete(denied_key).where(denied_key.c.kid == kid)).rowcount)

    def all(self) -> frozenset[str]:
        """The kids that are denied."""
        return frozenset(self._connection.scalars(_ALL))
