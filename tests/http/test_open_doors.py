"""Open doors and the sandbox's: health, metrics, keys, the clock by hand, and closing a period."""

from __future__ import annotations

import pytest

from gateway.clock import SANDBOX_START
from tests.builders import PROJECT, instant
from tests.http.test_bodies import assert_problem
from tests.http.wire import Gateway


def test_live_and_ready(gateway: Gateway) -> None:
    live, ready = (gateway.send("GET", path) for path in ("/live", "/ready"))

    assert (live.status_code, live.get_json()) == (200, {"status": "live"})
    met = [{"check": name, "ok": True} for name in ("database", "audit", "keys", "disk")]
    assert ready.status_code == 200
    clock = {"clock": {"ahead_seconds": 0}} if gateway.database_url.startswith("postgresql") else {}
    assert ready.get_json() == {"status": "ready", "checks": met, "outbox": {"oldest_seconds": 0}, **clock}


def test_published_keys_are_public_halves(gateway: Gateway) -> None:
    (key,) = gateway.send("GET", "/.well-known/jwks.json").get_json()["keys"]

    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key


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
    said = [
        one for one in gateway.send("GET", "/v1/audit", role="auditor").get_json()["items"] if one["role"] == "operator"
    ]
    assert [one["verb"] for one in said] == [f"release_{one}" for one in released.get_json()["releases"]] != []
    assert {(one["organisation"], one.get("project")) for one in said} == {("sandbox", period.get("convention"))}
    assert_problem(again, 409, "already-released")


def test_convention_of_nobody_is_not_released(light_gateway: Gateway) -> None:
    assert_problem(light_gateway.send("POST", "/sandbox/release", {"convention": "absent"}), 404, "unknown-project")
