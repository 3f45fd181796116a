"""The audit: its entries, the hash chains that join them, and what a look at a chain finds.

An entry is hashed with the hash before it, so that none can be changed, taken out or put in without changing all that
follow; signed checkpoints hold some of those hashes where nobody who writes to the register can change them.

Source: CONTRACT 8; GUARANTEES 3; SCALE 11 (a chain per range of buckets).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from itertools import groupby
from uuid import UUID

BUCKETS = 4096
CHAINS = 16
BUCKETS_OF_A_CHAIN = BUCKETS // CHAINS


@dataclass(frozen=True)
class Entry:
    """One line of the audit.

    Shape: `outcome` is `done`, `replayed`, `validated` or the code of a refusal; `bucket` 0 and no `pseudonym` where no
    one beneficiary is concerned.
    """

    id: UUID
    bucket: int
    at: datetime
    role: str
    organisation: str
    person: str
    verb: str
    outcome: str
    request_id: str
    project: str | None = None
    object: UUID | None = None
    pseudonym: bytes | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the position of its last entry, from 1, and that entry's hash."""

    position: int
    hash: bytes


START = Head(0, bytes(32))
"""The head of a chain without entries."""


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry with its place in its chain, as the register has it."""

    entry: Entry
    head: Head


def chain_of(bucket: int) -> int:
    """The chain of a bucket's entries, 0 to 15.

    >>> chain_of(0), chain_of(255), chain_of(256), chain_of(4095)
    (0, 0, 1, 15)
    """
    return bucket // BUCKETS_OF_A_CHAIN


def next_head(chain: int, head: Head, entry: Entry) -> Head:
    """Where a chain ends when an entry is added to it.

    Shape: SHA-256 over JSON in ASCII, members sorted and without blanks; what an entry does not have is left out, so
    that a member which comes later changes no older hash.
    """
    said = {name: _text(value) for name, value in vars(entry).items() if value is not None}
    document = {**said, "chain": chain, "position": head.position + 1, "previous": head.hash.hex()}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return Head(head.position + 1, sha256(canonical.encode("ascii")).digest())


def _text(value: object) -> str | int:
    match value:
        case int():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case bytes():
            return value.hex()
        case _:
            return str(value)


class Fault(StrEnum):
    """What can be wrong with an entry of a chain."""

    MISSING = "missing"
    CHANGED = "changed"
    INSERTED = "inserted"
    REWRITTEN = "rewritten"
    END_CHANGED = "end-changed"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry of a chain that is not as it was, by its position and, where there is one, its id.

    Shape: `missing` was deleted, also from the end, or moved away; `changed` was edited, or is in another's place;
    `inserted` has a position twice, or lies behind the end. `rewritten`: everything from there was hashed anew, and it
    began at one of the positions up to `until`, where the next checkpoint says otherwise. `end-changed`: every entry is
    in order, and where the chain ends was altered.
    """

    chain: int
    position: int
    fault: Fault
    entry: UUID | None = None
    until: int | None = None


def check_chain(chain: int, rows: Iterable[ChainedEntry], end: Head, checkpoints: Mapping[int, bytes]) -> Broken | None:
    """The first entry of a chain that is not as it was; None when all of them are.

    Shape: `rows` in order of position, of `end` as the register has it; `checkpoints` hold hashes by position.
    Not: entries that are not chained yet, and those behind the last checkpoint of somebody who hashed them anew.
    """
    head, sure = START, 0
    for position, group in groupby(rows, key=lambda row: row.head.position):
        same = list(group)
        if position < 1:
            return Broken(chain, position, Fault.INSERTED, same[0].entry.id)
        if position > head.position + 1:
            return Broken(chain, head.position + 1, Fault.MISSING)
        expected = [(row, next_head(chain, head, row.entry)) for row in same]
        wrong = [row for row, made in expected if row.head != made]
        if wrong or len(same) > 1:
            fault = Fault.INSERTED if len(same) > 1 else Fault.CHANGED
            return Broken(chain, position, fault, (wrong or same)[0].entry.id)
        head = expected[0][1]
        if checkpoints.get(position, head.hash) != head.hash:
            return Broken(chain, sure + 1, Fault.REWRITTEN, until=position)
        sure = position if position in checkpoints else sure
    return _check_end(chain, head, end, max(checkpoints, default=0))


def _check_end(chain: int, head: Head, end: Head, checkpointed: int) -> Broken | None:
    if max(end.position, checkpointed) > head.position:
        return Broken(chain, head.position + 1, Fault.MISSING)
    if end.position < head.position:
        return Broken(chain, end.position + 1, Fault.INSERTED)
    if end != head:
        return Broken(chain, head.position, Fault.END_CHANGED)
    return None
