"""The doors of a project's own figures: the month's end, months lost, operations."""

from __future__ import annotations

import base64

import pytest

from gateway.http.texts import LANGUAGES, notes
from tests.http.wire import Gateway


def test_month_end_is_told_with_what_was_begun(light_gateway: Gateway) -> None:
    gateway = light_gateway.at("2022-01-31T22:59:59Z")
    refused = {"agreement": {"agreed_on": "2022-01-10", "informed": False, "in_target_group": True}}
    body = {"project": "demo-nord", "ssin": "85073003328", **refused}
    assert gateway.send("POST", "/v1/inclusions", body, role="provider").status_code == 422
    lines = b'{"type": "inclusion"}\n'
    batch = gateway.send(
        "POST", "/v1/batches", lines, role="project_admin", headers={"Content-Type": "application/x-ndjson"}
    )
    assert batch.status_code == 202

    answer = gateway.send("GET", "/v1/month-end", role="project_admin", headers={"Accept-Language": "de"})

    told = answer.get_json()
    note = told.pop("note")
    assert (answer.status_code, answer.headers["Content-Language"], note) == (200, "de", notes()["month-end"]["de"])
    assert told == {
        "project": "demo-nord",
        "month": "2022-01",
        "ends_at": "2022-01-31T23:00:00Z",
        "seconds_left": 1,
        "is_near": True,
        "valid_from": "2022-02-01",
        "valid_from_after": "2022-03-01",
        "attempts": [{"kind": "inclusion", "code": "not-informed", "count": 1}],
        "items": [],
        "next": None,
    }


def test_months_lost_are_told_page_by_page(light_gateway: Gateway) -> None:
    gateway = light_gateway.at("2022-01-31T23:00:00Z")
    late = [gateway.include(ssin)["id"] for ssin in ("85073003328", "85473003317")]

    first = gateway.send("GET", "/v1/months-lost?limit=1", role="project_admin").get_json()
    second = gateway.send("GET", f"/v1/months-lost?limit=1&cursor={first['next']}", role="project_admin").get_json()
    none = gateway.send("GET", "/v1/months-lost?from=2021-12&to=2022-01", role="project_admin").get_json()

    assert first["totals"] == second["totals"] == [{"month": "2022-02", "inclusions": 2, "months": 2, "days": 56}]
    assert first["items"] == [
        {
            "inclusion": late[0],
            "agreed_on": "2022-01-10",
            "communicated_at": "2022-01-31T23:00:00Z",
            "possible_from": "2022-02-01",
            "valid_from": "2022-03-01",
            "months": 1,
            "days": 28,
        }
    ]
    assert ([one["inclusion"] for one in second["items"]], second["next"]) == ([late[1]], None)
    assert (none["totals"], none["items"]) == ([], [])


def test_operations_are_exact_figures_of_the_own_project(light_gateway: Gateway) -> None:
    light_gateway.include()

    told = light_gateway.send("GET", "/v1/operations", role="project_admin").get_json()

    assert told["inclusions"] == {"open": 1, "exited": 0, "rejected": 0, "annulled": 0}
    assert told["deliveries"] == {"pending": 1, "accepted": 0, "rejected": 0, "failed": 0}
    assert (told["begun"], told["month_end"]["is_near"], told["month_end"]["month"]) == (0, False, "2022-01")
    assert [one["month"] for one in told["months_lost"]] == ["2021-12", "2022-01"]


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


ID = "01a1ffd3-9d73-8040-9e4b-349e59c79749"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/month-end?cursor=" + _cursor("x"), "invalid-cursor"),
        ("/v1/month-end?cursor=" + _cursor(f"{ID}|x"), "invalid-cursor"),
        ("/v1/month-end?cursor=" + _cursor(f"{ID}|{2**63}"), "invalid-cursor"),
        ("/v1/months-lost?cursor=" + _cursor(f"x|{ID}"), "invalid-cursor"),
        ("/v1/months-lost?cursor=" + _cursor(f"0001-01-01T00:00:00+14:00|{ID}"), "invalid-cursor"),
        ("/v1/months-lost?cursor=" + _cursor(f"2022-01-31T23:00:00|{ID}"), "invalid-cursor"),
        ("/v1/months-lost?from=2022-02&to=2022-01", "invalid-request"),
        ("/v1/months-lost?from=2022-13", "invalid-request"),
        ("/v1/month-end?limit=0", "invalid-parameter"),
    ],
)
def test_what_is_asked_wrongly_is_told(shared_gateway: Gateway, path: str, code: str) -> None:
    answer = shared_gateway.send("GET", path, role="project_admin")

    assert (answer.status_code, answer.get_json()["code"]) == (400, code)


@pytest.mark.parametrize("note", ["month-end", "months-lost"])
def test_notes_have_four_texts(note: str) -> None:
    assert tuple(notes()[note]) == LANGUAGES
    assert not any(f" {mark}" in notes()[note]["fr"] for mark in ":;»")
