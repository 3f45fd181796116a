"""Spans: how long the parts of a request or a round took, for whoever collects them. Off unless composed otherwise.

Shape: a span's facts come from a closed list of names; none of them is an identity, a token, an address or a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

Fact = Literal[
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "chroniccare.request_id",
    "chroniccare.problem",
    "chroniccare.round_id",
    "chroniccare.moved",
    "chroniccare.kind",
    "chroniccare.outcome",
]


class Span(Protocol):
    """A part that is going on."""

    def name(self, name: str) -> None:
        """Call it by what became known since it began."""
        ...

    def tell(self, facts: Mapping[Fact, str | int]) -> None:
        """Say what became known of it."""
        ...


class Spans(Protocol):
    """Takes the time of parts."""

    def request(self, traceparent: str | None) -> AbstractContextManager[Span]:
        """The span of a request, for the length of a block; part of its caller's trace where it names one.

        Shape: `traceparent` as W3C Trace Context has it; anything else begins a trace of its own.
        """
        ...

    def span(self, name: str, *, is_outward: bool = False) -> AbstractContextManager[Span]:
        """A span within the one at hand, for the length of a block; outward when another system is waited for."""
        ...

    def close(self) -> None:
        """Send what was not sent yet, as far as that is quickly done."""
        ...


class NoSpan:
    """A span that nobody collects."""

    def name(self, name: str) -> None:
        """Nothing."""

    def tell(self, facts: Mapping[Fact, str | int]) -> None:
        """Nothing."""


class NoSpans:
    """Takes no time."""

    def __init__(self) -> None:
        self._none: AbstractContextManager[Span] = nullcontext(NoSpan())

    def request(self, traceparent: str | None) -> AbstractContextManager[Span]:
        """Nothing."""
        return self._none

    def span(self, name: str, *, is_outward: bool = False) -> AbstractContextManager[Span]:
        """Nothing."""
        return self._none

    def close(self) -> None:
        """Nothing."""


NO_SPANS = NoSpans()
