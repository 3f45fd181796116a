"""What was asked of the gateways lately, by whom: one row for each who asks often.

Stage: pseudonymous; who asks is a keyed hash.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, case, delete

from gateway.domain.rate import Limit
from gateway.store.prepared import Prepared
from gateway.store.tables import rate


def _spend(insert: Any) -> Any:
    """Count requests in a row: its instant no earlier than now, no later than a full bucket, and their cost."""
    now, latest, cost = (bindparam(name, type_=rate.c.empty_at.type) for name in ("now", "latest", "cost"))
    added = insert(rate).values(shard=bindparam("shard"), asker=bindparam("asker"), empty_at=now + cost)
    kept = case((rate.c.empty_at < now, now), (rate.c.empty_at > latest, latest), else_=rate.c.empty_at)
    changed = added.on_conflict_do_update(index_elements=["shard", "asker"], set_={"empty_at": kept + cost})
    return changed.returning(rate.c.empty_at)


_SPEND = Prepared(_spend)


class Rates:
    """The rates inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def spend(self, asker: bytes, count: int, now: float, limit: Limit) -> float:
        """When the bucket of who asks is empty again, on all gateways together."""
        row = {"shard": int.from_bytes(asker[:2], "big") % 4096, "asker": asker, "now": now}
        row |= {"latest": now + limit.window_seconds, "cost": count / limit.per_second}
        [found] = _SPEND.ask(self._connection, row)
        return float(found.empty_at)

    def purge(self, before: float) -> int:
        """Forget the buckets that are empty since an instant; how many."""
        return self._connection.execute(delete(rate).where(rate.c.empty_at < before)).rowcount
