"""List the audit: who did or saw what; itself an entry of the audit."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.services.context import Work
from gateway.store.audit import AuditFilter, KnownEntry, Place


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, and where the next page begins when there may be more."""

    items: list[KnownEntry]
    next: Place | None = None


def list_audit(work: Work, chosen: AuditFilter, after: Place | None, limit: int) -> AuditPage:
    """Entries of every project, in order of instant, so the newest last.

    Not: an entry whose transaction commits later than one that is newer; ask again for the last seconds.
    """
    found = work.tx.audit.list(chosen, after, limit + 1)
    last = found[limit - 1].entry if len(found) > limit else None
    return AuditPage(found[:limit], None if last is None else (last.at, last.id))
