"""What a route is: a row that says which verb answers a method on a path, and what goes in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Never
from uuid import UUID

from marshmallow import Schema
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from gateway.domain.access import Caller
from gateway.domain.errors import NotFound, Problem
from gateway.services.context import Work
from gateway.services.follow_extract import StoredFile


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request whose form is right: its path, query and body as their schemas loaded them."""

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, Any]
    payload: Any
    headers: Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer before it is bytes: a document for the route's schema, a text of another type, or a file.

    Shape: `status` is that of the route where none is given.
    """

    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json"
    status: int | None = None
    file: StoredFile | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the API.

    Shape: `call` translates a request into a verb, which runs in the frame; `dump` translates what it gives.
    A route that `writes` takes `validate_only`, and as a POST an idempotency key. A body that is no JSON document has
    a `reader`: what it holds, and the bytes by which it is known again.
    """

    method: str
    path: str
    verb: str
    call: Callable[[Incoming], Callable[[Work], Any]]
    dump: Callable[[Any, Incoming], Outgoing]
    answer: type[Schema]
    body: type[Schema] | None = None
    reader: Callable[[Request], tuple[Any, bytes]] | None = None
    query: type[Schema] | None = None
    status: int = 200
    writes: bool = False

    @property
    def needs_key(self) -> bool:
        """Whether a request must bear an idempotency key."""
        return self.writes and self.method == "POST"


def refuse(problem: Problem) -> Callable[[Work], Never]:
    """A verb that only refuses: what a caller's request lacks, told to those alone whose role has the right."""

    def verb(work: Work) -> Never:
        raise problem

    return verb


def identifier(text: str) -> UUID:
    """The identifier in a path.

    Raises: NotFound for what cannot be one.
    """
    try:
        parsed = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(parsed) != text.lower():
        raise NotFound
    return parsed
