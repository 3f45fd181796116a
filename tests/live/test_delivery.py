"""Delivery to MyCareNet with processes of their own: accepted, rejected, and an outage that moves no date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import requests
from sqlalchemy import select

from gateway.store.tables import beneficiary, inclusion, outbox
from tests.live.catalogue import LONG, NIHII, OTHER_CODE, an_action, an_inclusion, enter
from tests.live.register import rows
from tests.sandboxes import STORES, Sandbox, live_sandbox, synthetic_ssin

_numbers = count(20_000)
UNKNOWN = "MyCareNet knows nobody under this SSIN."


class Ward:
    """A provider at a sandbox."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.token = box.token("provider", nihii=NIHII)

    def include(self, ssin: str) -> dict[str, Any]:
        return self.post("/v1/inclusions", an_inclusion(LONG, ssin))

    def act(self, ssin: str, day: str, **changes: Any) -> dict[str, Any]:
        return self.post("/v1/actions", an_action(LONG, ssin, day, **changes))

    def post(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.box.send("POST", path, body, token=self.token)
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    def refusal(self, path: str, body: Any) -> tuple[int, str]:
        answer = self.box.send("POST", path, body, token=self.token)
        return answer.status_code, answer.json()["code"]

    def get(self, path: str) -> dict[str, Any]:
        return dict(self.box.send("GET", path, token=self.token).json())

    def message_ids(self, *references: str) -> list[str]:
        """The messages about some facts, in the order of their commits, by beneficiary."""
        query = select(outbox.c.id, outbox.c.reference).order_by(outbox.c.pseudonym, outbox.c.sequence)
        return [str(row.id) for row in rows(self.box.store_url, query) if str(row.reference) in references]

    @contextmanager
    def playing(self, scenario: str) -> Iterator[None]:
        self.box.play(scenario)
        try:
            yield
        finally:
            self.box.play("accept")


@pytest.fixture(scope="module", params=STORES)
def ward(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with live_sandbox(request, tmp_path_factory) as box:
        enter(box)
        box.move_clock("2021-12-10T08:00:00Z")
        yield Ward(box)


@pytest.fixture
def ssin() -> str:
    return synthetic_ssin(next(_numbers))


def test_an_outage_over_the_end_of_a_month_moves_no_date_and_the_backlog_drains_by_itself(
    ward: Ward, ssin: str
) -> None:
    box, other = ward.box, synthetic_ssin(next(_numbers))
    with ward.playing("outage"):
        box.move_clock("2022-01-31T22:59:59Z")
        january = ward.include(ssin)
        box.move_clock("2022-01-31T23:00:00Z")
        february = ward.include(other)
        ended = ward.post(f"/v1/inclusions/{january['id']}/exit", {"reason": "moved"})
        shown = [ward.get(f"/v1/inclusions/{one['id']}")["delivery"] for one in (january, february)]
        waiting = box.metric("outbox_pending")
        arrived = {one["message_id"] for one in box.ledger()}
        box.move_clock("2022-03-15T08:00:00Z")

    box.drain()

    assert [one["status"] for one in shown] == ["pending", "pending"]
    assert waiting == 3
    sent = ward.message_ids(january["id"], february["id"])
    assert not arrived & set(sent)
    assert sorted(one["message_id"] for one in box.ledger() if one["message_id"] in sent) == sorted(sent)
    later = [ward.get(f"/v1/inclusions/{one['id']}") for one in (january, february)]
    assert [one["valid_from"] for one in later] == ["2022-02-01", "2022-03-01"]
    assert [one["communicated_at"] for one in later] == ["2022-01-31T22:59:59Z", "2022-01-31T23:00:00Z"]
    assert later[0]["valid_until"] == ended["valid_until"] == "2022-02-28"
    assert [one["delivery"]["status"] for one in later] == ["accepted", "accepted"]


def test_every_message_is_accepted_and_arrives_once(ward: Ward, ssin: str) -> None:
    box, arrived_before = ward.box, len(ward.box.ledger())
    included = ward.include(ssin)
    ended = ward.post(f"/v1/inclusions/{included['id']}/exit", {"reason": "deceased"})

    box.drain()

    arrived = [one["message_id"] for one in box.ledger()]
    assert ended["delivery"] == {"status": "pending"}
    assert ward.get(f"/v1/inclusions/{included['id']}")["delivery"] == {"status": "accepted"}
    assert len(arrived) == len(set(arrived)) == arrived_before + 2
    assert arrived[-2:] == ward.message_ids(included["id"])
    assert [one["kind"] for one in box.ledger()[-2:]] == ["inclusion", "exit"]


def test_the_acceptance_brings_what_the_member_register_knows(ward: Ward, ssin: str) -> None:
    included = ward.include(ssin)
    ward.box.drain()
    member = requests.post(f"{ward.box.mock}/members/find", json={"ssin": ssin}, timeout=20).json()

    traits = (beneficiary.c.insurer, beneficiary.c.sex, beneficiary.c.birth_date, beneficiary.c.municipality)
    of_them = rows(
        ward.box.store_url,
        select(*traits, inclusion.c.id).join(
            inclusion,
            (inclusion.c.pseudonym == beneficiary.c.pseudonym) & (inclusion.c.project == beneficiary.c.project),
        ),
    )
    (found,) = [row for row in of_them if str(row.id) == included["id"]]
    assert (found.insurer, found.sex, str(found.birth_date), found.municipality) == tuple(
        member[name] for name in ("insurer", "sex", "birth_date", "municipality")
    )


def test_the_messages_of_a_beneficiary_arrive_in_the_order_of_their_commits(ward: Ward) -> None:
    box = ward.box
    persons = [synthetic_ssin(next(_numbers)) for _ in range(6)]
    inclusions = [ward.include(one) for one in persons]
    box.move_clock("2022-04-20T08:00:00Z")
    facts: list[str] = [one["id"] for one in inclusions]
    for day in ("2022-04-04", "2022-04-05"):
        facts += [ward.act(one, day)["id"] for one in persons]
    for one, included in zip(persons, inclusions, strict=True):
        mistaken = ward.act(one, "2022-04-06", pseudocode=OTHER_CODE)["id"]
        ward.post(f"/v1/actions/{mistaken}/annulment", {"reason": "not-performed"})
        ward.post(f"/v1/inclusions/{included['id']}/exit", {"reason": "moved"})
        facts.append(mistaken)

    box.drain()

    places = {one["message_id"]: place for place, one in enumerate(box.ledger())}
    query = select(outbox.c.pseudonym, outbox.c.sequence, outbox.c.id, outbox.c.reference)
    committed: dict[bytes, list[tuple[int, int]]] = {}
    for row in rows(box.store_url, query):
        if str(row.reference) in facts:
            committed.setdefault(row.pseudonym, []).append((row.sequence, places[str(row.id)]))
    assert [sorted(one) for one in committed.values()] == [
        sorted(one, key=lambda pair: pair[1]) for one in committed.values()
    ]
    assert [len(one) for one in committed.values()] == [6] * 6


def test_a_rejected_inclusion_says_why_bears_no_action_and_leaves_room_for_a_new_one(ward: Ward, ssin: str) -> None:
    box = ward.box
    with ward.playing("reject-all"):
        first = ward.include(ssin)
        box.drain()
    box.move_clock("2022-05-10T08:00:00Z")

    seen = ward.get(f"/v1/inclusions/{first['id']}")
    acting = ward.refusal("/v1/actions", an_action(LONG, ssin, "2022-05-02"))
    leaving = ward.refusal(f"/v1/inclusions/{first['id']}/exit", {"reason": "moved"})
    second = ward.include(ssin)
    box.drain()

    assert (first["status"], seen["status"]) == ("open", "rejected")
    assert seen["rejection"] == {"code": "unknown-person"}
    assert seen["delivery"] == {"status": "rejected", "reason": "unknown-person", "text": UNKNOWN}
    assert (acting, leaving) == ((422, "not-included"), (409, "already-rejected"))
    found = box.send("POST", "/v1/inclusions/find", {"project": LONG, "ssin": ssin}, token=ward.token).json()["items"]
    assert [(one["id"], one["status"]) for one in found] == [(second["id"], "open"), (first["id"], "rejected")]
    assert second["valid_from"] == "2022-06-01"


def test_a_rejected_action_is_marked_and_may_be_registered_again(ward: Ward, ssin: str) -> None:
    box = ward.box
    ward.include(ssin)
    box.move_clock("2022-06-10T08:00:00Z")
    box.drain()
    with ward.playing("reject-all"):
        first = ward.act(ssin, "2022-06-02")
        box.drain()

    seen = ward.get(f"/v1/actions/{first['id']}")
    second = ward.act(ssin, "2022-06-02")
    box.drain()

    assert (seen["status"], seen["delivery"]["reason"]) == ("rejected", "unknown-person")
    assert ward.get(f"/v1/actions/{second['id']}")["delivery"] == {"status": "accepted"}
