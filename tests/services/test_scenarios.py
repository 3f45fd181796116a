"""Every scenario of the mock, played by its own process to the worker's own code: nothing lost, nothing doubled."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.delivery import Backoff
from gateway.domain.identity import Ssin
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import Pace, deliver_outbox
from gateway.services.find_inclusions import get_inclusion
from gateway.services.register_inclusion import register_inclusion
from gateway.store.tables import action, beneficiary, inclusion, outbox
from gateway.upstream import client
from gateway.upstream.client import MailboxUnavailable, MyCareNet
from mock_mycarenet.decisions import FIXED
from schemas.mycarenet.stand_in import SCENARIOS
from tests.mock.builders import Stand, with_check_digits
from tests.services.desk import ADMIN, PARTNER, Desk, an_inclusion_submission, ssin
from tests.store.rows import rows

PACE = Pace(timedelta(seconds=30), Backoff(0.001, 0.02))
HEALING_SECONDS = 60
SLOWEST = ("slow", "one-byte-per-second", "never", "delayed")
"""What these try has nothing to do with the store, and takes its time: they are played on one of them."""
HANGING = ("one-byte-per-second", "never")
"""Of these the client is given little time, so that it gives them up soon."""
ON_BOTH = [(store, name) for name in SCENARIOS for store in ("sqlite", "postgresql")]
PLAYED = [(store, name) for store, name in ON_BOTH if store == "sqlite" or name not in SLOWEST]
UNANSWERED = {
    "outage": "http-503",
    "http-500": "http-500",
    "lost-answer": "unreachable",
    "one-byte-per-second": "unreachable",
    "never": "unreachable",
    "reset": "unreachable",
    "cut-json": "not-acknowledged",
    "html": "not-acknowledged",
    "huge": "not-acknowledged",
}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A mock in a process of its own."""
    opened = Stand(tmp_path_factory.mktemp("data") / "mock", tmp_path_factory.mktemp("elsewhere"))
    opened.start()
    yield opened
    opened.stop(signal.SIGKILL)


def _collect(desk: Desk, way: MyCareNet) -> int:
    try:
        return collect_answers(desk.context, way, PACE.backoff)
    except MailboxUnavailable:
        return 0


def _heal(desk: Desk, way: MyCareNet) -> None:
    """Rounds until everything is answered and the mailbox is empty."""
    deadline, quiet = time.monotonic() + HEALING_SECONDS, 0
    while quiet < 3:
        assert time.monotonic() < deadline, [row["state"] for row in rows(desk.database_url, outbox)]
        moved = deliver_outbox(desk.context, way, PACE) + _collect(desk, way)
        waiting = {row["state"] for row in rows(desk.database_url, outbox)} & {"pending", "sent"}
        quiet = 0 if moved or waiting else quiet + 1
        time.sleep(0.02)


def _register(desk: Desk) -> dict[str, Any]:
    """Three people with right numbers; one has acted and left."""
    people = [ssin(), *(Ssin(with_check_digits(f"850730{serial}")) for serial in (951, 952))]
    submissions = [replace(an_inclusion_submission(), ssin=one) for one in people]
    included = [desk.ask(PARTNER, register_inclusion, one).known.inclusion for one in submissions]
    desk.at("2022-03-01T08:00+01:00").act()
    desk.exit(included[0].id)
    return {"facts": [rows(desk.database_url, table) for table in (inclusion, action)], "first": included[0].id}


def _arrived(desk: Desk, stand: Stand) -> list[Any]:
    """The messages of this register in the ledger, in order of first receipt."""
    ours = {str(row["id"]): row for row in rows(desk.database_url, outbox)}
    seen = dict.fromkeys(one["message_id"] for one in stand.get("/ledger")["items"])
    return [ours[message_id] for message_id in seen if message_id in ours]


