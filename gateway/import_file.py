"""Import a file: send it as one batch, follow it, and keep beside it what became of its lines and what is to correct.

Shape: the idempotency key is made of the content, so that the same file sent again is the same batch: nothing is
doubled, and whoever was interrupted goes on.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.import_corrections import write_corrections
from gateway.sandbox.client import Answer, Client, Unreachable, answer_of, comes_back

MEDIA_TYPES = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".csv": "text/csv"}
OUTCOMES = ("accepted", "duplicate", "refused", "not_done")
CHUNK_BYTES = 64 * 1024
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 120.0
TIMEOUT_SECONDS = 120.0


class ImportFailed(Exception):
    """The file could not be sent, or its batch did not end well; the message says why."""


@dataclass(frozen=True, slots=True)
class Import:
    """What to send, where to, and how: all lines or none, and as a new batch although the file was sent before."""

    path: Path
    url: str
    token: str
    is_atomic: bool = False
    is_again: bool = False
    language: str = "en"

    @property
    def media_type(self) -> str:
        """What the file holds, by its name.

        Raises: ImportFailed.
        """
        found = MEDIA_TYPES.get(self.path.suffix.lower())
        if found is None:
            raise ImportFailed(f"{self.path}: the name of a file ends in {', '.join(MEDIA_TYPES)}")
        return found


def import_file(asked: Import, console: Console) -> bool:
    """Whether every line of a file had its effect, now or before.

    Shape: the results are then in a file of its name with `.results` added; lines that were refused, as they were but
    for two columns that say why, in one with `.to-correct` added. Corrected, that is a file to import.
    Raises: ImportFailed; Unreachable.
    """
    suffix = ".csv" if asked.media_type == "text/csv" else ".ndjson"
    location = _send(asked, console)
    with Client(asked.url) as client:
        batch = _follow(client, location, asked.token, console)
    kept = asked.path.with_name(f"{asked.path.name}.results{suffix}")
    _fetch(asked, f"{location}/results", kept)
    console.print(_summary(batch), highlight=False)
    console.print(str(kept), soft_wrap=True, highlight=False)
    if batch["status"] != "done":
        raise ImportFailed(f"the batch was {batch['status']}; --again sends the file as a new one")
    corrections = write_corrections(asked.path, kept, batch)
    if corrections is not None:
        console.print(f"{corrections}: correct these lines and import this file", soft_wrap=True, highlight=False)
    return corrections is None


def _send(asked: Import, console: Console) -> str:
    """Where the batch of a file is; tried again, from the start, as long as that may help."""
    try:
        with asked.path.open("rb") as file:
            digest, length = file_digest(file, "sha256").digest(), file.tell()
    except OSError as problem:
        raise ImportFailed(f"{asked.path}: {problem.strerror}") from None
    mode = "atomic" if asked.is_atomic else "per_item"
    headers = {
        "Content-Type": asked.media_type,
        "Content-Length": str(length),
        "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
        "Idempotency-Key": f"import-{mode}-{uuid4() if asked.is_again else digest.hex()}",
    }
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("bytes", total=length)

        def attempt() -> Answer:
            progress.reset(task)
            with asked.path.open("rb") as file, _connected(asked) as connection:
                _request(connection, asked, "POST", f"/v1/batches?mode={mode}", headers)
                with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read: the answer says why
                    for chunk in _chunks(file):
                        connection.send(chunk)
                        progress.advance(task, len(chunk))
                return answer_of(connection.getresponse())

        return _done(_patiently(attempt), "the file was refused").headers["location"]


def _follow(client: Client, location: str, token: str, console: Console) -> dict[str, Any]:
    """The batch once it has ended."""
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("lines", total=None)
        while True:
            batch: dict[str, Any] = _done(client.send("GET", location, token=token), "the batch was refused").body
            progress.update(task, completed=sum(batch.get(name, 0) for name in OUTCOMES), total=batch["lines"])
            if batch["status"] in ("done", "cancelled"):
                return batch
            time.sleep(PAUSE_SECONDS)


def _fetch(asked: Import, path: str, target: Path) -> None:
    """Keep the results of a batch in a file, which is there only when it is whole."""
    part = target.with_name(f"{target.name}.part")

    def attempt() -> Answer:
        with _connected(asked) as connection:
            _request(connection, asked, "GET", path, {})
            response = connection.getresponse()
            if response.status >= 300:
                return answer_of(response)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for chunk in _chunks(response):
                    file.write(chunk)
            return Answer(response.status, {}, None)

    _done(_patiently(attempt), "the results were refused")
    part.replace(target)


def _chunks(source: BinaryIO | HTTPResponse) -> Iterator[bytes]:
    while chunk := source.read(CHUNK_BYTES):
        yield chunk


@contextmanager
def _connected(asked: Import) -> Iterator[HTTPConnection]:
    parts = urlsplit(asked.url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(kind(parts.netloc, timeout=TIMEOUT_SECONDS)) as connection:
        yield connection


def _request(connection: HTTPConnection, asked: Import, method: str, path: str, headers: dict[str, str]) -> None:
    connection.putrequest(method, urlsplit(asked.url).path.rstrip("/") + path)
    named = {"Authorization": f"Bearer {asked.token}", "Accept-Language": asked.language, **headers}
    for name, value in named.items():
        connection.putheader(name, value)
    connection.endheaders()


def _patiently(attempt: Callable[[], Answer]) -> Answer:
    """The answer to a request that may be sent again.

    Raises: Unreachable.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = attempt()
            if not comes_back(answer):
                return answer
            cause = f"{answer.status} {answer.code}"
        except (OSError, HTTPException) as broken:
            cause = type(broken).__name__
        if time.monotonic() > give_up_at:
            raise Unreachable(f"the gateway: {cause}; the same command goes on where it was")
        time.sleep(PAUSE_SECONDS)


def _done(answer: Answer, otherwise: str) -> Answer:
    if answer.status >= 300:
        detail = answer.body.get("detail", "") if isinstance(answer.body, dict) else ""
        raise ImportFailed(f"{otherwise}: {answer.status} {answer.code or ''} {detail}".rstrip())
    return answer


def _summary(batch: dict[str, Any]) -> str:
    told = [f"{batch[name]} {name.replace('_', ' ')}" for name in OUTCOMES if name in batch]
    return f"{batch['lines']} lines: " + ", ".join(told)
