"""Explanations and simulations over HTTP: every date with the rule that gives it, in four languages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import PROJECT
from tests.http.wire import Gateway

CONVENTION = {"effective_from": "2021-09-01", "last_day": "2022-12-31"}


def rules_of(answer: Any) -> list[tuple[str, Any]]:
    return [(step["rule"], step["result"]) for step in answer.get_json()["steps"]]


def test_open_inclusion_explains_its_dates(gateway: Gateway) -> None:
    inclusion = gateway.include()

    answer = gateway.send("GET", f"/v1/inclusions/{inclusion['id']}/explanation", role="provider")

    assert answer.status_code == 200
    assert rules_of(answer) == [("V1", "2022-02-01"), ("V3", None), ("V6", "2022-12-31")]
    first = answer.get_json()["steps"][0]
    assert first["source"] == "C 9 §1"
    assert first["inputs"] == {"communicated_at": "2022-01-15T09:00:00Z", "communicated_on": "2022-01-15"}
    assert "2022-02-01" in first["text"]


def test_ended_and_annulled_inclusion_explains_its_end(gateway: Gateway) -> None:
    inclusion = gateway.include()
    path = f"/v1/inclusions/{inclusion['id']}"
    gateway.send("POST", f"{path}/exit", {"reason": "moved", "left_on": "2022-01-12"}, role="provider")
    ended = gateway.send("GET", f"{path}/explanation", role="project_admin")
    gateway.send("POST", f"{path}/annulment", {"reason": "duplicate"}, role="provider")

    annulled = gateway.send("GET", f"{path}/explanation", role="project_admin")

    assert rules_of(ended) == [
        ("V1", "2022-02-01"),
        ("V2", "2022-01-31"),
        ("V4", None),
        ("V6", "2022-01-31"),
        ("V7", None),
    ]
    assert rules_of(annulled)[-1] == ("V8", "annulled")


@pytest.mark.parametrize(
    ("language", "word"), [("fr", "valable"), ("nl", "geldig"), ("de", "gilt"), ("en", "valid"), ("it", "valid")]
)
def test_steps_read_in_the_language_asked_for(light_gateway: Gateway, language: str, word: str) -> None:
    body = {"inclusion": {"communicated_at": "2022-01-15T09:30:00+01:00"}}

    answer = light_gateway.send(
        "POST", "/v1/simulation", body, role="auditor", key=None, headers={"Accept-Language": language}
    )

    assert word in answer.get_json()["steps"][0]["text"]


SIMULATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "inclusion": (
        {"inclusion": {"communicated_at": "2022-01-31T22:59:59Z"}},
        {"valid_from": "2022-02-01", "valid_until": None},
    ),
    "inclusion a second later": (
        {"inclusion": {"communicated_at": "2022-01-31T23:00:00Z"}},
        {"valid_from": "2022-03-01", "valid_until": None},
    ),
    "inclusion and exit on one day": (
        {"inclusion": {"communicated_at": "2022-01-15T09:00:00Z"}, "exit": {"communicated_at": "2022-01-15T09:00:00Z"}},
        {"valid_from": "2022-02-01", "valid_until": "2022-01-31"},
    ),
    "exit alone": ({"exit": {"communicated_at": "2024-02-29T12:00:00Z"}}, {"valid_until": "2024-02-29"}),
    "termination by INAMI": (
        {"termination": {"by": "inami", "notified_on": "2022-01-15"}},
        {"ends_on": "2022-07-01", "last_day": "2022-06-30", "valid_until": None},
    ),
    "termination by the project": (
        {"termination": {"by": "project", "notified_on": "2022-01-15"}},
        {"ends_on": "2022-04-01", "last_day": "2022-03-31", "valid_until": None},
    ),
    "an earlier planned end stays": (
        {"termination": {"by": "inami", "notified_on": "2022-08-01"}, "convention": CONVENTION},
        {"ends_on": "2023-01-01", "last_day": "2022-12-31", "valid_until": None},
    ),
    "termination caps": (
        {
            "inclusion": {"communicated_at": "2022-01-15T09:00:00Z"},
            "exit": {"communicated_at": "2022-08-01T09:00:00Z"},
            "convention": CONVENTION,
            "termination": {"by": "proposal_refused", "notified_on": "2022-02-02"},
            "action": {"performed_on": "2022-04-30"},
        },
        {"valid_from": "2022-02-01", "valid_until": "2022-04-30", "ends_on": "2022-05-01", "last_day": "2022-04-30"},
    ),
}


@pytest.mark.parametrize("name", SIMULATIONS)
def test_simulation_gives_the_dates(light_gateway: Gateway, name: str) -> None:
    body, dates = SIMULATIONS[name]
    before = light_gateway.counts()

    answer = light_gateway.send("POST", "/v1/simulation", body, role="policy_maker", key=None)

    assert answer.status_code == 200, answer.text
    document = answer.get_json()
    assert document.pop("steps")
    assert document == {"valid_until": None, **dates}
    assert light_gateway.counts() == before


@pytest.mark.parametrize(("by", "rule"), [("inami", "C3"), ("project", "C4")])
def test_simulated_termination_says_that_an_earlier_planned_end_stays(
    light_gateway: Gateway, by: str, rule: str
) -> None:
    body = {"termination": {"by": by, "notified_on": "2022-11-02"}, "convention": CONVENTION}

    document = light_gateway.send("POST", "/v1/simulation", body, role="policy_maker", key=None).get_json()

    first, second = document["steps"]
    assert (first["rule"], second["rule"], second["result"]) == (rule, rule, document["ends_on"])
    assert first["result"] == second["inputs"]["ends_on"] > document["ends_on"]
    assert second["text"] == "The convention already ends earlier, on 2023-01-01: its last day stays 2022-12-31."


REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing is supposed": ({}, 400, "invalid-request"),
    "a convention alone": ({"convention": CONVENTION}, 400, "invalid-request"),
    "exit before inclusion": (
        {"inclusion": {"communicated_at": "2022-01-15T09:00:00Z"}, "exit": {"communicated_at": "2022-01-14T09:00:00Z"}},
        400,
        "invalid-request",
    ),
    "before the convention": (
        {"inclusion": {"communicated_at": "2021-08-15T09:00:00Z"}, "convention": CONVENTION},
        422,
        "convention-not-in-force",
    ),
    "the convention's last month": (
        {"inclusion": {"communicated_at": "2022-12-01T09:00:00Z"}, "convention": CONVENTION},
        422,
        "valid-after-convention-end",
    ),
    "action too early": (
        {"inclusion": {"communicated_at": "2022-01-15T09:00:00Z"}, "action": {"performed_on": "2022-01-31"}},
        422,
        "outside-validity",
    ),
    "action outside the convention": (
        {"action": {"performed_on": "2023-01-01"}, "convention": CONVENTION},
        422,
        "outside-convention",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_simulation_refuses_as_the_register_would(light_gateway: Gateway, name: str) -> None:
    body, status, code = REFUSALS[name]

    answer = light_gateway.send("POST", "/v1/simulation", body, role="provider", key=None)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_rule_book_is_open_data_in_four_languages(light_gateway: Gateway) -> None:
    answer = light_gateway.send("GET", "/v1/rules")

    book = answer.get_json()
    assert book["version"] == "1"
    assert {item["id"] for item in book["items"]} >= {"V1", "I7", "P10", "C7", "A1"}
    assert all(set(item["text"]) == {"fr", "nl", "de", "en"} and item["source"] for item in book["items"])


def test_explanation_of_a_foreign_inclusion_is_not_found(light_gateway: Gateway) -> None:
    inclusion = light_gateway.include()
    path = f"/v1/inclusions/{inclusion['id']}/explanation"

    answer = light_gateway.send("GET", path, role="project_admin", project="demo-sud")

    assert inclusion["project"] == PROJECT
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")
