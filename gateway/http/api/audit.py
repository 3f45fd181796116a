"""The door of the audit (CONTRACT 8): loads, calls one verb, dumps."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from gateway.domain.audit import chain_of
from gateway.domain.periods import begins_at
from gateway.http.api import cursors
from gateway.http.routes import Incoming, Outgoing, Route
from gateway.services.list_audit import AuditPage, list_audit
from gateway.store.audit import AuditFilter, KnownEntry
from schemas.audit import AuditList, AuditQuery


def _list(incoming: Incoming) -> Any:
    query = incoming.query
    since, until = _instant(query.get("from")), _instant(query.get("to"), days=1)
    chosen = AuditFilter(query.get("inclusion"), query.get("caller"), since, until)
    return partial(list_audit, chosen=chosen, after=cursors.decode_place(query.get("cursor")), limit=query["limit"])


def _instant(moment: date | None, days: int = 0) -> datetime | None:
    """An instant as it is; of a day the beginning, or so many days later."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return begins_at(moment + timedelta(days))


def document(known: KnownEntry) -> dict[str, Any]:
    """An entry as its schema dumps it, which leaves the pseudonym and the bucket out."""
    is_chained = known.position is not None
    return {
        **vars(known.entry),
        "chain": chain_of(known.entry.bucket) if is_chained else None,
        "position": known.position,
    }


def _dump_page(page: AuditPage, _incoming: Incoming) -> Outgoing:
    return Outgoing({"items": [document(one) for one in page.items], "next": cursors.encode_place(page.next)})


ROUTES = (Route("GET", "/v1/audit", "list_audit", _list, _dump_page, AuditList, query=AuditQuery),)
