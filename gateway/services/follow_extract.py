"""Follow an extract: how far it is, its files; or cancel or remove it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from gateway.domain.errors import NotFound
from gateway.services.context import Work
from gateway.services.register_extract import own_extract
from gateway.store.extracts import Extract, ExtractState
from schemas import strict_json

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an extract, by its place in the folder of extracts.

    Units: `sha256` is hexadecimal, `length` is in bytes.
    """

    place: str
    media_type: str
    sha256: str
    length: int


def get_extract(work: Work, extract_id: UUID) -> Extract:
    """One extract of the caller's own.

    Raises: NotFound for a foreign one, and for one that was cancelled or removed or has expired.
    """
    found = own_extract(work, extract_id)
    is_gone = found.state is ExtractState.DONE and (found.expires_at is None or found.expires_at <= work.real_now)
    if is_gone or found.state is ExtractState.CANCELLED:
        raise NotFound
    work.object = extract_id
    return found


def get_extract_file(work: Work, extract_id: UUID, name: str) -> StoredFile:
    """One file of an extract that is done.

    Raises: NotFound.
    """
    found = get_extract(work, extract_id)
    if found.manifest is None:
        raise NotFound
    if name == MANIFEST_FILE:
        content = strict_json.dumps(found.manifest)
        return StoredFile(f"{found.id}/{name}", "application/json", sha256(content).hexdigest(), len(content))
    for one in found.manifest["output"]:
        if one["url"].rpartition("/")[2] == name:
            return StoredFile(f"{found.id}/{name}", one["type"], one["sha256"], one["bytes"])
    raise NotFound


def cancel_extract(work: Work, extract_id: UUID) -> Extract:
    """Cancel an extract that is not done, or let the files of one that is done expire now.

    Raises: NotFound.
    """
    found = get_extract(work, extract_id)
    if found.state is ExtractState.DONE:
        work.tx.extracts.remove(found.shard, extract_id, work.real_now)
    else:
        work.tx.extracts.end(found.shard, extract_id, ExtractState.CANCELLED)
    return found
