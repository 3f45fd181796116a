"""Actions over HTTP: registered, read, listed by day, annulled."""

from __future__ import annotations

import pytest

from tests.builders import COLLEAGUE, PROJECT, PROJECT_LEVEL_PSEUDOCODE, PROVIDER, PSEUDOCODE, SSIN
from tests.http.test_inclusions import claims_of, get, ids_of
from tests.http.wire import FOREIGN_PSEUDOCODE, Gateway, an_action_request


@pytest.fixture
def march(gateway: Gateway) -> Gateway:
    """The beneficiary is included, and it is 1 March 2022."""
    gateway.include()
    return gateway.at("2022-03-01T08:00:00+00:00")


def test_action_is_registered(march: Gateway) -> None:
    answer = march.send("POST", "/v1/actions", an_action_request(), role="provider")

    document = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/actions/{document['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert {name: document[name] for name in document if name not in ("id", "inclusion", "receipt")} == {
        "project": PROJECT,
        "pseudocode": PSEUDOCODE,
        "performed_on": "2022-02-14",
        "performed_by": PROVIDER,
        "occurrence": 1,
        "status": "recorded",
        "recorded_at": "2022-03-01T08:00:00Z",
        "voluntary": False,
        "delivery": {"status": "pending"},
    }
    claims = claims_of(march, answer)
    assert (claims["kind"], claims["id"], claims["recorded_at"]) == ("action", document["id"], "2022-03-01T08:00:00Z")
    assert SSIN not in str(claims)


@pytest.mark.parametrize("role", ["provider", "project_admin"])
def test_action_is_read_with_its_version(march: Gateway, role: str) -> None:
    action = march.act()

    answer = march.send("GET", f"/v1/actions/{action['id']}", role=role)

    assert answer.get_json() == {name: value for name, value in action.items() if name != "receipt"}
    assert answer.headers["ETag"] == '"1"'


def test_same_action_again_takes_the_next_occurrence(march: Gateway) -> None:
    march.act()

    doubled = march.send("POST", "/v1/actions", an_action_request(), role="provider")
    next_one = march.send("POST", "/v1/actions", an_action_request(occurrence=2), role="provider")

    assert (doubled.status_code, doubled.get_json()["code"]) == (409, "duplicate-action")
    assert (next_one.status_code, next_one.get_json()["occurrence"]) == (201, 2)


def test_annulment_is_shown_stands_and_frees_the_day(march: Gateway) -> None:
    path = f"/v1/actions/{march.act()['id']}/annulment"

    answer = march.send("POST", path, {"reason": "wrong-day"}, role="provider")
    again = march.send("POST", path, {"reason": "wrong-day"}, role="project_admin")

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (answer.get_json()["status"], answer.get_json()["annulment"]) == ("annulled", {"reason": "wrong-day"})
    assert answer.get_json()["recorded_at"] == "2022-03-01T08:00:00Z"
    assert claims_of(march, answer)["kind"] == "action-annulment"
    assert (again.status_code, again.get_json()["code"]) == (409, "already-annulled")
    assert march.send("POST", "/v1/actions", an_action_request(), role="provider").status_code == 201


def test_list_is_by_day_and_goes_on_by_its_cursor(march: Gateway) -> None:
    days = ["2022-02-03", "2022-02-01", "2022-02-02", "2022-02-02"]
    registered = [(march.act(performed_on=day, occurrence=n + 1)["id"], day) for n, day in enumerate(days)]
    seen: list[tuple[str, str]] = []

    cursor: str | None = ""
    while cursor is not None:
        page = get(march, "/v1/actions?limit=1" + (f"&cursor={cursor}" if cursor else ""))
        seen += [(item["id"], item["performed_on"]) for item in page["items"]]
        cursor = page["next"]

    assert sorted(seen) == sorted(registered)
    assert len({day for _, day in seen}) == 3
    ordered = [day for _, day in seen]
    assert ordered in (sorted(ordered), sorted(ordered, reverse=True))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("&from=2022-02-01&to=2022-02-28", 2),
        ("&from=2022-02-03", 1),
        ("&from=2022-02-02&to=2022-02-02", 1),
        ("&to=2022-02-02", 1),
        ("&from=2022-02-28&to=2022-02-01", 0),
        (f"&pseudocode={PSEUDOCODE}", 2),
        (f"&pseudocode={FOREIGN_PSEUDOCODE}", 0),
    ],
)
def test_list_is_filtered(march: Gateway, query: str, count: int) -> None:
    for day in ("2022-02-02", "2022-02-03"):
        march.act(performed_on=day)

    assert len(get(march, f"/v1/actions?project={PROJECT}{query}", "provider")["items"]) == count


def test_provider_lists_only_the_own_actions(march: Gateway) -> None:
    own = march.act()["id"]
    foreign = march.act(role="project_admin", performed_by=COLLEAGUE, occurrence=2)["id"]

    assert ids_of(get(march, f"/v1/actions?project={PROJECT}", "provider")) == [own]
    assert set(ids_of(get(march, "/v1/actions"))) == {own, foreign}


def test_action_at_project_level_is_not_registered_per_beneficiary(march: Gateway) -> None:
    answer = march.send("POST", "/v1/actions", an_action_request(pseudocode=PROJECT_LEVEL_PSEUDOCODE), role="provider")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "project-level-pseudocode")
    assert answer.get_json()["rule"] == "P7"


def test_action_before_2022_was_voluntary(light_gateway: Gateway) -> None:
    light_gateway.at("2021-10-15T09:00:00+00:00")
    agreement = {"agreed_on": "2021-10-01", "informed": True, "in_target_group": True}
    light_gateway.include(agreement=agreement)
    light_gateway.at("2022-03-01T08:00:00+00:00")

    assert light_gateway.act(performed_on="2021-12-31")["voluntary"] is True
