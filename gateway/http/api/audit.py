"""The door of the audit (CONTRACT 8): loads, calls one verb, dumps."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.domain.audit import chain_of
from gateway.http.api import cursors
from gateway.http.routes import Incoming, Outgoing, Route
from gateway.services.list_audit import AuditPage, list_audit
from gateway.store.audit import AuditFilter, KnownEntry
from schemas.audit import AuditList, AuditQuery


def _list(incoming: Incoming) -> Any:
    query = incoming.query
    chosen = AuditFilter(query.get("inclusion"), query.get("caller"), query.get("from"), query.get("to"))
    return partial(list_audit, chosen=chosen, after=cursors.decode_place(query.get("cursor")), limit=query["limit"])


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
