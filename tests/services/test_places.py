"""Room for twenty conventions, one project per municipality, and partners who come back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.domain import errors
from gateway.services.context import Call
from gateway.services.find_inclusions import get_inclusion
from gateway.services.keep_catalogue import register_partner, register_project, replace_project
from gateway.store.tables import catalogue_history, partner, zone
from tests.builders import PROJECT, PROVIDER, an_agreement, day
from tests.services.desk import PARTNER, REGISTRAR, Desk
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT, SEEDED_AT, a_project_document, zone_of

TAKEN = zone_of(OTHER_PROJECT)[:1]
AWAY = {"category": "first_line", "discipline": "nurse", "from": day("2021-09-01"), "until": day("2021-11-30")}
BACK = {"category": "home_care", "discipline": "nurse", "from": day("2022-02-01"), "until": None}
NIHII = f"{PROVIDER}001"


def _fill(desk: Desk, count: int) -> None:
    with desk.context.store.transaction() as tx:
        for number in range(count):
            tx.catalogue.add_project(a_project_document(f"p-{number}"), SEEDED_AT)


def test_twenty_first_convention_of_a_time_is_refused_and_a_later_one_is_not(desk: Desk) -> None:
    _fill(desk, 17)
    desk.ask(REGISTRAR, register_project, a_project_document("demo-est"))
    before = desk.counts()

    with pytest.raises(errors.TooManyProjects):
        desk.ask(REGISTRAR, register_project, a_project_document("demo-west"))
    assert {**desk.counts(), "audit_entry": 0} == {**before, "audit_entry": 0}

    later = {"effective_from": day("2023-01-01"), "last_day": day("2024-12-31")}
    desk.ask(REGISTRAR, register_project, a_project_document("demo-west", convention=later))
    longer = {"effective_from": day("2022-12-31"), "last_day": day("2024-12-31")}
    with pytest.raises(errors.TooManyProjects):
        desk.ask(REGISTRAR, replace_project, a_project_document("demo-west", convention=longer), 1)
    renamed = desk.ask(REGISTRAR, replace_project, a_project_document(name={"fr": "Neuf", "nl": "Nieuw"}), 1)
    assert renamed["version"] == 2


def test_full_register_still_says_that_a_project_exists(desk: Desk) -> None:
    _fill(desk, 18)

    with pytest.raises(errors.AlreadyExists):
        desk.ask(REGISTRAR, register_project, a_project_document())


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        (register_project, (a_project_document("demo-est", zone=[*zone_of("x"), *TAKEN]),)),
        (replace_project, (a_project_document(zone=TAKEN), 1)),
    ],
    ids=["registered", "replaced"],
)
def test_municipality_of_another_project_is_refused(desk: Desk, verb: Any, arguments: tuple[Any, ...]) -> None:
    before = rows(desk.database_url, zone, "nis")

    with pytest.raises(errors.ZoneTaken) as refused:
        desk.ask(REGISTRAR, verb, *arguments)

    assert refused.value.nis == TAKEN[0]["nis"]
    assert rows(desk.database_url, zone, "nis") == before


def test_municipality_that_was_given_up_is_free(desk: Desk) -> None:
    desk.ask(REGISTRAR, replace_project, a_project_document(OTHER_PROJECT, zone=zone_of("elsewhere")), 1)

    found = desk.ask(REGISTRAR, replace_project, a_project_document(zone=TAKEN), 1)

    assert found["zone"] == TAKEN


def test_database_decides_whose_a_municipality_is(desk: Desk, database_url: str) -> None:
    before = desk.counts()

    with pytest.raises(errors.ZoneTaken) as refused, desk.context.store.transaction() as tx:
        tx.catalogue.add_project(a_project_document("demo-est", zone=TAKEN), SEEDED_AT)

    assert (refused.value.nis, desk.counts()) == (TAKEN[0]["nis"], before)


@pytest.mark.parametrize("what", ["municipality", "room"])
def test_of_two_at_once_only_one_gets_the_last_place(desk: Desk, what: str) -> None:
    _fill(desk, 17 if what == "room" else 0)
    changes = {} if what == "room" else {"zone": zone_of("both")}

    def register(name: str) -> str:
        try:
            call = Call(REGISTRAR, "register_project", name)
            desk.call(call, register_project, a_project_document(name, **changes))
        except errors.Refusal as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(register, ["demo-est", "demo-west", "demo-centre", "demo-mer"]))

    refused = "too-many-projects" if what == "room" else "zone-taken"
    assert outcomes == sorted(["done", refused, refused, refused])


def test_partner_who_comes_back_has_two_periods_and_a_history(desk: Desk) -> None:
    included = desk.include().known.inclusion.id
    desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, AWAY)
    with pytest.raises(errors.NotFound):
        desk.ask(PARTNER, get_inclusion, included)

    desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, BACK)

    with pytest.raises(errors.NotAPartner) as refused:
        desk.include(1)
    assert (refused.value.allowed_from, refused.value.allowed_until) == (day("2022-02-01"), None)
    desk.at("2022-02-01T09:00+01:00").include(1)
    desk.ask(PARTNER, get_inclusion, included)
    found = [row for row in rows(desk.database_url, partner, "member_from") if row["project"] == PROJECT]
    assert [(row["member_from"], row["member_until"], row["category"]) for row in found if row["nihii"] == NIHII] == [
        (AWAY["from"], AWAY["until"], "first_line"),
        (BACK["from"], None, "home_care"),
    ]
    kept = [row["document"] for row in rows(desk.database_url, catalogue_history, "version")[-2:]]
    assert [one["member_from"] for one in kept] == ["2021-09-01", "2022-02-01"]


def test_nearest_period_is_named(desk: Desk) -> None:
    desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, AWAY)
    desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, BACK)

    with pytest.raises(errors.NotAPartner) as refused:
        desk.at("2021-12-05T09:00+01:00").include(agreement=an_agreement(agreed_on=day("2021-12-01")))

    assert (refused.value.allowed_from, refused.value.allowed_until) == (AWAY["from"], AWAY["until"])


@pytest.mark.parametrize(
    "period",
    [
        {"from": day("2021-10-01"), "until": None},
        {"from": day("2021-08-01"), "until": day("2021-09-01")},
        {"from": day("2021-11-30"), "until": day("2022-01-31")},
        {"from": day("2022-01-01"), "until": day("2022-02-01")},
    ],
    ids=str,
)
def test_overlapping_period_is_refused(desk: Desk, period: dict[str, Any]) -> None:
    desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, AWAY)
    desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, BACK)
    before = rows(desk.database_url, partner, "provider", "member_from")

    with pytest.raises(errors.AlreadyExists):
        desk.ask(REGISTRAR, register_partner, PROJECT, NIHII, {**AWAY, **period})

    assert rows(desk.database_url, partner, "provider", "member_from") == before
