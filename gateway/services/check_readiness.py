"""Whether a gateway can take registrations: each thing that one needs is tried, and nothing is left behind.

Cost: one transaction that is undone, which waits for its turn like any other, and two reads.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.audit import Entry
from gateway.domain.errors import Finding, StoreUnavailable
from gateway.pseudonyms.keyring import Kek, KeyringError, read_keyring
from gateway.services.context import Context
from gateway.store.dialects import cause_of

OF_ITS_TABLE = ("schema-missing", "right-missing")
"""What keeps an audit entry out, and nothing else."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one gateway needs besides its register.

    Units: `free_bytes` is the least room in each of the folders; `standby` says whether commits must be on two nodes.
    """

    keys: Path
    folders: Sequence[Path]
    free_bytes: int
    standby: bool = False
    kek: Kek | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found, and what is told beside it and is never a reason.

    Shape: how much room there is, how long the oldest message has been waiting for MyCareNet, by how much this
    machine's clock is ahead of the database's.
    Units: bytes; seconds, None where the register does not say.
    """

    findings: list[Finding]
    free_bytes: int = 0
    outbox_seconds: float | None = None
    ahead_seconds: float | None = None


def check_readiness(context: Context, needs: Needs) -> Looked:
    """Look at every need."""
    free = free_bytes(needs.folders)
    findings = [*_register(context), _keys(needs), _disk(free, needs)]
    if needs.standby:
        findings.append(_standby(context))
    return Looked(findings, free, *_told(context))


def _register(context: Context) -> list[Finding]:
    """Whether a transaction can write, and whether an audit entry goes in; both are undone."""
    try:
        with context.store.transaction() as tx:
            tx.discard()
            lacks = tx.lacks_writing()
            if lacks is None:
                tx.audit.add(_entry(context))
    except StoreUnavailable as problem:
        lacks = cause_of(problem.__cause__)
    if lacks in OF_ITS_TABLE:
        return [Finding("database", True), Finding("audit", False, lacks)]
    if lacks is not None:
        return [Finding("database", False, lacks)]
    return [Finding("database", True), Finding("audit", True)]


def _entry(context: Context) -> Entry:
    return Entry(context.veil.identifiers.new(0), 0, context.real_now(), "", "", "", "check_readiness", "undone", "")


def _keys(needs: Needs) -> Finding:
    try:
        read_keyring(needs.keys, needs.kek)
    except KeyringError:
        return Finding("keys", False, "key-ring-unusable")
    return Finding("keys", True)


def _disk(free: int, needs: Needs) -> Finding:
    if free < needs.free_bytes:
        return Finding("disk", False, "room-short")
    return Finding("disk", True)


def free_bytes(folders: Sequence[Path]) -> int:
    """How much room there is in the fullest of some folders; one that is not there yet counts as where it would be."""
    return min(shutil.disk_usage(_there(folder)).free for folder in folders)


def _there(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _standby(context: Context) -> Finding:
    try:
        lacks = context.store.lacks_standby()
    except StoreUnavailable as problem:
        lacks = cause_of(problem.__cause__)
    return Finding("standby", lacks is None, lacks)


def _told(context: Context) -> tuple[float | None, float | None]:
    """How long the oldest message has been waiting, and by how much this clock is ahead of the database's."""
    try:
        with context.store.reading() as tx:
            tx.see(lambda: None)
            oldest_at, there = tx.outbox.backlog().oldest_at, tx.server_clock()
            here = context.real_now()
    except StoreUnavailable:
        return None, None
    waiting = 0.0 if oldest_at is None else (here - oldest_at).total_seconds()
    return waiting, None if there is None else (here - there).total_seconds()
