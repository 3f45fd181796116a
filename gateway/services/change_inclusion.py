"""Change an inclusion: end it, correct it, annul it or its exit; each a new version and a message of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain.errors import CommunicatedBeforeInclusion, PreconditionFailed
from gateway.domain.inclusion import Exit, Inclusion, annulled, corrected, exited, reopened
from gateway.domain.periods import day_of
from gateway.domain.submissions import Import, instant_of
from gateway.services.context import MovedMeanwhile, Work
from gateway.services.find_inclusions import InclusionView, get_inclusion
from gateway.store.inclusions import KnownInclusion


def register_exit(
    work: Work, inclusion_id: UUID, reason: str, left_on: date | None, imported: Import | None = None
) -> InclusionView:
    """Register the exit that is communicated now, or was before: imported, or in a batch that waited.

    Source: V2, V4, V7; C 9 §1.
    Raises: NotFound, CommunicatedInFuture, CommunicatedBeforeInclusion, AlreadyExited, AlreadyAnnulled,
    AlreadyRejected.
    """

    def leave(known: Inclusion, at: datetime) -> Inclusion:
        if (imported is not None or work.handed_in_at is not None) and at < known.communicated_at:
            raise CommunicatedBeforeInclusion(day_of(known.communicated_at))
        evidence = known.evidence if imported is None or imported.evidence is None else imported.evidence
        return replace(exited(known, Exit(reason, at, left_on)), evidence=evidence)

    return _change(work, inclusion_id, "exit", {"reason": reason}, leave, imported)


def annul_inclusion(work: Work, inclusion_id: UUID, reason: str) -> InclusionView:
    """Annul an inclusion that was entered by mistake.

    Source: V8.
    Raises: NotFound, AlreadyAnnulled, AlreadyRejected.
    """
    content = {"reason": reason}
    return _change(work, inclusion_id, "inclusion-annulment", content, lambda known, _: annulled(known, reason))


def annul_exit(work: Work, inclusion_id: UUID, reason: str) -> InclusionView:
    """Annul an exit that was entered by mistake: the inclusion is open again as if it had not been.

    Source: V8, I3, V5.
    Raises: NotFound, NotExited, AlreadyAnnulled, AlreadyRejected, AlreadyIncluded.
    """

    def reopen(known: Inclusion, _: datetime) -> Inclusion:
        project = work.catalogue.project(known.project)
        everything = work.tx.inclusions.of_person(known.bucket, known.project, known.pseudonym)
        others = [one.inclusion for one in everything if one.inclusion.id != known.id]
        return reopened(known, others, project)

    return _change(work, inclusion_id, "exit-annulment", {"reason": reason}, reopen)


def correct_inclusion(
    work: Work, inclusion_id: UUID, version: int | None, agreed_on: date | None, municipality: str | None
) -> InclusionView:
    """Correct the day of agreement or the municipality of an inclusion that still has the version its caller read.

    Source: V8, I1.
    Raises: NotFound, PreconditionFailed, AlreadyAnnulled, AlreadyRejected, AgreementInFuture.
    """

    def correct(known: Inclusion, _: datetime) -> Inclusion:
        if known.version != version:
            raise PreconditionFailed
        return corrected(known, agreed_on, municipality)

    return _change(work, inclusion_id, "inclusion-correction", {"agreed_on": agreed_on}, correct)


def _change(
    work: Work,
    inclusion_id: UUID,
    kind: str,
    content: Mapping[str, Any],
    change: Callable[[Inclusion, datetime], Inclusion],
    imported: Import | None = None,
) -> InclusionView:
    """Lock, decide, supersede, forward: the same for every change of an inclusion."""
    seen = get_inclusion(work, inclusion_id)
    person = seen.known.inclusion
    sequence = work.tx.beneficiaries.lock(person.bucket, person.project, person.pseudonym)
    locked = work.tx.inclusions.find(person.bucket, inclusion_id)
    if sequence is None or locked is None or locked.inclusion.pseudonym != person.pseudonym:
        raise MovedMeanwhile
    recorded_at = work.tx.stamp()
    at = instant_of(imported, work.handed_in_at or recorded_at)
    message_id = work.veil.identifiers.new(person.bucket)
    told = replace(change(locked.inclusion, at), message_id=message_id)
    changed = work.tx.inclusions.supersede(told, recorded_at, at)
    work.forward(kind, changed, sequence, {**content, "communicated_at": at})
    view = InclusionView(KnownInclusion(changed, "pending"), seen.project)
    days = {"communicated_at": at, "valid_from": changed.valid_from, "valid_until": view.valid and view.valid.last}
    return replace(view, receipt=work.receipt(kind, changed, days))
