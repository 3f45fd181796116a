"""Erasing, on both stores: facts stay and lead to nobody, and who is still needed is refused before any of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.delivery import Answer
from gateway.pseudonyms.keyring import Keyring
from gateway.pseudonyms.rotation import shredded
from gateway.pseudonyms.veil import veil_of
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.erase_person import CannotErase, ErasureReason, Finished, erase_person, finish_erasures
from gateway.services.find_inclusions import find_inclusions
from gateway.store.tables import beneficiary, inclusion, outbox, vault
from tests.builders import PROJECT
from tests.services.desk import ADMIN, Desk, a_beneficiary, ssin
from tests.services.test_deliver_outbox import MEMBER, PACE, Wire
from tests.store.rows import rows


def test_erased_person_is_nobody_any_more_and_their_facts_stay(desk: Desk, keyring: Keyring) -> None:
    rings = [keyring]

    def shred(label: bytes) -> None:
        rings.append(shredded(rings[-1], label))

    one = desk.include().known.inclusion
    with pytest.raises(CannotErase, match="still-open"):
        erase_person(desk.context, ssin(), ErasureReason.REQUEST, shred)
    desk.exit(one.id)
    with pytest.raises(CannotErase, match="on-its-way"):
        erase_person(desk.context, ssin(), ErasureReason.REQUEST, shred)
    while deliver_outbox(desk.context, Wire(), PACE):
        continue
    sent = rows(desk.database_url, outbox)
    answers = [Answer(str(row["id"]), row["id"], True, None, MEMBER, row["input_reference"]) for row in sent]
    collect_answers(desk.context, Wire(answers=answers))

    erased = erase_person(desk.context, ssin(), ErasureReason.REQUEST, shred)

    after = replace(desk, context=replace(desk.context, veil=veil_of(rings[-1])))
    assert (erased, len(rings)) == ([PROJECT], 2)
    assert rows(desk.database_url, vault) == []
    kept = {
        bytes(row["pseudonym"]) for table in (beneficiary, inclusion, outbox) for row in rows(desk.database_url, table)
    }
    assert len(kept) == 1
    assert one.pseudonym not in kept
    assert len(rows(desk.database_url, inclusion)) == 2
    assert after.ask(ADMIN, find_inclusions, a_beneficiary()).items == []
    assert after.include().known.inclusion.id != one.id
    assert finish_erasures(after.context) == Finished()
    assert erase_person(after.context, ssin(7), ErasureReason.MISTAKE, shred) == []
