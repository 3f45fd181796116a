"""Traces: a request, its verb and its commit as parts of the caller's trace, and nothing in them that anybody wrote."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import traces as module
from gateway.app import build_spans
from gateway.domain.delivery import Unavailable
from gateway.http.api.batch_lines import read_line
from gateway.pseudonyms.veil import Veil
from gateway.services.checkpoints import CheckpointFile
from gateway.settings import Settings
from gateway.spans import Spans
from gateway.traces import Traces
from gateway.upstream.webhooks import Postman
from gateway.worker import Worker, run_round
from tests.builders import SSIN
from tests.http.issuer import Issuer
from tests.http.wire import Gateway, a_gateway, an_inclusion_request
from tests.privacy.hunt import forms_of_secret, forms_of_ssin, hunt
from tests.receiver import Receiver, a_receiver
from tests.services.test_worker import PACE, Echo

CALLERS_TRACE, CALLERS_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01"
SERVER, INTERNAL, CLIENT = 2, 1, 3
ERROR = 2


@dataclass
class Traced:
    """A gateway whose spans a receiver gets when they are closed."""

    gateway: Gateway
    receiver: Receiver
    spans: Spans

    def worker(self, wire: Echo) -> Worker:
        context = self.gateway.context
        checkpoints = CheckpointFile(context.extracts_dir.parent / "checkpoints")
        return Worker(context, wire, wire, Postman(is_sandbox=True), PACE, read_line, checkpoints)


@contextmanager
def traced_to(
    endpoint: str, gateway: Gateway, veil: Veil, issuer: Issuer, home: Path
) -> Iterator[tuple[Gateway, Spans]]:
    """A second gateway on the register of one, with its spans."""
    with (
        closing(build_spans(Settings(otlp_endpoint=endpoint), "gateway")) as spans,
        a_gateway(gateway.database_url, veil, issuer, home / "clock", spans) as opened,
    ):
        yield opened, spans


@pytest.fixture
def traced(gateway: Gateway, veil: Veil, issuer: Issuer, tmp_path: Path) -> Iterator[Traced]:
    with a_receiver() as receiver, traced_to(receiver.url, gateway, veil, issuer, tmp_path) as (opened, spans):
        yield Traced(opened, receiver, spans)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as opened:
        yield opened


def test_request_verb_and_commit_are_of_the_callers_trace(traced: Traced) -> None:
    answer = traced.gateway.send(
        "POST", "/v1/inclusions", an_inclusion_request(), role="provider", headers={"traceparent": TRACEPARENT}
    )

    traced.spans.close()
    request, verb, commit = map(traced.receiver.named, ("POST /v1/inclusions", "register_inclusion", "commit"))
    assert {span.trace for span in (request, verb, commit)} == {CALLERS_TRACE}
    assert (request.parent, verb.parent, commit.parent) == (CALLERS_SPAN, request.id, verb.id)
    assert (request.kind, verb.kind, request.service) == (SERVER, INTERNAL, "chroniccare-gateway")
    assert request.facts == {
        "http.request.method": "POST",
        "http.route": "/v1/inclusions",
        "http.response.status_code": 201,
        "chroniccare.request_id": answer.headers["X-Request-ID"],
    }
    assert verb.facts == {"chroniccare.outcome": "done"}
    assert set(traced.receiver.paths) == {"/v1/traces"}


def test_refusal_shows_its_code_and_a_trial_does_not_commit(traced: Traced) -> None:
    not_informed = {"agreed_on": "2022-01-10", "informed": False, "in_target_group": True}
    traced.gateway.send("POST", "/v1/inclusions", an_inclusion_request(agreement=not_informed), role="provider")
    traced.gateway.send("POST", "/v1/inclusions?validate_only=true", an_inclusion_request(), role="provider")

    traced.spans.close()
    names = [span.name for span in traced.receiver.spans()]
    assert names == [
        "register_inclusion",
        "POST /v1/inclusions",
        "rollback",
        "register_inclusion",
        "POST /v1/inclusions",
    ]
    refused, request = traced.receiver.spans()[:2]
    assert refused.facts == {"error.type": "NotInformed"}
    assert request.facts["chroniccare.problem"] == "not-informed"
    assert request.status != ERROR


def test_sending_is_a_part_of_its_round_and_idle_rounds_are_not_sent(traced: Traced) -> None:
    traced.gateway.include()
    wire = Echo()
    worker = traced.worker(wire)

    for _ in range(5):
        run_round(worker)

    traced.spans.close()
    rounds = [span for span in traced.receiver.spans() if span.name.startswith("round ")]
    send, sending = traced.receiver.named("send"), traced.receiver.named("round sending")
    assert (send.parent, send.trace, sending.parent) == (sending.id, sending.trace, "")
    assert send.facts == {"chroniccare.kind": "inclusion", "chroniccare.outcome": "acknowledged"}
    assert (send.kind, sending.facts["chroniccare.moved"]) == (CLIENT, 1)
    assert sending.facts["chroniccare.round_id"]
    assert {span.name for span in rounds} == {"round sending", "round mailbox"}
    assert len({span.trace for span in rounds}) == len(rounds)


def test_no_trace_holds_anything_that_a_client_wrote(traced: Traced) -> None:
    gateway, token = traced.gateway, traced.gateway.token("provider")
    said = {"traceparent": TRACEPARENT, "tracestate": f"a={SSIN}", "baggage": f"ssin={SSIN}"}
    gateway.send("POST", "/v1/inclusions", an_inclusion_request(), token=token, headers=said)
    gateway.send("GET", f"/v1/projects/{SSIN}?{SSIN}={SSIN}", token=token, headers={"traceparent": SSIN})
    gateway.send("GET", f"/{SSIN}", headers={"User-Agent": SSIN, "Host": f"{SSIN}.example"})
    gateway.send(f"X{SSIN}", "/v1/projects", token=token)
    wire = Echo(outcome=Unavailable(f"told {SSIN}"))
    run_round(traced.worker(wire))
    with pytest.raises(ValueError, match=SSIN), traced.spans.span("failing"):
        raise ValueError(SSIN)

    traced.spans.close()
    spans = traced.receiver.spans()
    forms = {**forms_of_ssin(SSIN), **forms_of_secret(token.encode())}
    assert wire.sent
    assert not hunt(forms, [(f"body {number}", body) for number, body in enumerate(traced.receiver.bodies)])
    assert {span.state for span in spans} == {""}
    assert {span.events for span in spans} == {0}
    assert traced.receiver.named("failing").facts == {"error.type": "ValueError"}
    assert {"GET /v1/projects/<project_id>", "unknown", "send"} <= {span.name for span in spans}


@pytest.mark.parametrize(
    "traceparent", ["", "00-zz", f"00-{'0' * 32}-{CALLERS_SPAN}-01", f"{TRACEPARENT},{TRACEPARENT}"]
)
def test_traceparent_that_is_none_begins_a_trace_of_its_own(receiver: Receiver, traceparent: str) -> None:
    spans = Traces(receiver.url + "/", "gateway")

    with spans.request(traceparent):
        pass

    spans.close()
    (span,) = receiver.spans()
    assert span.trace not in ("", CALLERS_TRACE)
    assert span.parent == ""


def test_caller_that_collects_no_trace_gets_none(receiver: Receiver) -> None:
    spans = Traces(receiver.url, "gateway")

    with spans.request(TRACEPARENT.removesuffix("01") + "00"):
        pass

    spans.close()
    assert receiver.spans() == []


def test_fault_of_ours_is_an_error_in_its_trace(receiver: Receiver) -> None:
    spans = Traces(receiver.url, "gateway")

    with spans.request(None) as span:
        span.tell({"http.response.status_code": 503})

    spans.close()
    assert receiver.named("request").status == ERROR


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces that give a receiver little time."""
    monkeypatch.setattr(module, "SEND_SECONDS", 0.5)
    monkeypatch.setattr(module, "EVERY_MILLISECONDS", 50)