@pytest.mark.parametrize(("database_url", "name"), PLAYED, indirect=["database_url"])
def test_nothing_is_lost_or_doubled(desk: Desk, stand: Stand, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in HANGING:
        monkeypatch.setattr(client, "TOTAL_SECONDS", 0.8)
        monkeypatch.setattr(client, "_TIMEOUT_SECONDS", (3.0, 0.6))
    before, way = _register(desk), MyCareNet(stand.url)
    stand.play(name)
    deliver_outbox(desk.context, way, PACE)
    tried = [row for row in rows(desk.database_url, outbox) if row["attempts"]]
    recorded = len(_arrived(desk, stand))
    _collect(desk, way)

    if name != "reject-all":
        stand.play("accept")
    monkeypatch.undo()
    _heal(desk, MyCareNet(stand.url))

    stand.play("accept")
    sent = rows(desk.database_url, outbox)
    arrived = _arrived(desk, stand)
    assert {row["state"] for row in sent} == {"rejected" if name == "reject-all" else "accepted"}
    assert sorted(row["id"] for row in arrived) == sorted(row["id"] for row in sent)
    of_first = [row["sequence"] for row in arrived if row["pseudonym"] == sent[0]["pseudonym"]]
    assert of_first == sorted(of_first)
    assert {row["leased_until"] for row in sent} == {None}
    assert {row["contradiction"] for row in sent} == (
        # what was taken before the scenario ended is answered both ways
        {None, "unknown-person"} if name == "contradicting" else {None}
    )
    if name in UNANSWERED:
        assert len(tried) == 3
        assert {(row["state"], row["reason"]) for row in tried} == {("pending", UNANSWERED[name])}
        assert recorded == (0 if name == "outage" else len(tried))
    if name == "reject-all":
        assert desk.ask(ADMIN, get_inclusion, before["first"]).known.inclusion.status == "rejected"
    else:
        assert [rows(desk.database_url, table) for table in (inclusion, action)] == before["facts"]
        assert None not in {row["insurer"] for row in rows(desk.database_url, beneficiary)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_mock_that_is_killed_in_its_play_goes_on_with_it(desk: Desk, stand: Stand) -> None:
    before, way = _register(desk), MyCareNet(stand.url)
    stand.play("duplicate-answer")
    deliver_outbox(desk.context, way, PACE)
    _collect(desk, way)
    taken = stand.get("/ledger")

    stand.stop(signal.SIGKILL)
    assert deliver_outbox(desk.context, way, PACE) > 0
    stand.start()

    assert stand.get("/ledger") == taken
    assert stand.get("/scenario") == {"name": "duplicate-answer"}
    _heal(desk, way)
    stand.play("accept")
    assert {row["state"] for row in rows(desk.database_url, outbox)} == {"accepted"}
    assert [rows(desk.database_url, table) for table in (inclusion, action)] == before["facts"]


def test_statement_is_what_was_sent_and_answered(desk: Desk, stand: Stand) -> None:
    _register(desk)
    way = MyCareNet(stand.url)
    _heal(desk, way)
    stand.post("/faults", {"message_id": str(rows(desk.database_url, outbox)[0]["id"]), "fault": "drop"})

    lines = [line for month in ("2022-01", "2022-03") for line in way.statement("demo-nord", month)]

    sent = {row["id"]: row for row in rows(desk.database_url, outbox)[1:]}
    ours = {line.message_id: line for line in lines if line.message_id in sent}
    assert set(ours) == set(sent)
    for message_id, line in ours.items():
        row = sent[message_id]
        assert (line.kind, line.reference) == (row["kind"], row["reference"])
        assert (line.input_reference, line.output_reference) == (row["input_reference"], row["output_reference"])
        assert (line.accepted, line.code, line.is_answered, line.received_count) == (True, None, True, 1)


def test_every_ssin_with_a_fixed_answer_gets_it_in_the_register(desk: Desk, stand: Stand) -> None:
    submissions = {code: replace(an_inclusion_submission(), ssin=Ssin(number)) for number, code in FIXED.items()}
    included = {code: desk.ask(PARTNER, register_inclusion, one).known.inclusion for code, one in submissions.items()}
    desk.exit(included["already-closed"].id)

    _heal(desk, MyCareNet(stand.url))

    known = {code: desk.ask(ADMIN, get_inclusion, one.id).known for code, one in included.items()}
    delivered = {code: (one.inclusion.status, one.delivery_state, one.delivery_reason) for code, one in known.items()}
    assert delivered == {
        **{code: ("rejected", "rejected", code) for code in FIXED.values()},
        "already-closed": ("exited", "rejected", "already-closed"),
        "temporarily-unavailable": ("open", "accepted", None),
    }
    put_off = included["temporarily-unavailable"].message_id
    (row,) = (row for row in rows(desk.database_url, outbox) if row["id"] == put_off)
    assert row["attempts"] == 3
    assert [one["message_id"] for one in stand.get("/ledger")["items"]].count(str(put_off)) == 3
