"""The door of batches (CONTRACT 5.3): each route loads, calls one verb, dumps."""

from __future__ import annotations

from functools import partial
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request

from gateway.domain.batches import LineOutcome, restored
from gateway.http import bodies, problems
from gateway.http.api.batch_forms import CSV, NDJSON, read_upload, write_results
from gateway.http.routes import Incoming, Outgoing, Route, identifier
from gateway.http.texts import language_of
from gateway.services.context import Work
from gateway.services.follow_batch import Results, cancel_batch, get_batch, get_batch_results
from gateway.services.register_batch import register_batch
from gateway.store.batches import Batch, SettledLine
from schemas.batch import BatchQuery, BatchReceipt, LineResult

LARGEST_BATCH_BYTES = 8 * 1024 * 1024
_RESULT = LineResult()


def _read(request: Request) -> tuple[Any, bytes]:
    """A batch cut into lines, and its bytes, by which it is known again.

    Raises: LengthRequired, BodyTooLarge, UnsupportedMediaType, BodyIncomplete, DigestMismatch, MalformedCsv,
    InvalidRequest.
    """
    body = bodies.read_bytes(request, (NDJSON, CSV), LARGEST_BATCH_BYTES)
    return read_upload(request.mimetype, body), request.mimetype.encode() + b"\n" + body


def _register(incoming: Incoming) -> Any:
    return partial(register_batch, upload=incoming.payload)


def _get(incoming: Incoming) -> Any:
    return lambda work: get_batch(work, identifier(incoming.path["batch_id"]))


def _cancel(incoming: Incoming) -> Any:
    return lambda work: cancel_batch(work, identifier(incoming.path["batch_id"]))


def _get_results(incoming: Incoming) -> Any:
    def verb(work: Work) -> Results:
        return get_batch_results(work, identifier(incoming.path["batch_id"]))

    return verb


def _dump(batch: Batch, incoming: Incoming) -> Outgoing:
    counts = {outcome.value: batch.counts.get(outcome, 0) for outcome in LineOutcome if outcome != "cancelled"}
    progress = round(sum(counts.values()) / batch.lines, 4)
    return Outgoing({"id": batch.id, "status": batch.state, "lines": batch.lines, **counts, "progress": progress})


def _dump_new(batch: Batch, incoming: Incoming) -> Outgoing:
    return Outgoing(_dump(batch, incoming).document, {"Location": f"/v1/batches/{batch.id}"})


def _dump_results(results: Results, incoming: Incoming) -> Outgoing:
    batch = results.batch
    language = language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))
    rows = (_RESULT.dump(_result(batch, line, language)) for line in results.lines)
    text = write_results(batch.media_type, batch.delimiter, rows)
    headers = {"Content-Language": language}
    return Outgoing(None, headers, text=text, content_type=f"{batch.media_type}; charset=utf-8")


def _result(batch: Batch, line: SettledLine, language: str) -> dict[str, Any]:
    document: dict[str, Any] = {"number": line.number, "ref": line.ref, "outcome": line.outcome}
    match line.outcome:
        case LineOutcome.ACCEPTED:
            document["id"] = line.object
        case LineOutcome.DUPLICATE:
            document["existing"] = line.object
        case LineOutcome.REFUSED if line.problem is not None:
            document["problem"] = problems.document(restored(line.problem), language, f"{batch.id}/{line.number}")
    return document


_ONE = "/v1/batches/<batch_id>"
ROUTES = (
    Route(
        "POST",
        "/v1/batches",
        "register_batch",
        _register,
        _dump_new,
        BatchReceipt,
        reader=_read,
        query=BatchQuery,
        status=202,
        writes=True,
    ),
    Route("GET", _ONE, "get_batch", _get, _dump, BatchReceipt),
    Route("GET", f"{_ONE}/results", "get_batch_results", _get_results, _dump_results, LineResult),
    Route("DELETE", _ONE, "cancel_batch", _cancel, _dump, BatchReceipt, writes=True),
)
