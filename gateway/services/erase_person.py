"""Erase who somebody was: their number becomes unreadable for good, and nothing leads from it to their facts.

hold ─ check ─ destroy the key in the ring ─ [ facts under a random pseudonym ─ seal gone ─ audit ]
Killed behind the ring: the number cannot be read any more, and the same call, or `finish_erasures`, does the rest.

Stage: identified in, pseudonymous out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import KeyringError
from gateway.services.context import Context
from gateway.services.operator import operator_entry
from gateway.services.perform import with_pseudonyms
from gateway.services.rename_people import everybody
from gateway.store.beneficiaries import Person
from gateway.store.transaction import Transaction

PSEUDONYM_BYTES = 32
Shred = Callable[[bytes], None]
"""Destroys the key of a label, in the ring's file, before it comes back."""


class ErasureReason(StrEnum):
    """Why somebody is erased; the audit keeps it as the outcome."""

    REQUEST = "data-subject-request"
    MISTAKE = "entered-by-mistake"
    ORDER = "ordered"


class CannotErase(Exception):
    """The register still needs to know who it is: `project`, and `code` `still-open` or `on-its-way`."""

    def __init__(self, project: str, code: str) -> None:
        super().__init__(project, code)
        self.project, self.code = project, code


@dataclass(frozen=True, slots=True)
class Finished:
    """How many erasures were finished, and how many people's facts still wait for something."""

    erased: int = 0
    left: int = 0


def erase_person(context: Context, ssin: Ssin, reason: ErasureReason, shred: Shred) -> list[str]:
    """Erase somebody in every project; the projects where they were.

    Shape: their facts stay, under a pseudonym that follows from nothing, because figures and MyCareNet's books count
    them. The audit stays as it was written.
    Source: GDPR, article 17; DECISIONS 77.
    Raises: CannotErase, before anything is erased; KeyringError; StoreUnavailable.
    """
    return with_pseudonyms(context.renewed(), lambda knowing: _erase(knowing, ssin, reason, shred))


def _erase(context: Context, ssin: Ssin, reason: ErasureReason, shred: Shred) -> list[str]:
    people, erased = context.veil.pseudonymiser, list[str]()
    with context.store.reading() as tx:
        projects = sorted(tx.catalogue.current().projects)
    places = [[(people.bucket(one), project, one) for one in people.candidates(ssin, project)] for project in projects]
    with context.store.reading() as tx:
        for place in (place for several in places for place in several if tx.vault.holds(*place)):
            _check(tx, place)
    for several in places:
        with context.store.transaction() as tx:
            tx.beneficiaries.lock_all(several)
            for place in (place for place in several if tx.vault.holds(*place)):
                _check(tx, place)
                _shred(context, tx.vault.get(*place), shred)
                _forget(context, tx, place)
                entry = operator_entry(
                    context, "erase_person", place[0], place[1], outcome=reason.value, pseudonym=place[2]
                )
                tx.audit.add(entry)
                erased.append(place[1])
    return erased


def finish_erasures(context: Context) -> Finished:
    """Erase again whoever was erased before: after the restore of an older backup, or a call that was cut.

    Shape: their keys are gone from the ring, so nobody else has a seal that cannot be opened for that reason.
    """
    context = context.renewed()
    erased = left = 0
    for place, sealed in everybody(context):
        if not context.veil.sealer.is_shredded(sealed):
            continue
        with context.store.transaction() as tx:
            tx.beneficiaries.lock_all([place])
            if tx.renaming.has_unsettled(place):
                left += 1
                continue
            _forget(context, tx, place)
            tx.audit.add(
                operator_entry(context, "erase_person", place[0], place[1], outcome="again", pseudonym=place[2])
            )
            erased += 1
    return Finished(erased, left)


def _check(tx: Transaction, place: Person) -> None:
    """Refuse whom the register still has to name to MyCareNet.

    Raises: CannotErase.
    """
    if any(one.inclusion.status == "open" for one in tx.inclusions.of_person(*place)):
        raise CannotErase(place[1], "still-open")
    if tx.renaming.has_unsettled(place):
        raise CannotErase(place[1], "on-its-way")


def _shred(context: Context, sealed: bytes, shred: Shred) -> None:
    label = context.veil.sealer.label(sealed)
    if label is None:
        raise KeyringError("identities have no keys of their own yet: chroniccare keys rotate --erasure")
    shred(label)


def _forget(context: Context, tx: Transaction, place: Person) -> None:
    """Put everything of a person under a pseudonym that follows from nothing, and their seal nowhere."""
    pseudonym = secrets.token_bytes(PSEUDONYM_BYTES)
    nobody = (context.veil.pseudonymiser.bucket(pseudonym), place[1], pseudonym)
    tx.beneficiaries.hold([nobody])
    for one in tx.renaming.rename(place, nobody, None, {}):
        tx.moves.note(context.veil.identifiers.bucket_of(one), one, nobody[0])
    tx.beneficiaries.vacate(place)
