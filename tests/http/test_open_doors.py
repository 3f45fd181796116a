"""Open doors and the sandbox's: health, metrics, keys, the clock by hand, and closing a period."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from gateway.clock import SANDBOX_START
from gateway.http.metrics import Metrics
from tests.builders import PROJECT, SSIN, instant
from tests.http.test_bodies import assert_problem
from tests.http.wire import Gateway


def test_live_and_ready(gateway: Gateway) -> None:
    live, ready = (gateway.send("GET", path) for path in ("/live", "/ready"))

    assert (live.status_code, live.get_json()) == (200, {"status": "live"})
    met = [{"check": name, "ok": True} for name in ("database", "audit", "keys", "disk")]
    assert ready.status_code == 200
    assert ready.get_json() == {"status": "ready", "checks": met, "outbox": {"oldest_seconds": 0}}


def test_published_keys_are_public_halves(gateway: Gateway) -> None:
    (key,) = gateway.send("GET", "/.well-known/jwks.json").get_json()["keys"]

    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key


def test_metrics_count_answers_problems_and_the_outbox(gateway: Gateway) -> None:
    gateway.include()
    gateway.send("GET", f"/v1/projects/{SSIN}", role="auditor")
    gateway.send("GET", f"/{SSIN}")
    gateway.send("GET", "/v1/projects")

    text = gateway.send("GET", "/metrics").text

    assert 'chroniccare_answers_total{route="POST /v1/inclusions",status="201"} 1.0' in text
    assert 'chroniccare_answers_total{route="GET /v1/projects/<project_id>",status="404"} 1.0' in text
    assert 'chroniccare_answers_total{route="unknown",status="404"} 1.0' in text
    assert 'chroniccare_problems_total{code="no-token"} 1.0' in text
    assert "chroniccare_outbox_pending 1.0" in text
    assert "chroniccare_outbox_unanswered 1.0" in text
    assert SSIN not in text


def test_metrics_of_an_empty_outbox_have_no_age(light_gateway: Gateway) -> None:
    assert "chroniccare_outbox_oldest_seconds 0.0" in light_gateway.send("GET", "/metrics").text


def test_metrics_of_several_workers_are_summed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr("prometheus_client.metrics.values.ValueClass", values.MultiProcessValue(lambda: 7))  # type: ignore[no-untyped-call]
    metrics = Metrics()

    metrics.answered("GET /live", 200, 0.01)
    metrics.refused("not-found")

    text = metrics.text(None, SANDBOX_START).decode()
    assert 'chroniccare_answers_total{route="GET /live",status="200"} 1.0' in text
    assert 'chroniccare_problems_total{code="not-found"} 1.0' in text
    assert CollectorRegistry().get_sample_value("chroniccare_problems_total") is None


def test_clock_stands_still_and_moves_forward_only(gateway: Gateway) -> None:
    shown = [gateway.send("GET", "/sandbox/clock").get_json() for _ in range(2)]
    moved = gateway.send("PUT", "/sandbox/clock", {"now": "2022-02-01T01:00:00+01:00"})
    same = gateway.send("PUT", "/sandbox/clock", {"now": "2022-02-01T00:00:00Z"})
    back = gateway.send("PUT", "/sandbox/clock", {"now": "2022-01-31T23:59:59Z"})

    assert shown == [{"now": "2022-01-15T09:00:00Z"}] * 2
    assert (moved.status_code, moved.get_json()) == (200, {"now": "2022-02-01T00:00:00Z"})
    assert same.status_code == 200
    assert_problem(back, 409, "clock-runs-forward")
    assert "2022-02-01T00:00:00Z" in back.get_json()["detail"]
    assert gateway.send("GET", "/sandbox/clock").get_json() == {"now": "2022-02-01T00:00:00Z"}


def test_clock_starts_at_the_first_instant_of_september_in_brussels(light_gateway: Gateway) -> None:
    light_gateway.clock_path.unlink()

    assert light_gateway.send("GET", "/sandbox/clock").get_json() == {"now": "2021-08-31T22:00:00Z"}
    assert instant("2021-09-01T00:00:00+02:00") == SANDBOX_START


@pytest.mark.parametrize(
    ("period", "available_from"),
    [
        ({"month": "2022-02"}, "2022-03-10"),
        ({"quarter": "2022-Q1"}, "2022-05-15"),
        ({"year": "2022"}, "2023-03-01"),
        ({"convention": PROJECT}, "2023-03-14"),
    ],
)
def test_period_that_is_not_due_is_422_and_then_released_once(
    gateway: Gateway, period: dict[str, str], available_from: str
) -> None:
    early = gateway.send("POST", "/sandbox/release", period)
    gateway.include()
    gateway.at("2022-03-01T09:00:00+00:00").act()
    gateway.at(f"{available_from}T09:00:00+00:00")
    released = gateway.send("POST", "/sandbox/release", period)
    again = gateway.send("POST", "/sandbox/release", period)

    assert_problem(early, 422, "not-due")
    assert early.get_json()["available_from"] == available_from
    assert released.status_code == 200
    assert (released.get_json()["period"], released.get_json()["value"]) == next(iter(period.items()))
    assert "actions" in released.get_json()["measures"]
    assert released.get_json()["releases"]
    assert_problem(again, 409, "already-released")


def test_convention_of_nobody_is_not_released(light_gateway: Gateway) -> None:
    assert_problem(light_gateway.send("POST", "/sandbox/release", {"convention": "absent"}), 404, "unknown-project")
