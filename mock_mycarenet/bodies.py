"""The one reader of request bodies: whole, not too long, strict JSON, and of the schema asked for."""

from collections.abc import Callable
from typing import Any, Final

from flask import abort, request
from marshmallow import Schema, ValidationError

from mock_mycarenet.problems import problem
from schemas import strict_json
from schemas.fields import pointers

LONGEST: Final = 1024 * 1024  # bytes


def load_body(schema: Schema, parse: Callable[[bytes], Any] = strict_json.loads) -> dict[str, Any]:
    """The request's body as `schema` loads it; any fault aborts with 400, 411 or 413."""
    try:
        return dict(schema.load(parse(_whole_body())))
    except ValidationError as error:
        abort(problem(400, "invalid-body", "A member is missing, unknown or wrong.", pointers(error.messages)))
    except ValueError as error:
        code = getattr(error, "code", "malformed-json")
        abort(problem(400, code, "The body is not JSON that can be taken."))


def _whole_body() -> bytes:
    """Every byte that the client announced: under gunicorn Werkzeug does not notice a body that was cut."""
    announced = request.content_length or 0
    if "Transfer-Encoding" in request.headers:
        abort(problem(411, "length-required", "Send Content-Length."))
    if announced > LONGEST:
        abort(problem(413, "body-too-long", f"At most {LONGEST} bytes."))
    body = request.get_data(cache=False)
    if len(body) != announced:
        abort(problem(400, "body-cut", "The body ended early."))
    return body
