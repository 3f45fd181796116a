"""Import a file: send it as one batch to a gateway, follow it, and keep what became of its lines beside it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.sandbox.client import Answer, Client, Raw

MEDIA_TYPES = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".csv": "text/csv"}
OUTCOMES = ("accepted", "duplicate", "refused")
PAUSE_SECONDS = 0.5


class ImportFailed(Exception):
    """The file could not be sent, or its batch did not end well; the message says why."""


def import_file(path: Path, url: str, token: str, console: Console) -> bool:
    """Whether no line of a file was refused; its results are then in a file of its name with `.results` added.

    Shape: sent again, it is a new batch, in which the lines that had their effect are duplicates.
    Raises: ImportFailed; Unreachable.
    """
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise ImportFailed(f"{path}: the name of a file ends in {', '.join(MEDIA_TYPES)}")
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ImportFailed(f"{path}: {problem.strerror}") from None
    with Client(url) as client:
        sent = client.send("POST", "/v1/batches", Raw(media_type, content), token=token, key=str(uuid4()))
        location = _done(sent, "the file was refused").headers["location"]
        batch = _follow(client, location, token, console)
        results = _done(client.send("GET", f"{location}/results", token=token), "the results were refused")
    kept = path.with_name(f"{path.name}.results{'.csv' if media_type == 'text/csv' else '.ndjson'}")
    kept.write_text(results.body, encoding="utf-8", newline="")
    console.print(_summary(batch), highlight=False)
    console.print(str(kept), soft_wrap=True, highlight=False)
    if batch["status"] != "done":
        raise ImportFailed(f"the batch was {batch['status']}")
    return bool(batch["refused"] == 0)


def _follow(client: Client, location: str, token: str, console: Console) -> dict[str, Any]:
    """The batch once it has ended."""
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("lines", total=None)
        while True:
            batch: dict[str, Any] = _done(client.send("GET", location, token=token), "the batch was refused").body
            settled = sum(batch[name] for name in OUTCOMES)
            progress.update(task, completed=settled, total=batch["lines"])
            if batch["status"] in ("done", "cancelled"):
                return batch
            time.sleep(PAUSE_SECONDS)


def _done(answer: Answer, otherwise: str) -> Answer:
    if answer.status >= 300:
        detail = answer.body.get("detail", "") if isinstance(answer.body, dict) else ""
        raise ImportFailed(f"{otherwise}: {answer.status} {answer.code or ''} {detail}".rstrip())
    return answer


def _summary(batch: dict[str, Any]) -> str:
    return f"{batch['lines']} lines: " + ", ".join(f"{batch[name]} {name}" for name in OUTCOMES)
