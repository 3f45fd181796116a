"""A receiver of traces: OTLP over real HTTP, each span as a test wants to look at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span that arrived."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    status: int
    facts: dict[str, str | int]
    events: int
    state: str
    service: str
    process: str


@dataclass
class Receiver:
    """What arrived at an address; with a `status` of 400 or more nothing is taken."""

    url: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def spans(self) -> list[Seen]:
        """Every span, in the order of their ends."""
        return [span for body in self.bodies for span in _spans(body)]

    def named(self, name: str) -> Seen:
        """The only span of a name."""
        (found,) = [span for span in self.spans() if span.name == name]
        return found


def _spans(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        process = {one.key: one.value.string_value for one in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            facts = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
            ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
            yield Seen(
                span.name,
                *ids,
                span.kind,
                span.status.code,
                facts,
                len(span.events) + len(span.links),
                span.trace_state + span.status.message,
                process["service.name"],
                process["service.instance.id"],
            )


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.paths.append(self.path)
            if receiver.status < 400:
                receiver.bodies.append(body)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
