"""Figures over HTTP: one closed month, asked for in every way that the lattice holds, and refused in every other."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.builders import COLLEAGUE, PROJECT, PROVIDER, PSEUDOCODE, SSIN
from tests.http.test_bodies import assert_problem
from tests.http.wire import EARLY_PSEUDOCODE, FOREIGN_PROJECT, FOREIGN_PROVIDER, STRANGER, Gateway, a_partner_request
from tests.mock.builders import generated_ssins

INCLUDED, BENEFICIARIES, OTHERS = 130, 80, 40
MONTH = "2022-02"


@pytest.fixture(scope="module")
def closed(shared_gateway: Gateway) -> Gateway:
    """February 2022 is closed: of 130 beneficiaries 80 have the action and 40 another one, by four partners."""
    gateway, partners = shared_gateway, [PROVIDER, COLLEAGUE, FOREIGN_PROVIDER, STRANGER]
    for nihii in partners[2:]:
        gateway.send("PUT", f"/v1/projects/{PROJECT}/partners/{nihii}", a_partner_request(), role="registrar")
    ssins = generated_ssins(INCLUDED)
    for ssin in ssins:
        gateway.include(ssin)
    gateway.at("2022-03-01T08:00:00+00:00")
    for number, ssin in enumerate(ssins[: BENEFICIARIES + OTHERS]):
        code = PSEUDOCODE if number < BENEFICIARIES else EARLY_PSEUDOCODE
        by = partners[number % 4]
        gateway.act(ssin, "project_admin", pseudocode=code, performed_on="2022-02-05", performed_by=by)
    gateway.at("2022-03-10T08:00:00+00:00")
    answer = gateway.send("POST", "/sandbox/release", {"month": MONTH})
    assert answer.status_code == 200, answer.text
    return gateway


def ask(gateway: Gateway, query: str, role: str = "policy_maker", accept: str | None = None) -> Any:
    headers = {} if accept is None else {"Accept": accept}
    return gateway.send("GET", f"/v1/aggregates?{query}", role=role, headers=headers)


def figures(gateway: Gateway, query: str, role: str = "policy_maker") -> Any:
    answer = ask(gateway, query, role)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_month_is_answered_cell_by_cell(closed: Gateway) -> None:
    found = figures(closed, f"by=pseudocode,month&project={PROJECT}&from={MONTH}&to={MONTH}")

    assert found["by"] == ["pseudocode", "month"]
    assert found["filters"] == {"project": PROJECT}
    assert found["additive"] is False
    assert found["release"]["audience"] == "general"
    cells = {cell["dims"]["pseudocode"]: cell for cell in found["cells"]}
    assert list(cells) == sorted(cells)
    published = cells[PSEUDOCODE]
    assert published["status"] == "published"
    assert published["dims"] == {"pseudocode": PSEUDOCODE, "month": MONTH}
    assert abs(published["beneficiaries"] - BENEFICIARIES) <= 5 * published["margin"]["beneficiaries"]
    protected = [cell for code, cell in cells.items() if code not in (PSEUDOCODE, EARLY_PSEUDOCODE)]
    assert protected
    for cell in protected:
        assert set(cell) == {"dims", "status", "beneficiaries", "actions", "providers"}
        assert [cell[name] for name in ("status", "beneficiaries", "actions", "providers")] == [
            "protected",
            None,
            None,
            None,
        ]


def test_own_coordinator_sees_providers_in_bands(closed: Gateway) -> None:
    query = f"project={PROJECT}&pseudocode={PSEUDOCODE}&month={MONTH}"
    own, general = (figures(closed, query, role) for role in ("coordinator", "policy_maker"))

    assert own["release"]["audience"] == "own"
    assert own["cells"][0]["providers"] in ("1-2", "3-5", "6-10", "11+")
    assert general["cells"][0]["providers"] is None or isinstance(general["cells"][0]["providers"], int)


def test_same_question_gets_the_same_bytes_within_an_audience(closed: Gateway) -> None:
    for role in ("policy_maker", "coordinator"):
        answers = [
            closed.send("GET", f"/v1/aggregates?by=month&project={PROJECT}", role=role, sub=f"caller-{n}")
            for n in range(2)
        ]
        assert answers[0].data == answers[1].data
        assert answers[0].headers["Vary"] == "Accept, Authorization"


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        (f"month={MONTH}", {"month": MONTH}),
        (f"month={MONTH}&project={PROJECT}", {"project": PROJECT, "month": MONTH}),
        (f"project={PROJECT}&month={MONTH}&measure=actions", {"project": PROJECT, "month": MONTH}),
    ],
)
def test_question_without_by_is_one_cell(closed: Gateway, query: str, filters: dict[str, str]) -> None:
    found = figures(closed, query)

    assert (found["by"], found["filters"], len(found["cells"])) == ([], filters, 1)
    assert found["cells"][0]["dims"] == {}


@pytest.mark.parametrize("by", ["month,project", "project,month", "pseudocode,month,project"])
def test_dimensions_come_in_the_order_asked_for(closed: Gateway, by: str) -> None:
    found = figures(closed, f"by={by}")

    assert found["by"] == by.split(",")
    assert all(list(cell["dims"]) == by.split(",") for cell in found["cells"])
    assert {cell["dims"]["project"] for cell in found["cells"]} == {PROJECT, FOREIGN_PROJECT}


@pytest.mark.parametrize("span", ["", f"&from={MONTH}", f"&to={MONTH}", f"&from={MONTH}&to={MONTH}"])
def test_span_that_is_open_holds_every_released_period(closed: Gateway, span: str) -> None:
    assert [cell["dims"] for cell in figures(closed, f"by=month{span}")["cells"]] == [{"month": MONTH}]


def test_span_that_ends_before_it_begins_is_empty(closed: Gateway) -> None:
    assert figures(closed, "by=month&from=2022-03&to=2022-02")["cells"] == []


@pytest.mark.parametrize("accept", ["text/csv", "text/csv; q=0.9, */*", "TEXT/CSV"])
def test_csv_says_the_same(closed: Gateway, accept: str) -> None:
    query = f"by=month,pseudocode&project={PROJECT}"
    answer = ask(closed, query, accept=accept)

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.content_type == "text/csv; charset=utf-8"
    assert list(rows[0]) == [
        "month",
        "pseudocode",
        "status",
        "beneficiaries",
        "actions",
        "providers",
        "margin_beneficiaries",
        "margin_actions",
    ]
    for row, cell in zip(rows, figures(closed, query)["cells"], strict=True):
        assert (row["month"], row["pseudocode"]) == (MONTH, cell["dims"]["pseudocode"])
        assert row["status"] == cell["status"]
        assert row["beneficiaries"] == ("" if cell["beneficiaries"] is None else str(cell["beneficiaries"]))


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/json, text/csv", "text/plain", ""])
def test_anything_else_is_json(closed: Gateway, accept: str) -> None:
    assert ask(closed, "by=month", accept=accept).content_type == "application/json"


NOT_IN_LATTICE = {
    "no period": (f"project={PROJECT}", "period"),
    "nothing": ("", "period"),
    "two kinds of period": ("by=month,quarter", "quarter"),
    "a period twice": ("by=month,month", "month"),
    "a period in by and as a filter": (f"by=month&month={MONTH}", "month"),
    "two periods as filters": (f"month={MONTH}&year=2022", "year"),
    "an unknown dimension": ("by=month,colour", "colour"),
    "an unknown filter": (f"month={MONTH}&colour=red", "colour"),
    "a dimension twice": ("by=month,project,project", "project"),
    "a dimension in by and as a filter": (f"by=month,project&project={PROJECT}", "project"),
    "a filter twice": (f"by=month&project={PROJECT}&project={PROJECT}", "project"),
    "another filter twice": (f"by=month&project={PROJECT}&project={FOREIGN_PROJECT}", "project"),
    "by twice": ("by=month&by=project", "by"),
    "a start without its kind": (f"month={MONTH}&from={MONTH}", "from"),
    "an end without its kind": (f"month={MONTH}&to={MONTH}", "to"),
    "a start of conventions": (f"by=convention,project&from={PROJECT}", "from"),
    "an end of conventions": (f"by=convention,project&to={PROJECT}", "to"),
    "conventions of all projects": ("by=convention", "convention"),
    "a municipality in a month": ("by=month,municipality", "municipality"),
    "a component in a month": ("by=month,component", "component"),
    "a list of values": (f"month={MONTH}&sex=F,M", "sex"),
    "a list of projects": (f"month={MONTH}&project={PROJECT},{FOREIGN_PROJECT}", "project"),
    "a range of values": (f"month={MONTH}&age_band=60-84", "age_band"),
    "a negation": (f"month={MONTH}&sex=!F", "sex"),
    "a value that is not declared": (f"month={MONTH}&sex=f", "sex"),
    "a part of a pseudocode": (f"month={MONTH}&pseudocode=79401", "pseudocode"),
    "a part of a district": ("by=month&district=2", "district"),
    "an SSIN as a value": (f"by=month&project={SSIN}x_", "project"),
    "a free first day": ("by=month&from=2022-02-14", "from"),
    "a free last day": ("by=month&to=2022-03-13", "to"),
    "a day for a period": ("month=2022-02-14", "month"),
    "in capitals": ("by=Month", "?"),
    "an empty name": ("by=month,", "?"),
    "an SSIN in by": (f"by=month,{SSIN}", "?"),
    "an SSIN as a name": (f"by=month&{SSIN}=1", "?"),
    "markup": ("by=month,<b>x", "?"),
}


@pytest.mark.parametrize("case", NOT_IN_LATTICE)
def test_question_outside_the_lattice_names_the_dimension(closed: Gateway, case: str) -> None:
    query, dimension = NOT_IN_LATTICE[case]

    answer = ask(closed, query)

    assert_problem(answer, 422, "not-in-lattice")
    assert f"“{dimension}”" in answer.get_json()["detail"]
    assert answer.get_json()["rule"] == "A2"
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("by=month&from=2022-13", "?from"),
        ("by=month&from=2022-Q1", "?from"),
        ("by=month&to=22-02", "?to"),
        ("by=quarter&from=2022-02", "?from"),
        ("by=year&to=2022-02", "?to"),
        ("month=2022-2", "?month"),
        ("quarter=2022", "?quarter"),
        ("by=month&measure=all", "?measure"),
        ("by=", "?by"),
        ("by=month%00", "?by"),
        (f"by={'m' * 201}", "?by"),
    ],
)
def test_value_of_another_form_is_400(closed: Gateway, query: str, pointer: str) -> None:
    answer = ask(closed, query)

    assert answer.status_code == 400, answer.text
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]
    assert SSIN not in answer.text


@pytest.mark.parametrize(
    ("query", "available_from"),
    [
        ("month=2022-03", "2022-04-10"),
        ("by=month&from=2022-02&to=2022-03", "2022-04-10"),
        ("by=month&from=2022-01&to=2022-02", "2022-02-10"),
        ("quarter=2022-Q1", "2022-05-15"),
        ("year=2022", "2023-03-01"),
        (f"convention={PROJECT}&project={PROJECT}", "2023-03-14"),
        ("month=2999-12", "3000-01-10"),
    ],
)
def test_period_that_is_not_released_says_from_when(closed: Gateway, query: str, available_from: str) -> None:
    answer = ask(closed, query)

    assert_problem(answer, 404, "not-released")
    assert answer.get_json()["available_from"] == available_from
    assert available_from in answer.get_json()["detail"]


@pytest.mark.parametrize("query", ["by=month&project=absent", "convention=absent&project=demo-nord"])
def test_project_of_figures_must_exist(closed: Gateway, query: str) -> None:
    assert_problem(ask(closed, query), 404, "unknown-project")


@pytest.mark.parametrize("role", ["policy_maker", "coordinator"])
def test_ledger_lists_every_release(closed: Gateway, role: str) -> None:
    found = closed.send("GET", "/v1/releases", role=role).get_json()

    assert found["next"] is None
    released = [item for item in found["items"] if item["measures"] == "actions"]
    assert [(item["period"], item["value"], item["lattice"], item["revision"]) for item in released] == [
        ("month", MONTH, "v1", 1)
    ]
    assert released[0]["released_at"] == "2022-03-10T08:00:00Z"
    assert float(released[0]["rho"]) <= float(found["items"][-1]["rho_cumulated"])


def test_period_is_closed_once(closed: Gateway) -> None:
    assert_problem(closed.send("POST", "/sandbox/release", {"month": MONTH}), 409, "already-released")


def test_released_figures_hold_no_identity(closed: Gateway) -> None:
    text = ask(closed, f"by=month,pseudocode&project={PROJECT}").text

    assert not any(ssin in text for ssin in generated_ssins(INCLUDED))
