"""Put an inclusion under another number of its beneficiary: a BIS number replaced, or a mistyped one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.identity import Ssin
from gateway.domain.inclusion import Inclusion, check_may_move
from gateway.services.context import MovedMeanwhile, Work
from gateway.services.find_inclusions import InclusionView, get_inclusion
from gateway.services.where import where
from gateway.store.beneficiaries import Person
from gateway.store.inclusions import KnownInclusion


def change_identity(work: Work, inclusion_id: UUID, ssin: Ssin, reason: str) -> InclusionView:
    """The same inclusion, actions and messages under the new number; the old one is forgotten where nothing needs it.

    Shape: a message that may have been sent bears the old number until it is answered, and goes before the change; one
    that was not bears the new number, and goes after it, or before it where none was sent.
    Source: CONTRACT 4.7; I3, V5; GUARANTEES G6, G7.
    Raises: NotFound, ForeignProject, AlreadyAnnulled, AlreadyRejected, AlreadyIncluded.
    """
    seen = get_inclusion(work, inclusion_id)
    check_project(work.caller, "change_identity", seen.project.id)
    old = _person(seen.known.inclusion)
    new = where(work, ssin, seen.project.id, beside=old, to_add=True)
    sequence = _lock(work, old, new)
    locked = work.find(work.tx.inclusions.find, inclusion_id)
    if locked is None or _person(locked.inclusion) != old:
        raise MovedMeanwhile
    others = [one.inclusion for one in work.tx.inclusions.of_person(*new)]
    check_may_move(locked.inclusion, others, seen.project)
    at = work.tx.stamp()
    work.tx.vault.put(*new, work.veil.sealer.seal(ssin, seen.project.id, new[2]))
    place = _move(work, inclusion_id, old, new, sequence, at)
    moved = work.tx.inclusions.find(new[0], inclusion_id)
    if moved is None:
        raise AssertionError("an inclusion is where it was moved to")
    told = replace(moved.inclusion, message_id=work.veil.identifiers.new(new[0]))
    changed = work.tx.inclusions.supersede(told, at, at)
    work.about(seen.project.id, new[0], inclusion_id, pseudonym=new[2])
    work.forward("identity-change", changed, place, {"reason": reason, "communicated_at": at})
    if not work.tx.inclusions.of_person(*old):
        work.tx.vault.forget(*old)
    receipt = work.receipt("identity-change", changed, {"recorded_at": at})
    return InclusionView(KnownInclusion(changed, "pending"), seen.project, receipt)


def _person(inclusion: Inclusion) -> Person:
    return inclusion.bucket, inclusion.project, inclusion.pseudonym


def _lock(work: Work, old: Person, new: Person) -> int:
    """Lock both persons, always in the same order; the sequence of the new one's next message."""
    if new < old:
        sequence = work.tx.beneficiaries.lock_or_add(*new)
        work.tx.beneficiaries.lock(*old)
        return sequence
    work.tx.beneficiaries.lock(*old)
    return work.tx.beneficiaries.lock_or_add(*new)


def _move(work: Work, inclusion_id: UUID, old: Person, new: Person, sequence: int, at: datetime) -> int:
    """Move the facts, then their messages behind the new person's; the sequence of the message about the change."""
    facts = work.tx.moves.move_fact(inclusion_id, old, new, at)
    sealed = work.tx.vault.get(*old)
    messages, place = work.tx.moves.move_messages(facts, old, new, sealed, sequence)
    for moved in (*facts, *messages):
        work.tx.moves.note(work.veil.identifiers.bucket_of(moved), moved, new[0])
    work.tx.beneficiaries.advance(*new, sequence + len(messages))
    return place
