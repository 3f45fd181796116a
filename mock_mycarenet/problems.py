"""Every answer that says no, as `application/problem+json` (RFC 9457). None repeats what the client sent."""

import json
import sqlite3
from collections.abc import Sequence
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from mock_mycarenet.decisions import operation_outcome

WHOLE = "$this"
ISSUES = {400: "invalid", 409: "conflict", 411: "required", 413: "too-long", 503: "transient"}
"""Status to FHIR's kind of issue."""


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


def as_outcome(answer: Response) -> Response:
    """A problem as the exchange says it: one code, one path. Any other answer as it is."""
    if answer.mimetype != "application/problem+json":
        return answer
    facts = json.loads(answer.get_data())
    errors = facts.get("errors")
    code, path = (errors[0]["code"], expression(errors[0]["pointer"])) if errors else (facts["code"], WHOLE)
    outcome = operation_outcome(code, ISSUES.get(answer.status_code, "processing"), path)
    said = Response(json.dumps(outcome), answer.status_code, mimetype="application/fhir+json")
    said.headers.extend((name, value) for name, value in answer.headers if name in ("Allow", "Retry-After"))
    return said


def expression(pointer: str) -> str:
    """A JSON pointer as a FHIRPath.

    >>> expression("#/body/entry/2/resource/identifier/0/value"), expression("#/input_reference"), expression("#")
    ('Bundle.entry[2].resource.identifier[0].value', 'input_reference', '$this')
    """
    names = pointer.removeprefix("#").removeprefix("/").split("/")
    if names == [""]:
        return WHOLE
    names = ["Bundle", *names[1:]] if names[0] == "body" else names
    return "".join(f"[{name}]" if name.isdigit() else f".{name}" for name in names).removeprefix(".")


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
