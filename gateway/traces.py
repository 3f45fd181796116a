"""Traces: spans sent to an OTLP/HTTP receiver. The only home of OpenTelemetry, loaded only where one is named.

Shape: sending is a thread's of its own. A receiver that is away delays nobody; its spans are lost, and the log says so
once. Of a caller's headers `traceparent` alone is taken: `tracestate` and `baggage` may hold any text. What an error
says is not recorded, only its kind.
Cost: at most 2048 ended spans are kept for sending.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import uuid4

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.spans import Fact, Span

log = structlog.get_logger("chroniccare.traces")
SEND_SECONDS = 3.0
EVERY_MILLISECONDS = 1_000
_CALLERS = TraceContextTextMapPropagator()


class Traces:
    """Spans of one process; to be made after the last fork."""

    def __init__(self, endpoint: str, service: str) -> None:
        # our own line says it, in the form of all lines and without what a receiver answered
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._exporter = _Patient(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=SEND_SECONDS))
        resource = Resource({"service.name": f"chroniccare-{service}", "service.instance.id": str(uuid4())})
        self._provider = TracerProvider(ParentBased(ALWAYS_ON), resource, shutdown_on_exit=False)
        self._provider.add_span_processor(_Busy(self._exporter, schedule_delay_millis=EVERY_MILLISECONDS))
        self._tracer = self._provider.get_tracer("chroniccare")

    @contextmanager
    def request(self, traceparent: str | None) -> Iterator[Span]:
        """The span of a request, for the length of a block; part of its caller's trace where it names one."""
        parent = _CALLERS.extract({} if traceparent is None else {"traceparent": traceparent}, Context())
        with self._begin("request", SpanKind.SERVER, parent) as span:
            yield span

    @contextmanager
    def span(self, name: str, *, is_outward: bool = False) -> Iterator[Span]:
        """A span within the one at hand, for the length of a block; outward when another system is waited for."""
        with self._begin(name, SpanKind.CLIENT if is_outward else SpanKind.INTERNAL) as span:
            yield span

    def close(self) -> None:
        """Send what was not sent yet; given up at the first failure."""
        self._exporter.is_closing = True
        self._provider.shutdown()

    @contextmanager
    def _begin(self, name: str, kind: SpanKind, parent: Context | None = None) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _Told(span)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                raise


class _Told:
    """A span of OpenTelemetry's."""

    def __init__(self, span: OpenSpan) -> None:
        self._span = span

    def name(self, name: str) -> None:
        """Call it by what became known since it began."""
        self._span.update_name(name)

    def tell(self, facts: Mapping[Fact, str | int]) -> None:
        """Say what became known of it; a status of 500 or more is an error of ours."""
        for name, value in facts.items():
            self._span.set_attribute(name, value)
        if int(facts.get("http.response.status_code", 0)) >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


class _Busy(BatchSpanProcessor):
    """Leaves out the rounds in which there was nothing to do: a worker has many of them each second."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep an ended span for sending."""
        if (span.attributes or {}).get("chroniccare.moved") != 0:
            super().on_end(span)


class _Patient(SpanExporter):
    """Sends spans, and tells the log when they begin to be lost and when they arrive again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.is_closing = False
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some spans."""
        if self.is_closing and self._is_away:
            return SpanExportResult.FAILURE
        sent = self._exporter.export(spans)
        if self._is_away != (sent is not SpanExportResult.SUCCESS):
            self._is_away = not self._is_away
            log.warning("traces_lost" if self._is_away else "traces_sent_again", round_id=str(uuid4()))
        return sent

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()
