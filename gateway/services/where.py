"""Where somebody lives in the register: under one pseudonym, or while keys are rotated under one of several.

Stage: identified in, pseudonymous out.
"""

from __future__ import annotations

from gateway.domain.identity import Ssin
from gateway.services.context import Work
from gateway.store.beneficiaries import Person


def where(work: Work, ssin: Ssin, project: str, beside: Person | None = None, *, to_add: bool = False) -> Person:
    """The place of a person, known or not, which nobody moves until the transaction ends.

    Shape: while keys are rotated every place that may be theirs is locked, in the order that everybody keeps; with
    `to_add` also those where nobody is yet, so that nobody is added under two keys at once. `beside` is locked with
    them. Otherwise nothing is locked, and there is one place.
    Source: DECISIONS 71.
    """
    people = work.veil.pseudonymiser
    places = [(people.bucket(one), project, one) for one in people.candidates(ssin, project)]
    if len(places) == 1:
        return places[0]
    wanted = [*places, beside] if beside is not None else places
    if to_add:
        work.tx.beneficiaries.hold(wanted)
    else:
        work.tx.beneficiaries.lock_all(wanted)
    return next((place for place in places if work.tx.vault.holds(*place)), places[0])
