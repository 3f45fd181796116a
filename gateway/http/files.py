"""Files as answers: whole or in part, with their checksums, and only when the client does not have them already.

Source: RFC 9110 §13 and §14, RFC 3230, RFC 9530.
"""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import structlog
from flask import Request, Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.utils import send_file

from gateway.domain.errors import NotFound, PreconditionFailed, RangeNotSatisfiable
from gateway.services.follow_extract import StoredFile

_ONE_RANGE = re.compile(r"bytes=[0-9]*-[0-9]*")
log = structlog.get_logger("chroniccare.http")


def file_response(folder: Path, stored: StoredFile, request: Request) -> Response:
    """A file as the answer to a request.

    Shape: 200, 206 for one range, 304 for a tag that the client names. Several ranges at once are not served: the
    whole file is the answer.
    Raises: NotFound when it is gone; RangeNotSatisfiable; PreconditionFailed for another `If-Match`.
    """
    name = stored.place.rpartition("/")[2]
    try:
        sent = send_file(
            folder / stored.place,
            _with_one_range(request.environ),
            mimetype=stored.media_type,
            as_attachment=True,
            download_name=name,
            conditional=True,
            etag=stored.sha256,
            response_class=Response,
        )
    except RequestedRangeNotSatisfiable:
        raise RangeNotSatisfiable(stored.length) from None
    except OSError:
        log.error("extract_file_missing", place=stored.place)
        raise NotFound from None
    if sent.status_code == HTTPStatus.PRECONDITION_FAILED:
        sent.close()
        raise PreconditionFailed
    digest = base64.b64encode(bytes.fromhex(stored.sha256)).decode()
    sent.headers["Digest"] = f"sha-256={digest}"
    sent.headers["Repr-Digest"] = f"sha-256=:{digest}:"
    if sent.status_code == HTTPStatus.OK:
        sent.headers["Content-Digest"] = f"sha-256=:{digest}:"
    sent.headers["Cache-Control"] = "private, no-cache"
    sent.headers["Vary"] = "Authorization"
    return cast(Response, sent)


def _with_one_range(environ: dict[str, Any]) -> dict[str, Any]:
    """The request without a `Range` that is not one range of bytes."""
    is_one = _ONE_RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    return {name: value for name, value in environ.items() if name != "HTTP_RANGE" or is_one}
