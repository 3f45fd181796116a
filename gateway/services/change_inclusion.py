"""End an inclusion, or annul it: each a new version of the fact, and a message of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain.errors import NotFound
from gateway.domain.inclusion import Exit, Inclusion, annulled, exited
from gateway.services.context import Work
from gateway.services.find_inclusions import InclusionView, get_inclusion
from gateway.store.inclusions import KnownInclusion


def register_exit(work: Work, inclusion_id: UUID, reason: str, left_on: date | None) -> InclusionView:
    """Register the exit that is communicated now.

    Source: V2, V4, V7; C 9 §1.
    Raises: NotFound, AlreadyExited, AlreadyAnnulled, AlreadyRejected.
    """
    content = {"reason": reason}
    return _change(work, inclusion_id, "exit", content, lambda known, at: exited(known, Exit(reason, at, left_on)))


def annul_inclusion(work: Work, inclusion_id: UUID, reason: str) -> InclusionView:
    """Annul an inclusion that was entered by mistake.

    Source: V8.
    Raises: NotFound, AlreadyAnnulled, AlreadyRejected.
    """
    content = {"reason": reason}
    return _change(work, inclusion_id, "inclusion-annulment", content, lambda known, _: annulled(known, reason))


def _change(
    work: Work,
    inclusion_id: UUID,
    kind: str,
    content: Mapping[str, Any],
    change: Callable[[Inclusion, datetime], Inclusion],
) -> InclusionView:
    """Lock, decide, supersede, forward: the same for every change of an inclusion."""
    seen = get_inclusion(work, inclusion_id)
    person = seen.known.inclusion
    sequence = work.tx.beneficiaries.lock(person.bucket, person.project, person.pseudonym)
    locked = work.tx.inclusions.find(person.bucket, inclusion_id)
    if sequence is None or locked is None:
        raise NotFound
    at = work.tx.stamp()
    message_id = work.veil.identifiers.new(person.bucket)
    changed = work.tx.inclusions.supersede(replace(change(locked.inclusion, at), message_id=message_id), at)
    work.forward(kind, changed, sequence, {**content, "communicated_at": at})
    view = InclusionView(KnownInclusion(changed, "pending"), seen.project)
    days = {"communicated_at": at, "valid_from": changed.valid_from, "valid_until": view.valid and view.valid.last}
    return replace(view, receipt=work.receipt(kind, changed, days))
