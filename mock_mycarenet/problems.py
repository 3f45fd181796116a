"""Every answer that says no, as `application/problem+json` (RFC 9457). None repeats what the client sent."""

import json
import sqlite3
from collections.abc import Sequence
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException


def problem(status: int, code: str, detail: str, errors: Sequence[tuple[str, str]] = ()) -> Response:
    """An answer with this status; `errors` are the members at fault, as (pointer, code)."""
    facts: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        facts["errors"] = [{"pointer": pointer, "code": each} for pointer, each in errors]
    return Response(json.dumps(facts), status, mimetype="application/problem+json")


def install_problems(app: Flask) -> None:
    """Make `app` say every refusal of Flask, and of the disk, in this form."""
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(RecursionError, _of_depth)
    app.register_error_handler(sqlite3.OperationalError, _of_disk)


def _of_http(error: HTTPException) -> Response:
    # What abort(problem(...)) raised does not come by here: Flask answers with it as it is.
    answer = error.get_response()
    phrase = HTTPStatus(answer.status_code).phrase
    said = problem(answer.status_code, phrase.lower().replace(" ", "-"), f"{phrase}.")
    said.headers.extend((name, value) for name, value in answer.headers if name == "Allow")
    return said


def _of_depth(_error: RecursionError) -> Response:
    # From reading claims or from writing them into a token, whichever meets the limit first.
    return problem(400, "too-deep", "The body nests too deeply.")


def _of_disk(_error: sqlite3.OperationalError) -> Response:
    said = problem(503, "storage-unavailable", "The stand-in cannot write its file; nothing was recorded.")
    said.headers["Retry-After"] = "1"
    return said
