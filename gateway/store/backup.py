"""Backups of the register: a folder with a copy of the database, and a manifest by which damage is seen.

Stage: pseudonymous and sealed, as the register. The key ring is not in it: who has both has everything.
Shape: a copy is of one instant; the manifest is written last, so a folder without one is no backup.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, update
from sqlalchemy.exc import DBAPIError

from gateway.domain.delivery import State
from gateway.domain.errors import StoreUnavailable
from gateway.store import embedded_copy, server_copy
from gateway.store.copying import BackupFailed
from gateway.store.dialects import open_engine
from gateway.store.tables import outbox

FORMAT = "chroniccare-backup-1"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: of when, of which engine and schema, and its one file with length and SHA-256."""

    format: str
    made_at: str
    engine: str
    schema: str
    file: str
    bytes: int
    sha256: str


def back_up(database_url: str, folder: Path, now: datetime) -> Manifest:
    """Copy the register into a new folder while it is used.

    Cost: on SQLite writers wait at their commit until the copy is read; on PostgreSQL for nothing.
    Raises: BackupFailed.
    """
    engine = make_url(database_url).get_backend_name()
    copy = embedded_copy if engine == "sqlite" else server_copy
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BackupFailed(f"{folder} is not empty: name a new folder for each backup")
        schema = copy.take(database_url, folder / copy.FILE)
        (folder / copy.FILE).chmod(0o600)
        size, digest = _measured(folder / copy.FILE)
        manifest = Manifest(FORMAT, now.isoformat(timespec="seconds"), engine, schema, copy.FILE, size, digest)
        with (folder / MANIFEST).open("x", encoding="ascii") as file:
            json.dump(asdict(manifest), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise BackupFailed(f"{folder} cannot be written: {problem.strerror}") from None
    return manifest


def restore(database_url: str, folder: Path) -> Manifest:
    """Fill an empty database from a backup, after the backup was checked whole.

    Raises: BackupFailed for a damaged backup, one of another engine, and a database that is not empty; nothing is
    changed then. StoreUnavailable.
    """
    manifest = read_manifest(folder)
    engine = make_url(database_url).get_backend_name()
    if engine != manifest.engine:
        raise BackupFailed(f"the backup is of {manifest.engine}, and CHRONICCARE_DATABASE_URL names {engine}")
    copy = embedded_copy if engine == "sqlite" else server_copy
    copy.put(folder / manifest.file, database_url)
    _send_again(database_url)
    return manifest


def _send_again(database_url: str) -> None:
    """Let what waits for an answer be sent again, under its id.

    The answer may have come after the backup was made; once confirmed, MyCareNet gives it only to who sends again.
    """
    engine = open_engine(database_url, 1)
    try:
        with engine.begin() as connection:
            waiting = update(outbox).where(outbox.c.state == State.SENT.value)
            connection.execute(waiting.values(state=State.PENDING.value, leased_until=None))
    except DBAPIError as error:
        raise StoreUnavailable from error
    finally:
        engine.dispose()


def read_manifest(folder: Path) -> Manifest:
    """A backup's manifest, after its file was compared with it.

    Raises: BackupFailed.
    """
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="ascii")))
        found = _measured(folder / manifest.file)
    except (OSError, ValueError, TypeError):
        raise BackupFailed(f"{folder} holds no whole backup") from None
    if manifest.format != FORMAT or manifest.file not in (embedded_copy.FILE, server_copy.FILE):
        raise BackupFailed(f"{folder} holds no backup that this version knows")
    if found != (manifest.bytes, manifest.sha256):
        raise BackupFailed(f"the backup in {folder} is damaged: {manifest.file} is not what its manifest says")
    return manifest


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
