"""Build extracts: one a round, written beside its place and moved there when it is whole.

claim ─ read releases, write files ─ beat … beat ─ sign ─ [ finish, rename ] ─ next
                └ cancelled, or taken up by another worker: what was written is dropped

Stage: anonymous.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from gateway.domain.extract import Checks, Record
from gateway.domain.ladder import Recipient
from gateway.extracts import dictionary, examples, report
from gateway.extracts.columns import columns_of, rows_of
from gateway.extracts.formats import FORMATS, file_name
from gateway.services.context import Context
from gateway.services.extract_records import Source, source_of
from gateway.services.follow_extract import MANIFEST_FILE
from gateway.store.extracts import Extract, ExtractState
from gateway.store.waits import latest
from schemas import strict_json

log = structlog.get_logger("chroniccare.extracts")
KEPT_FOR = timedelta(hours=72)
PAUSE = timedelta(seconds=60)
MOST_ATTEMPTS = 5
RECORDS_PER_LOOK = 1_000
PART = ".part"


class _NotOurs(Exception):
    """The extract was cancelled, or another worker took it up: whatever was written here is dropped."""


class _Stopped(Exception):
    """The worker was told to stop: whatever was written here is dropped, and another one begins again."""


@dataclass(slots=True)
class _Build:
    """One extract at work: the lease that is held, and where its files are written until they are whole."""

    context: Context
    claimed: Extract
    lease: timedelta
    folder: Path
    is_stopping: Callable[[], bool]

    def beat(self, progress: float) -> None:
        """Lengthen the lease and say how far it is.

        Raises: _NotOurs; _Stopped.
        """
        if self.is_stopping():
            raise _Stopped
        until = self.context.real_now() + self.lease
        with self.context.store.transaction() as tx:
            if not tx.extracts.beat(self.claimed, until, progress):
                raise _NotOurs
        self.claimed = replace(self.claimed, leased_until=until, progress=progress)

    def watched(self, records: Iterator[Record]) -> Iterator[Record]:
        """The same records; the lease is lengthened before it runs out."""
        for count, record in enumerate(records, start=1):
            held = self.claimed.leased_until
            if count % RECORDS_PER_LOOK == 0 and (
                self.is_stopping() or (held and self.context.real_now() > held - self.lease / 2)
            ):
                self.beat(self.claimed.progress)
            yield record


def run_extracts(context: Context, lease: timedelta, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """One round: files that had their time are removed, then the extract that waits longest is built.

    Shape: how many extracts moved. One that cannot be built now waits; after five attempts it has failed. Told to stop,
    it puts down the one at work, which costs that one no attempt.
    """
    now = context.real_now()
    last = latest(now, lease, PAUSE)
    with context.store.reading() as tx:
        due, expired = tx.extracts.due(now, last), tx.extracts.expired(now)
    for shard, extract_id in expired:
        _purge(context, shard, extract_id)
    if due is None:
        return len(expired)
    with context.store.transaction() as tx:
        claimed = tx.extracts.claim(*due, now, now + lease, last)
        if claimed is not None and claimed.attempts > MOST_ATTEMPTS:
            tx.extracts.end(claimed.shard, claimed.id, ExtractState.FAILED)
            claimed = None
    return len(expired) + (claimed is not None and _build(context, claimed, lease, is_stopping))


def _build(context: Context, claimed: Extract, lease: timedelta, is_stopping: Callable[[], bool]) -> bool:
    """Whether an extract was built or dropped; False when it has to wait."""
    for left in context.extracts_dir.glob(f"{claimed.id}.*{PART}"):
        shutil.rmtree(left, ignore_errors=True)
    folder = context.extracts_dir / f"{claimed.id}.{secrets.token_hex(4)}{PART}"
    build = _Build(context, claimed, lease, folder, is_stopping)
    try:
        folder.mkdir(parents=True, mode=0o700)
        _write(build)
    except _NotOurs:
        return True
    except _Stopped:
        with context.store.transaction() as tx:
            tx.extracts.put_back(build.claimed)
        return False
    except OSError as error:
        log.error("extract_waits", kind=type(error).__name__, attempts=claimed.attempts)
        with context.store.transaction() as tx:
            tx.extracts.rest(build.claimed, context.real_now() + PAUSE)
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _write(build: _Build) -> None:
    """Write every file and put them in their place.

    Raises: _NotOurs; _Stopped; OSError.
    """
    claimed, context, folder = build.claimed, build.context, build.folder
    recipient, form = Recipient(claimed.request["kind"]), claimed.request["format"]
    insurer = claimed.organisation if recipient is Recipient.INSURER else None
    source, checks = source_of(context, claimed.request, insurer, _held(build)), Checks()
    columns, described = columns_of(recipient), dictionary.dictionary_of(recipient)
    records = checks.watch(build.watched(source.records(build.beat)))
    target = folder / file_name(form)
    count = FORMATS[form].write(target, columns, rows_of(records, columns), described)
    written = [_listed(target, FORMATS[form].media_type, count)]
    for name, media_type, content in (
        (dictionary.FILE, "application/json", strict_json.dumps(described)),
        (examples.PANDAS_FILE, "text/x-python", examples.pandas_example(form).encode()),
        (examples.R_FILE, "text/x-r", examples.r_example(form).encode()),
    ):
        (folder / name).write_bytes(content)
        written.append(_listed(folder / name, media_type))
    (folder / report.FILE).write_bytes(strict_json.dumps(_report(source, insurer, claimed, checks, written)))
    written.append(_listed(folder / report.FILE, "application/json"))
    _finish(build, source, written)


def _held(build: _Build) -> frozenset[str]:
    """The releases of the extract that this one goes on from; none for a full one."""
    since = build.claimed.request.get("since")
    if since is None:
        return frozenset()
    with build.context.store.reading() as tx:
        found = tx.extracts.find(build.context.veil.identifiers.bucket_of(UUID(since)), UUID(since))
    if found is None or found.releases is None:
        raise AssertionError("an increment goes on from an extract that is done")
    return frozenset(found.releases)


def _listed(path: Path, media_type: str, rows: int = 0) -> dict[str, Any]:
    """What is said of a file; it is on the disk by then. Shape: `rows` are records; a file about them has none."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return {"type": media_type, "name": path.name, "rows": rows, "bytes": path.stat().st_size, "sha256": digest}


