"""Put people under the pseudonyms of the key in use, one person a transaction, while the register is used.

Stage: identified, for the length of one hash and one seal.

page ─ unseal ─ [ hold both places ─ rename ─ remember ─ note ] ─ …
                   └ a message of theirs is being sent: left for the next pass
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from gateway.domain.errors import StoreUnavailable
from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import KeyringError
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.services.context import Context
from gateway.store.beneficiaries import Person
from gateway.store.transaction import Transaction

PEOPLE_PER_PAGE = 100
ROWS_CLEARED_AT_ONCE = 500
BREATH_SECONDS = 0.002
"""Between two people, so that whoever waits to write has a turn."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look at everybody did: whom it renamed, whom it has to come back for, and whose seal is broken."""

    renamed: int = 0
    left: int = 0
    broken: int = 0


def rename_people(context: Context, report: Callable[[int], None] = lambda _: None) -> Pass:
    """Look at everybody once, and rename who has a pseudonym of another key; to be repeated until nobody is left.

    Shape: after a kill it goes on by itself, for who was renamed is passed over.
    Source: DECISIONS 71.
    """
    context = context.renewed()
    renamed = left = broken = 0
    for person, sealed in everybody(context):
        try:
            ssin = context.veil.sealer.unseal(sealed, person[1], person[2])
        except (BrokenSeal, KeyringError):
            broken += 1
            continue
        new = _new_place(context, ssin, person[1])
        if new == person:
            continue
        try:
            is_renamed = _rename(context, person, new, ssin)
        except StoreUnavailable:
            is_renamed = False
        renamed, left = renamed + is_renamed, left + (not is_renamed)
        report(renamed)
        time.sleep(BREATH_SECONDS)
    return Pass(renamed, left, broken)


def clear_places(context: Context) -> int:
    """Remove the rows that held places while there were several; how many."""
    cleared = 0
    while True:
        with context.store.transaction() as tx:
            count = tx.beneficiaries.clear(ROWS_CLEARED_AT_ONCE)
        if not count:
            return cleared
        cleared += count
        time.sleep(BREATH_SECONDS)


def everybody(context: Context) -> Iterator[tuple[Person, bytes]]:
    """Whose identity is sealed, with the seal; a page at a time."""
    after: Person | None = None
    while True:
        with context.store.reading() as tx:
            page = tx.vault.people(after, PEOPLE_PER_PAGE)
        if not page:
            return
        after = page[-1][0]
        yield from page


def _new_place(context: Context, ssin: Ssin, project: str) -> Person:
    people = context.veil.pseudonymiser.ahead([(ssin, project)])
    pseudonym = people.pseudonymise(ssin, project)
    return people.bucket(pseudonym), project, pseudonym


def _rename(context: Context, old: Person, new: Person, ssin: Ssin) -> bool:
    """Rename one person; whether nothing was in the way.

    Raises: StoreUnavailable.
    """
    veil = context.veil
    with context.store.transaction() as tx:
        tx.beneficiaries.hold([old, new])
        if not tx.vault.holds(*old):
            return True  # somebody else moved them, or nothing is about them any more
        if tx.vault.holds(*new) or tx.renaming.is_being_sent(old, context.real_now()):
            tx.discard()
            return False
        sealed = veil.sealer.seal(ssin, new[1], new[2])
        ids = tx.renaming.rename(old, new, sealed, _tried(context, tx, old))
        tx.renaming.remember(old, new)
        for one in ids:
            tx.moves.note(veil.identifiers.bucket_of(one), one, new[0])
    return True


def _tried(context: Context, tx: Transaction, person: Person) -> Mapping[UUID, tuple[bytes, bytes]]:
    """Of the messages that bear another number: its new pseudonym and seal."""
    found: dict[UUID, tuple[bytes, bytes]] = {}
    for message, pseudonym, sealed in tx.renaming.messages_with_another_number(person):
        ssin = context.veil.sealer.unseal(sealed, person[1], pseudonym)
        new = _new_place(context, ssin, person[1])
        found[message] = new[2], context.veil.sealer.seal(ssin, person[1], new[2])
    return found
