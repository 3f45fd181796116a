"""What a route is: a row that says which verb answers a method on a path, and what goes in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Never
from uuid import UUID

from marshmallow import Schema
from werkzeug.datastructures import Headers, LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request

from gateway.domain.access import Caller
from gateway.domain.errors import NotFound, Problem
from gateway.http.texts import language_of
from gateway.services.context import Context, Work
from gateway.services.follow_extract import StoredFile


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request whose form is right: its path, query and body as their schemas loaded them.

    Shape: `context` is there for what goes on when the verb is done.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, Any]
    payload: Any
    headers: Headers
    context: Context | None = None

    @property
    def language(self) -> str:
        """The language to answer in."""
        return language_of(parse_accept_header(self.headers.get("Accept-Language"), LanguageAccept))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader of long bodies goes by, who keeps them while they arrive.

    Shape: `key_hash` is that of the idempotency key, None where nothing is to be kept.
    """

    context: Context
    caller: Caller
    query: Mapping[str, Any]
    key_hash: bytes | None


Reader = Callable[[Request, Reading], AbstractContextManager[tuple[Any, bytes]]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer before it is bytes: a document for the route's schema, a text of another type, a stream, or a file.

    Shape: `status` is that of the route where none is given; a `stream` is read after the verb's transaction; `once`
    holds members that are shown with the first answer alone and are not kept for its replays; `later` gives the answer
    after it, where that takes long or asks somebody else; what keeps it from that is audited, with the `project`.
    """

    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json"
    status: int | None = None
    file: StoredFile | None = None
    stream: Iterator[bytes] | None = None
    once: Mapping[str, str] = field(default_factory=dict)
    later: Callable[[], Outgoing] | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the API.

    Shape: `call` translates a request into a verb, which runs in the frame; `dump` translates what it gives.
    A route that `writes` takes `validate_only`, and as a POST an idempotency key. A body that is no JSON document has
    a `reader`: what it holds, and the bytes by which it is known again; what a reader keeps meanwhile lasts until
    the verb is done.
    """

    method: str
    path: str
    verb: str
    call: Callable[[Incoming], Callable[[Work], Any]]
    dump: Callable[[Any, Incoming], Outgoing]
    answer: type[Schema]
    body: type[Schema] | None = None
    reader: Reader | None = None
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