def _report(
    source: Source, insurer: str | None, claimed: Extract, checks: Checks, written: list[dict[str, Any]]
) -> dict[str, Any]:
    asked = dict(claimed.request) if insurer is None else {**claimed.request, "insurer": insurer}
    files = [{name: one[name] for name in ("name", "bytes", "sha256")} for one in written]
    entries = [source.entries[one.id] for one in source.closed if one.id in source.selected]
    return report.Report(asked, entries, source.replaces, source.chosen, source.waiting(), checks, files).document()


def _finish(build: _Build, source: Source, written: list[dict[str, Any]]) -> None:
    """Sign the manifest, and put the files in their place in the transaction that says so.

    Raises: _NotOurs; OSError.
    """
    context, claimed = build.context, build.claimed
    expires_at = context.real_now() + KEPT_FOR
    manifest = _manifest(claimed, source, written, expires_at)
    signed = {**manifest, "signature": context.veil.receipts.sign_manifest(strict_json.canonical(manifest))}
    (build.folder / MANIFEST_FILE).write_bytes(strict_json.dumps(signed))
    place = context.extracts_dir / str(claimed.id)
    with context.store.transaction() as tx:
        if not tx.extracts.finish(claimed, signed, source.held, source.transaction_time, expires_at):
            raise _NotOurs
        shutil.rmtree(place, ignore_errors=True)
        build.folder.rename(place)


def _manifest(claimed: Extract, source: Source, written: list[dict[str, Any]], expires_at: datetime) -> dict[str, Any]:
    files = f"/v1/extracts/{claimed.id}/files"
    output = [{"url": f"{files}/{one['name']}", **_without_name(one)} for one in written]
    return {
        "id": str(claimed.id),
        "status": ExtractState.DONE.value,
        "transaction_time": _instant(source.transaction_time),
        "expires_at": _instant(expires_at),
        "request": dict(claimed.request),
        "requires_access_token": True,
        "output": output,
        "disclosure_report": f"{files}/{report.FILE}",
        "replaces": list(source.replaces),
    }


def _without_name(listed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in listed.items() if name != "name"}


def _instant(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _purge(context: Context, shard: int, extract_id: UUID) -> None:
    """Remove the files of an extract, then say that they are gone."""
    shutil.rmtree(context.extracts_dir / str(extract_id), ignore_errors=True)
    with context.store.transaction() as tx:
        tx.extracts.purged(shard, extract_id)


def sweep_extracts(context: Context) -> int:
    """Remove what lies in the folder of extracts and belongs to none that is being built or can be fetched; how many.

    Shape: what a killed worker left, and whatever came back with a backup.
    """
    swept = 0
    for path in sorted(context.extracts_dir.glob("*-*")):
        if not _is_needed(context, path):
            shutil.rmtree(path, ignore_errors=True)
            swept += 1
    return swept


def _is_needed(context: Context, path: Path) -> bool:
    try:
        extract_id = UUID(path.name.partition(".")[0])
    except ValueError:
        return True
    with context.store.reading() as tx:
        found = tx.extracts.find(context.veil.identifiers.bucket_of(extract_id), extract_id)
    if found is None:
        return False
    return not found.has_ended if path.name.endswith(PART) else found.expires_at is not None or not found.has_ended
