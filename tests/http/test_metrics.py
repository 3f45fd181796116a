"""Metrics: right over all workers, the same from every gateway for what the register knows, and no identity in any."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import values

from gateway.clock import real_now
from gateway.domain.errors import NotFound, NotInformed
from gateway.http.metrics import SHARED_IN, Metrics, shared_metrics
from gateway.services.check_readiness import Looked
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.store.tables import audit_entry
from tests.builders import SSIN
from tests.http.wire import Gateway, an_inclusion_request
from tests.services.test_worker import PACE, Echo
from tests.store.away import away
from tests.store.rows import counts, rows


def shown(gateway: Gateway) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = gateway.send("GET", "/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_metrics_count_answers_problems_refusals_and_the_outbox(gateway: Gateway) -> None:
    gateway.include()
    gateway.send("GET", f"/v1/projects/{SSIN}", role="auditor")
    gateway.send("GET", f"/{SSIN}")
    gateway.send("GET", "/v1/projects")
    not_informed = {"agreed_on": "2022-01-10", "informed": False, "in_target_group": True}
    gateway.send("POST", "/v1/inclusions", an_inclusion_request(agreement=not_informed), role="provider")

    samples = shown(gateway)

    assert samples['chroniccare_answers_total{route="POST /v1/inclusions",status="201"}'] == 1
    assert samples['chroniccare_answers_total{route="GET /v1/projects/<project_id>",status="404"}'] == 1
    assert samples['chroniccare_answers_total{route="unknown",status="404"}'] == 1
    assert samples['chroniccare_problems_total{code="no-token"}'] == 1
    assert samples['chroniccare_refusals_total{rule="I1"}'] == 1
    assert (samples["chroniccare_outbox_pending"], samples["chroniccare_outbox_unanswered"]) == (1, 1)
    assert samples["chroniccare_audit_unchained"] == counts(gateway.database_url)["audit_entry"]
    ages = [(real_now() - entry["at"]).total_seconds() for entry in rows(gateway.database_url, audit_entry)]
    assert max(ages) - 60 < samples["chroniccare_audit_unchained_oldest_seconds"] < max(ages)
    assert samples['chroniccare_need_met{need="database"}'] == 1
    assert samples["chroniccare_disk_free_bytes"] > 2**20
    assert not [name for name in samples if SSIN in name]


def test_metrics_of_a_register_in_which_nothing_happened_are_nought(light_gateway: Gateway) -> None:
    samples = shown(light_gateway)

    for name in ("outbox_oldest_seconds", "outbox_failed", "batches_waiting", "extracts_waiting", "outbox_rejected"):
        assert samples[f"chroniccare_{name}"] == 0
    assert samples["chroniccare_delivery_seconds_count"] == samples["chroniccare_close_seconds_count"] == 0
    assert samples["chroniccare_workers"] == 0


def test_metrics_without_the_register_are_those_of_the_gateway(light_gateway: Gateway) -> None:
    with away(light_gateway.database_url):
        samples = shown(light_gateway)

    assert samples['chroniccare_need_met{need="database"}'] == 0
    assert "chroniccare_outbox_pending" not in samples


def test_metrics_tell_how_long_answers_took(gateway: Gateway) -> None:
    gateway.include()
    wire = Echo()

    deliver_outbox(replace(gateway.context, real_now=lambda: real_now() + timedelta(minutes=10)), wire, PACE)
    again = list(wire.answers)
    collect_answers(gateway.context, wire)
    wire.answers = again
    collect_answers(gateway.context, wire)

    samples = shown(gateway)
    assert samples["chroniccare_delivery_seconds_count"] == 1
    assert 0 < samples["chroniccare_delivery_seconds_sum"] < 60
    assert samples['chroniccare_delivery_seconds_bucket{le="300"}'] == 1
    assert 600 < samples["chroniccare_acknowledgement_seconds_sum"] < 660
    found = [samples[f'chroniccare_acknowledgement_seconds_bucket{{le="{one}"}}'] for one in (1, 300, 900, "+Inf")]
    assert found == [0, 0, 1, 1]
    last = samples['chroniccare_last_timestamp_seconds{work="answered"}']
    assert abs(last - real_now().timestamp()) < 60


def test_metrics_tell_of_closes(gateway: Gateway) -> None:
    gateway.at("2022-03-10T09:00:00+00:00")
    gateway.send("POST", "/sandbox/release", {"month": "2022-02"})

    samples = shown(gateway)

    assert samples["chroniccare_close_seconds_count"] == 1
    assert samples["chroniccare_close_seconds_sum"] > 0
    assert 'chroniccare_last_timestamp_seconds{work="close"}' in samples


def test_workers_of_one_gateway_count_together_and_leave_nothing() -> None:
    alone = values.ValueClass
    with shared_metrics():
        folder = Path(os.environ[SHARED_IN])
        mine = Metrics()
        mine.answered("GET /live", 200, 0.01)
        child = os.fork()
        if not child:
            theirs = Metrics()
            theirs.answered("GET /live", 200, 0.01)
            theirs.refused("not-informed", NotInformed())
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        text = mine.text(None, Looked([])).decode()

    assert 'chroniccare_answers_total{route="GET /live",status="200"} 2.0' in text
    assert 'chroniccare_refusals_total{rule="I1"} 1.0' in text
    assert not folder.exists()
    assert SHARED_IN not in os.environ
    assert values.ValueClass is alone


def test_problem_without_a_rule_is_no_refusal() -> None:
    metrics = Metrics()

    metrics.refused("not-found", NotFound())

    assert "chroniccare_refusals_total{" not in metrics.text(None, Looked([])).decode()