@pytest.mark.usefixtures("in_haste")
@pytest.mark.parametrize("is_listening", [False, True], ids=["nobody there", "never answering"])
def test_receiver_that_is_away_delays_and_breaks_nothing(
    light_gateway: Gateway, veil: Veil, issuer: Issuer, tmp_path: Path, is_listening: bool
) -> None:
    with socket.socket() as silent, capture_logs() as logs:
        silent.bind(("127.0.0.1", 0))
        if is_listening:
            silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with traced_to(endpoint, light_gateway, veil, issuer, tmp_path) as (gateway, spans):
            began = time.monotonic()
            statuses = {gateway.send("GET", "/live").status_code for _ in range(60)}
            answered = time.monotonic()
            _await(lambda: any(line["event"] == "traces_lost" for line in logs))
            gateway.send("GET", "/live")
            closing_at = time.monotonic()
            spans.close()
            closed = time.monotonic()

    assert statuses == {200}
    assert answered - began < 15  # each waiting for the receiver would take twice as long
    assert closed - closing_at < 5
    assert [line["event"] for line in logs if line["event"] != "answered"] == ["traces_lost"]


@pytest.mark.usefixtures("in_haste")
def test_log_says_once_that_traces_are_lost_and_when_they_arrive_again(receiver: Receiver) -> None:
    spans = Traces(receiver.url, "gateway")

    with capture_logs() as logs:
        for number, status in enumerate((400, 400, 200, 200), start=1):
            receiver.status = status
            with spans.request(None):
                pass
            _await(partial(_has_posted, receiver, number))
            time.sleep(0.1)  # until the answer was read
        spans.close()

    assert [line["event"] for line in logs] == ["traces_lost", "traces_sent_again"]
    assert all(line["round_id"] for line in logs)


def _await(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _has_posted(receiver: Receiver, times: int) -> bool:
    return len(receiver.paths) == times
