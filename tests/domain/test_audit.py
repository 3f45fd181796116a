"""The chains of the audit: whatever is done to one is found, and the first entry that it was done to is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from random import Random
from uuid import UUID

import pytest

from gateway.domain.audit import START, Broken, ChainedEntry, Entry, Fault, Head, check_chain, next_head
from tests.builders import PROJECT, instant

CHAIN, LENGTH, EVERY = 3, 40, 7
ROUNDS = 60
"""How often each tampering is tried, each time somewhere else."""


def an_entry(number: int) -> Entry:
    return Entry(
        id=UUID(int=number),
        bucket=CHAIN * 256 + number % 7,
        at=instant("2022-01-15T09:00Z") + timedelta(seconds=number),
        role="provider",
        organisation="10000106",
        person="a" * 32,
        verb="get_inclusion",
        outcome="done",
        request_id=f"request-{number}",
        project=PROJECT,
        object=UUID(int=1000 + number),
        pseudonym=bytes([number % 256]) * 32,
    )


@dataclass
class Register:
    """A chain as a register holds it, with the checkpoints that were made meanwhile."""

    rows: list[ChainedEntry]
    end: Head
    checkpoints: Mapping[int, bytes]

    def check(self) -> Broken | None:
        ordered = sorted(self.rows, key=lambda row: (row.head.position, row.entry.id))
        return check_chain(CHAIN, ordered, self.end, self.checkpoints)

    def row(self, position: int) -> ChainedEntry:
        return self.rows[position - 1]

    def hash_anew(self, first: int) -> None:
        """What somebody does who knows how the hashes are made."""
        head = self.row(first - 1).head if first > 1 else START
        for place in range(first - 1, len(self.rows)):
            entry = self.rows[place].entry
            head = next_head(CHAIN, head, entry)
            self.rows[place] = ChainedEntry(entry, head)
        self.end = head


def a_register(length: int = LENGTH) -> Register:
    rows, head = [], START
    for number in range(1, length + 1):
        entry = an_entry(number)
        head = next_head(CHAIN, head, entry)
        rows.append(ChainedEntry(entry, head))
    checkpoints = {row.head.position: row.head.hash for row in rows if row.head.position % EVERY == 0}
    return Register(rows, head, {**checkpoints, head.position: head.hash})


Tamper = Callable[[Register, Random], Broken]
"""Does something to a register; what has to be found."""


def delete(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    del register.rows[position - 1]
    return Broken(CHAIN, position, Fault.MISSING)


def delete_some(register: Register, chance: Random) -> Broken:
    gone = set(chance.sample(range(1, LENGTH + 1), chance.randint(2, 9)))
    register.rows = [row for row in register.rows if row.head.position not in gone]
    return Broken(CHAIN, min(gone), Fault.MISSING)


def truncate(register: Register, chance: Random) -> Broken:
    length = chance.randint(0, LENGTH - 1)
    del register.rows[length:]
    return Broken(CHAIN, length + 1, Fault.MISSING)


def truncate_and_hide_it(register: Register, chance: Random) -> Broken:
    found = truncate(register, chance)
    register.end = register.rows[-1].head if register.rows else START
    return found


EDITS: list[Callable[[Entry], Entry]] = [
    lambda entry: replace(entry, id=UUID(int=999_999)),
    lambda entry: replace(entry, bucket=entry.bucket + 1),
    lambda entry: replace(entry, at=entry.at + timedelta(microseconds=1)),
    lambda entry: replace(entry, role="auditor"),
    lambda entry: replace(entry, organisation="20000212"),
    lambda entry: replace(entry, person="b" * 32),
    lambda entry: replace(entry, verb="list_projects"),
    lambda entry: replace(entry, outcome="not-found"),
    lambda entry: replace(entry, request_id="another"),
    lambda entry: replace(entry, project=None),
    lambda entry: replace(entry, object=None),
    lambda entry: replace(entry, pseudonym=None),
    lambda entry: replace(entry, role="", organisation="provider10000106"),
]


def edit(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    row = register.row(position)
    register.rows[position - 1] = replace(row, entry=chance.choice(EDITS)(row.entry))
    return Broken(CHAIN, position, Fault.CHANGED, register.row(position).entry.id)


def edit_the_hash(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    row = register.row(position)
    register.rows[position - 1] = replace(row, head=Head(position, chance.choice([b"", chance.randbytes(32)])))
    return Broken(CHAIN, position, Fault.CHANGED, row.entry.id)


def edit_and_its_hash(register: Register, chance: Random) -> Broken:
    """The hash fits its entry; the entry behind it gives it away, or the end of the chain does."""
    position = chance.randint(1, LENGTH)
    entry = replace(register.row(position).entry, outcome="forged")
    before = register.row(position - 1).head if position > 1 else START
    register.rows[position - 1] = ChainedEntry(entry, next_head(CHAIN, before, entry))
    if position in register.checkpoints:
        sure = max((place for place in register.checkpoints if place < position), default=0)
        return Broken(CHAIN, sure + 1, Fault.REWRITTEN, until=position)
    return Broken(CHAIN, position + 1, Fault.CHANGED, register.row(position + 1).entry.id)


def swap(register: Register, chance: Random) -> Broken:
    first, second = sorted(chance.sample(range(1, LENGTH + 1), 2))
    one, other = register.row(first), register.row(second)
    register.rows[first - 1] = ChainedEntry(other.entry, one.head)
    register.rows[second - 1] = ChainedEntry(one.entry, other.head)
    return Broken(CHAIN, first, Fault.CHANGED, other.entry.id)


def swap_with_their_hashes(register: Register, chance: Random) -> Broken:
    first, second = sorted(chance.sample(range(1, LENGTH + 1), 2))
    one, other = register.row(first), register.row(second)
    register.rows[first - 1] = ChainedEntry(other.entry, Head(first, other.head.hash))
    register.rows[second - 1] = ChainedEntry(one.entry, Head(second, one.head.hash))
    return Broken(CHAIN, first, Fault.CHANGED, other.entry.id)


def insert(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    forged = ChainedEntry(an_entry(chance.choice([0, 5000])), Head(position, chance.randbytes(32)))
    register.rows.append(forged)
    return Broken(CHAIN, position, Fault.INSERTED, forged.entry.id)


def insert_a_copy(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    row = register.row(position)
    register.rows.append(row)
    return Broken(CHAIN, position, Fault.INSERTED, row.entry.id)


def insert_and_move_the_rest(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    moved = [replace(row, head=Head(row.head.position + 1, row.head.hash)) for row in register.rows[position - 1 :]]
    forged = ChainedEntry(an_entry(5000), Head(position, chance.randbytes(32)))
    register.rows[position - 1 :] = [forged, *moved]
    return Broken(CHAIN, position, Fault.CHANGED, forged.entry.id)


def insert_before_the_first(register: Register, chance: Random) -> Broken:
    forged = ChainedEntry(an_entry(5000), Head(-chance.randint(0, 3), chance.randbytes(32)))
    register.rows.append(forged)
    return Broken(CHAIN, forged.head.position, Fault.INSERTED, forged.entry.id)


def insert_behind_the_end(register: Register, chance: Random) -> Broken:
    forged = an_entry(5000)
    register.rows.append(ChainedEntry(forged, next_head(CHAIN, register.end, forged)))
    return Broken(CHAIN, LENGTH + 1, Fault.INSERTED)


def change_the_end(register: Register, chance: Random) -> Broken:
    register.end = replace(register.end, hash=chance.randbytes(32))
    return Broken(CHAIN, LENGTH, Fault.END_CHANGED)


def _between(register: Register, position: int) -> Broken:
    sure = max((place for place in register.checkpoints if place < position), default=0)
    until = min(place for place in register.checkpoints if place >= position)
    return Broken(CHAIN, sure + 1, Fault.REWRITTEN, until=until)


def edit_and_hash_anew(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    row = register.row(position)
    register.rows[position - 1] = replace(row, entry=replace(row.entry, outcome="forged"))
    register.hash_anew(position)
    return _between(register, position)


def delete_and_hash_anew(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH - EVERY)
    del register.rows[position - 1]
    register.hash_anew(position)
    return _between(register, position)


def insert_and_hash_anew(register: Register, chance: Random) -> Broken:
    position = chance.randint(1, LENGTH)
    register.rows.insert(position - 1, ChainedEntry(an_entry(5000), START))
    register.hash_anew(position)
    return _between(register, position)


TAMPERINGS: list[Tamper] = [
    *(delete, delete_some, truncate, truncate_and_hide_it),
    *(edit, edit_the_hash, edit_and_its_hash, swap, swap_with_their_hashes),
    *(insert, insert_a_copy, insert_and_move_the_rest, insert_before_the_first, insert_behind_the_end),
    *(change_the_end, edit_and_hash_anew, delete_and_hash_anew, insert_and_hash_anew),
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_tampering_is_found_and_its_first_entry_named(tamper: Tamper) -> None:
    whole = a_register()

    for seed in range(ROUNDS):
        register = Register(list(whole.rows), whole.end, whole.checkpoints)
        expected = tamper(register, Random(seed))
        assert register.check() == expected, seed


def test_chain_that_nobody_touched_is_as_it_was() -> None:
    for length in (0, 1, EVERY, LENGTH):
        assert a_register(length).check() is None


def test_chain_without_checkpoints_is_looked_at_by_itself() -> None:
    register = replace(a_register(), checkpoints={})

    assert register.check() is None
    register.rows.pop(4)
    assert register.check() == Broken(CHAIN, 5, Fault.MISSING)


def test_who_hashes_anew_what_no_checkpoint_holds_is_not_found() -> None:
    register = a_register()
    register.checkpoints = {EVERY: register.row(EVERY).head.hash}
    row = register.row(EVERY + 1)
    register.rows[EVERY] = replace(row, entry=replace(row.entry, outcome="forged"))
    register.hash_anew(EVERY + 1)

    assert register.check() is None


def test_same_entries_in_another_chain_have_other_hashes() -> None:
    assert next_head(CHAIN, START, an_entry(1)) != next_head(CHAIN + 1, START, an_entry(1))


def test_hash_is_that_of_the_documented_text() -> None:
    entry = Entry(UUID(int=1), 768, instant("2022-01-15T10:00+01:00"), "auditor", "auditor", "a", "v", "done", "r")

    said = (
        '{"at":"2022-01-15T09:00:00.000000+00:00","bucket":768,"chain":3,"id":"00000000-0000-0000-0000-000000000001",'
        f'"organisation":"auditor","outcome":"done","person":"a","position":1,"previous":"{"0" * 64}",'
        '"request_id":"r","role":"auditor","verb":"v"}'
    )
    assert next_head(CHAIN, START, entry).hash == sha256(said.encode("ascii")).digest()


def test_form_of_what_is_hashed_is_kept() -> None:
    """Another form would make every entry of every register look changed."""
    entry = replace(an_entry(7), at=instant("2022-01-15T10:00:00.25+01:00"), project=None, object=None)
    written = (
        '{"at":"2022-01-15T09:00:00.250000+00:00","bucket":768,"chain":3,"id":"00000000-0000-0000-0000-000000000007",'
        '"organisation":"10000106","outcome":"done","person":"' + "a" * 32 + '","position":6,"previous":"'
        + "11" * 32 + '","pseudonym":"' + "07" * 32 + '","request_id":"request-7","role":"provider",'
        '"verb":"get_inclusion"}'
    )  # fmt: skip

    assert next_head(CHAIN, Head(5, b"\x11" * 32), entry) == Head(6, sha256(written.encode()).digest())
