"""The door of batches (CONTRACT 5.3): each route loads, calls one verb, dumps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request

from gateway.domain.access import ACCESS
from gateway.domain.batches import MOST_ATOMIC_LINES, MOST_LINES, LineOutcome, Mode, State, restored
from gateway.domain.errors import BodyTooLarge, FieldError, InvalidRequest, Problem, TooManyLines
from gateway.http import bodies, problems
from gateway.http.api.batch_forms import CSV, NDJSON, Lines, NdjsonLines
from gateway.http.api.batch_results import written
from gateway.http.api.batch_tables import CHARSETS, CsvLines
from gateway.http.routes import Incoming, Outgoing, Reading, Route, identifier
from gateway.http.texts import language_of
from gateway.services.context import Context, Work
from gateway.services.follow_batch import cancel_batch, get_batch, settled_lines
from gateway.services.register_batch import RegisteredBatch, Upload, register_batch
from gateway.services.stage_batch import Staging
from gateway.store.batches import Batch, SettledLine
from schemas.batch import BatchQuery, BatchReceipt, LineResult

LARGEST_BATCH_BYTES = 512 * 1024 * 1024
_FORMS = {NDJSON: bodies.UTF_8, CSV: tuple(CHARSETS)}
_RESULT = LineResult()


@contextmanager
def _read(request: Request, reading: Reading) -> Iterator[tuple[Upload, bytes]]:
    """A batch whose lines are stored as they come, and what it is known again by; dropped unless it is registered.

    Shape: lines are counted only, where they are to be checked, or came before under the same key, or are none of the
    caller's role.
    Raises: LengthRequired, BodyTooLarge, UnsupportedMediaType, BodyIncomplete, DigestMismatch, MalformedCsv,
    LineTooLong, TooManyLines, InvalidRequest, StoreUnavailable.
    """
    body = bodies.LongBody(request, _FORMS, LARGEST_BATCH_BYTES)
    staging = Staging(reading.context, reading.caller, body.media_type, Mode(reading.query["mode"]))
    is_known = _is_known(reading)
    is_staged = reading.key_hash is not None and not is_known and reading.caller.role in ACCESS["register_batch"]
    lines = CsvLines(body.chunks(), body.charset) if body.media_type == CSV else NdjsonLines(body.chunks())
    try:
        count, refused = _take(lines, staging, is_staged)
        upload = Upload(staging.batch, count, refused, lines.encoding, lines.delimiter, is_staged, is_known)
        yield upload, f"{body.media_type};{body.charset}\n".encode() + body.sha256()
    finally:
        staging.drop()


def _is_known(reading: Reading) -> bool:
    if reading.key_hash is None:
        return False
    with reading.context.store.reading() as tx:
        return tx.idempotency.is_known(reading.key_hash, reading.context.real_now())


def _take(lines: Lines, staging: Staging, is_staged: bool) -> tuple[int, int]:
    """Take every line of an upload; how many there are, and how many are refused already."""
    count = refused = 0
    for number, line in lines:
        count += 1
        refused += isinstance(line, Problem)
        if staging.batch.mode is Mode.ATOMIC and count > MOST_ATOMIC_LINES:
            raise TooManyLines
        if count > MOST_LINES:
            raise BodyTooLarge
        if is_staged:
            staging.add(number, line)
    if not count:
        raise InvalidRequest([FieldError("#", "empty")])
    if is_staged:
        staging.flush()
    return count, refused


def _register(incoming: Incoming) -> Any:
    return partial(register_batch, upload=incoming.payload)


def _get(incoming: Incoming) -> Any:
    return lambda work: get_batch(work, identifier(incoming.path["batch_id"]))


def _cancel(incoming: Incoming) -> Any:
    return lambda work: cancel_batch(work, identifier(incoming.path["batch_id"]))


def _get_results(incoming: Incoming) -> Any:
    def verb(work: Work) -> Batch:
        return get_batch(work, identifier(incoming.path["batch_id"]))

    return verb


def _dump(batch: Batch, incoming: Incoming) -> Outgoing:
    return Outgoing(_document(batch))


def _document(batch: Batch) -> dict[str, Any]:
    done = {one: batch.counts.get(one, 0) for one in LineOutcome if one is not LineOutcome.CANCELLED}
    if batch.mode is Mode.PER_ITEM:
        done.pop(LineOutcome.NOT_DONE)
    return {
        "id": batch.id,
        "status": State.CANCELLED if batch.state is State.CANCELLING else batch.state,
        "mode": batch.mode,
        "communicated_at": batch.communicated_at,
        "encoding": batch.encoding,
        "delimiter": batch.delimiter,
        "lines": batch.lines,
        **{one.value.replace("-", "_"): count for one, count in done.items()},
        "progress": round(sum(done.values()) / batch.lines, 4),
    }


def _dump_new(registered: RegisteredBatch, incoming: Incoming) -> Outgoing:
    batch = registered.batch
    document = {**_document(batch), "receipt": registered.receipt}
    return Outgoing(document, {"Location": f"/v1/batches/{batch.id}"})


def _dump_results(batch: Batch, incoming: Incoming) -> Outgoing:
    if incoming.context is None:
        raise AssertionError("results are read after the verb")
    language = language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))
    stream = written(batch.media_type, batch.encoding, batch.delimiter, _results(incoming.context, batch, language))
    headers = {"Content-Language": language}
    return Outgoing(None, headers, stream=stream, content_type=f"{batch.media_type}; charset=utf-8")


def _results(context: Context, batch: Batch, language: str) -> Iterator[Any]:
    for line in settled_lines(context, batch):
        yield _RESULT.dump(_result(batch, line, language))


def _result(batch: Batch, line: SettledLine, language: str) -> dict[str, Any]:
    document: dict[str, Any] = {"number": line.number, "ref": line.ref, "outcome": line.outcome}
    if batch.media_type == CSV:
        document["row"] = line.number + 1
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
