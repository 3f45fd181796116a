"""The door of extracts (CONTRACT 6.3): each route loads, calls one verb, dumps. Stage: anonymous."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.http.routes import Incoming, Outgoing, Route, identifier
from gateway.services.context import Work
from gateway.services.follow_extract import StoredFile, cancel_extract, get_extract, get_extract_file
from gateway.services.register_extract import register_extract
from gateway.store.extracts import Extract, ExtractState
from schemas import extract as wire
from schemas import strict_json

RETRY_AFTER_SECONDS = 2


def _register(incoming: Incoming) -> Any:
    return partial(register_extract, request={name: str(value) for name, value in incoming.payload.items()})


def _get(incoming: Incoming) -> Any:
    return lambda work: get_extract(work, identifier(incoming.path["extract_id"]))


def _cancel(incoming: Incoming) -> Any:
    return lambda work: cancel_extract(work, identifier(incoming.path["extract_id"]))


def _get_file(incoming: Incoming) -> Any:
    def verb(work: Work) -> StoredFile:
        return get_extract_file(work, identifier(incoming.path["extract_id"]), incoming.path["file_name"])

    return verb


def _document(found: Extract) -> dict[str, Any]:
    return {"id": found.id, "status": found.state, "progress": round(found.progress, 4), "request": found.request}


def _dump_new(new: Extract, incoming: Incoming) -> Outgoing:
    return Outgoing(_document(new), {"Content-Location": f"/v1/extracts/{new.id}"})


def _dump(found: Extract, incoming: Incoming) -> Outgoing:
    """202 until it has ended; then the manifest, byte for byte the file of that name."""
    if found.state is ExtractState.FAILED:
        return Outgoing(_document(found))
    if found.manifest is None:
        headers = {"X-Progress": f"{found.progress:.0%}", "Retry-After": str(RETRY_AFTER_SECONDS)}
        return Outgoing(_document(found), headers, status=202)
    return Outgoing(None, text=strict_json.dumps(found.manifest).decode())


def _dump_cancelled(found: Extract, incoming: Incoming) -> Outgoing:
    return Outgoing(_document(found))


def _dump_file(stored: StoredFile, incoming: Incoming) -> Outgoing:
    return Outgoing(None, file=stored)


_ONE = "/v1/extracts/<extract_id>"
ROUTES = (
    Route(
        "POST",
        "/v1/extracts",
        "register_extract",
        _register,
        _dump_new,
        wire.Extract,
        body=wire.ExtractRequest,
        status=202,
        writes=True,
    ),
    Route("GET", _ONE, "get_extract", _get, _dump, wire.Extract),
    Route("DELETE", _ONE, "cancel_extract", _cancel, _dump_cancelled, wire.Extract, status=204, writes=True),
    Route("GET", f"{_ONE}/files/<file_name>", "get_extract_file", _get_file, _dump_file, wire.Extract),
)
