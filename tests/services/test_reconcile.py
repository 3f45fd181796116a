"""Reconciliation at the desk: our register and outbox against a MyCareNet over real HTTP, with faults planted in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, delete, update

from gateway.domain import errors
from gateway.domain.delivery import State, StatementLine
from gateway.domain.identity import Ssin
from gateway.domain.reconciliation import Reconciliation
from gateway.domain.submissions import Import
from gateway.services import reconcile
from gateway.services.change_identity import change_identity
from gateway.services.change_inclusion import annul_exit, correct_inclusion
from gateway.services.collect_answers import collect_answers
from gateway.services.context import Call, Context
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_inclusions import get_inclusion
from gateway.services.reconcile import reconcile_month
from gateway.services.register_inclusion import register_inclusion
from gateway.services.retry_delivery import ResendReason, resend_delivery
from gateway.services.statements import Statements
from gateway.store.migrate import MIGRATIONS
from gateway.store.tables import action, audit_entry, delivery_failure, inclusion, outbox
from gateway.upstream.client import MyCareNet
from mock_mycarenet.decisions import FIXED
from tests.builders import PROJECT, PROVIDER, an_agreement, day, instant
from tests.mock.builders import a_message, a_mycarenet
from tests.sandboxes import synthetic_ssin
from tests.services.desk import ADMIN, REGISTRAR, Desk, an_inclusion_submission
from tests.services.test_deliver_outbox import PACE
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT


@dataclass
class Stage:
    """The desk, and a MyCareNet that it delivers to."""

    desk: Desk
    url: str

    def include(self, number: int, **changes: Any) -> UUID:
        return self.desk.include(number, ssin=Ssin(synthetic_ssin(number)), **changes).known.inclusion.id

    def deliver(self) -> None:
        wire = MyCareNet(self.url)
        while deliver_outbox(self.desk.context, wire, PACE) + collect_answers(self.desk.context, wire):
            pass

    def told(self, month: str, project: str = PROJECT) -> Reconciliation:
        return reconcile_month(self.desk.context, project, month)

    def found(self, month: str) -> set[tuple[str, str, UUID]]:
        return {(one.kind.value, one.remedy.value, one.message_id) for one in self.told(month).differences}

    def plant(self, message_id: UUID, fault: str) -> None:
        asked = {"message_id": str(message_id), "fault": fault}
        assert requests.post(f"{self.url}/faults", json=asked, timeout=10).status_code == 204

    def messages(self, kind: str = "inclusion") -> list[UUID]:
        found = rows(self.desk.database_url, outbox, "created_at", "sequence")
        return [row["id"] for row in found if row["kind"] == kind]

    def execute(self, statement: Any) -> None:
        """A statement past the register's own code."""
        with create_engine(self.desk.database_url, poolclass=NullPool).begin() as connection:
            connection.execute(statement)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A MyCareNet over HTTP, in this process."""
    with a_mycarenet(tmp_path / "mock") as url:
        yield url


@pytest.fixture
def context(context: Context, url: str) -> Context:
    """The context with a statement to be had."""
    return replace(context, statements=Statements(lambda: MyCareNet(url)))


@pytest.fixture
def stage(desk: Desk, url: str) -> Stage:
    return Stage(desk, url)


def test_exactly_the_planted_faults_are_listed_among_hundreds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "FACTS_AT_ONCE", 50)
    ids = [stage.include(number) for number in range(150)]
    desk = stage.desk.at("2022-01-20T09:00Z")
    for one in ids[:30]:
        desk.ask(ADMIN, correct_inclusion, one, 1, day("2022-01-09"), None)
    for one in ids[30:50]:
        desk.exit(one)
    for one in ids[50:60]:
        desk.annul(one)
    desk.at("2022-02-14T09:00Z")
    stage.include(200)
    stage.deliver()

    clean = stage.told("2022-01")
    assert (clean.asked, clean.differences, dict(clean.listed)) == (210, [], {True: 210})
    assert stage.told("2022-02").asked == 1
    assert stage.told("2022-01", OTHER_PROJECT).asked == stage.told("2021-12").asked == 0

    included, corrections = stage.messages(), stage.messages("inclusion-correction")
    planted = {
        "drop": [included[3], corrections[7]],
        "double": [included[40], stage.messages("exit")[2]],
        "delay": [included[77], included[78]],
        "contradict": [included[90], stage.messages("inclusion-annulment")[1]],
    }
    for fault, messages in planted.items():
        for one in messages:
            stage.plant(one, fault)
    foreign = a_message("action", synthetic_ssin(1), timestamp="2022-01-31T22:59:59Z")
    assert requests.post(f"{stage.url}/messages", json=foreign, timeout=10).status_code == 202
    stage.execute(update(outbox).where(outbox.c.id == included[100]).values(state="failed"))
    stage.execute(delete(outbox).where(outbox.c.id == included[101]))
    stage.plant(included[101], "drop")

    assert stage.found("2022-01") == {
        *(("dropped", "send-again", one) for one in planted["drop"]),
        *(("doubled", "remove-double", one) for one in planted["double"]),
        *(("delayed", "show-receipt", one) for one in planted["delay"]),
        *(("contradicted", "call-insurer", one) for one in planted["contradict"]),
        ("unknown-here", "ask-origin", UUID(foreign["message_id"])),
        ("not-sent", "send-again", included[100]),
        ("not-sent", "report", included[101]),
    }
    assert stage.told("2022-02").differences == []


def test_what_mycarenet_lost_is_named_is_sent_again_and_then_agrees(stage: Stage) -> None:
    accepted, sent = [stage.include(1)], []
    stage.deliver()
    sent = [stage.include(2)]
    deliver_outbox(stage.desk.context, MyCareNet(stage.url), PACE)
    lost = stage.messages()
    for one in lost:
        stage.plant(one, "lose")
    assert stage.found("2022-01") == {("dropped", "send-again", one) for one in lost}

    for one in lost:
        resend_delivery(stage.desk.context, one, ResendReason.DROPPED)
    pending = stage.told("2022-01").sent
    stage.deliver()

    assert (dict(pending), stage.found("2022-01")) == ({State.PENDING: 2}, set())
    known = [stage.desk.ask(ADMIN, get_inclusion, one).known for one in (*accepted, *sent)]
    assert [(one.inclusion.status, one.delivery_state) for one in known] == [("open", "accepted")] * 2
    receipts = requests.get(f"{stage.url}/ledger", timeout=10).json()["items"]
    assert sorted(UUID(one["message_id"]) for one in receipts) == sorted([*lost, *lost])
    said = rows(stage.desk.database_url, delivery_failure)
    assert {(one["message"], one["reason"], one["retry_reason"]) for one in said} == {
        (one, "lost-there", "dropped") for one in lost
    }
    audited = [one for one in rows(stage.desk.database_url, audit_entry) if one["verb"] == "resend_delivery"]
    assert {(one["role"], one["object"]) for one in audited} == {("operator", one) for one in lost}


def test_acceptance_stands_whatever_is_answered_to_the_message_that_was_sent_again(stage: Stage) -> None:
    included = stage.include(1)
    stage.deliver()
    (message,) = stage.messages()
    answered_at = rows(stage.desk.database_url, outbox)[0]["answered_at"]
    stage.plant(message, "lose")
    assert requests.put(f"{stage.url}/scenario", json={"name": "reject-all"}, timeout=10).status_code == 200
    stage.desk.at("2022-02-03T09:00Z")

    resend_delivery(stage.desk.context, message, ResendReason.ASKED_FOR)
    stage.deliver()

    (row,) = rows(stage.desk.database_url, outbox)
    assert (row["state"], row["reason"], row["contradiction"]) == ("accepted", None, "unknown-person")
    assert row["answered_at"] == answered_at
    assert stage.desk.ask(ADMIN, get_inclusion, included).known.inclusion.status == "open"
    assert stage.found("2022-01") == {("contradicted", "call-insurer", message)}


def test_everything_that_a_fact_can_ask_is_asked_once_in_its_month(stage: Stage) -> None:
    desk = stage.desk.at("2022-01-31T22:59:59Z")
    ids = [stage.include(number) for number in range(4)]
    refused = desk.include(9, ssin=Ssin(next(iter(FIXED)))).known.inclusion.id
    desk.at("2022-01-31T23:00:00Z")
    desk.exit(ids[0])
    desk.ask(ADMIN, annul_exit, ids[0], "other")
    desk.annul(ids[1])
    desk.ask(ADMIN, change_identity, ids[2], Ssin(synthetic_ssin(50)), "mistyped")
    desk.at("2022-03-01T09:00Z").ask(ADMIN, correct_inclusion, ids[2], 3, None, "25112")
    acted = desk.act(ssin=Ssin(synthetic_ssin(3)))
    desk.annul_action(acted.known.action.id, ADMIN)
    stage.deliver()

    told = {month: stage.told(month) for month in ("2022-01", "2022-02", "2022-03")}

    assert {month: (one.asked, one.differences) for month, one in told.items()} == {
        "2022-01": (5, []),
        "2022-02": (4, []),
        "2022-03": (3, []),
    }
    assert dict(told["2022-01"].listed) == {True: 4, False: 1}
    assert desk.ask(ADMIN, reconcile.show_reconciliation, PROJECT) == PROJECT
    assert refused


def test_what_is_imported_belongs_to_the_month_of_its_communication(stage: Stage) -> None:
    earlier = Import(instant("2021-12-03T09:00Z"), "letter-1")
    submission = an_inclusion_submission(
        ssin=Ssin(synthetic_ssin(1)),
        agreement=an_agreement(agreed_on=day("2021-12-01")),
        communicated_by=f"{PROVIDER}001",
        imported=earlier,
    )
    stage.desk.call(Call(REGISTRAR, "register_inclusion_imported", "request-1"), register_inclusion, submission)
    stage.deliver()

    assert (stage.told("2021-12").asked, stage.told("2021-12").differences) == (1, [])
    assert stage.told("2022-01").asked == 0


def test_messages_that_are_on_their_way_are_no_differences(stage: Stage) -> None:
    stage.include(1)
    assert stage.told("2022-01").differences == []

    deliver_outbox(stage.desk.context, MyCareNet(stage.url), PACE)

    told = stage.told("2022-01")
    assert (told.asked, told.differences, sum(told.sent.values()), dict(told.listed)) == (1, [], 1, {True: 1})


def test_message_that_is_committed_and_sent_between_our_look_and_the_statement_is_no_difference(stage: Stage) -> None:
    context = stage.desk.context

    @dataclass
    class Slow:
        def statement(self, project: str, month: str) -> Iterator[StatementLine]:
            stage.include(1)
            stage.deliver()
            return MyCareNet(stage.url).statement(project, month)

    told = reconcile_month(replace(context, statements=Statements(Slow)), PROJECT, "2022-01")

    assert (told.asked, dict(told.listed), told.differences) == (0, {True: 1}, [])


def test_without_a_whole_statement_in_time_there_is_no_reconciliation(stage: Stage) -> None:
    stage.include(1)
    stage.deliver()
    context, statements = stage.desk.context, stage.desk.context.statements
    taken = threading.Lock()
    lacking = [
        Statements(),
        Statements(lambda: MyCareNet("http://127.0.0.1:9")),
        replace(statements, patience=timedelta(seconds=-1)),
        replace(statements, turn=taken),
    ]

    with taken:
        for one in lacking:
            with pytest.raises(errors.StatementUnavailable):
                reconcile_month(replace(context, statements=one), PROJECT, "2022-01")

    assert reconcile_month(replace(context, statements=replace(statements, turn=taken)), PROJECT, "2022-01").asked == 1


def test_facts_from_before_their_instants_were_kept_get_them_with_the_migration(stage: Stage) -> None:
    desk = stage.desk
    ids = [stage.include(number) for number in range(4)]
    refused = desk.include(9, ssin=Ssin(next(iter(FIXED))))
    desk.at("2022-02-01T09:00Z").exit(ids[0])
    desk.ask(ADMIN, change_identity, ids[1], Ssin(synthetic_ssin(50)), "mistyped")
    desk.at("2022-03-01T09:00Z").ask(ADMIN, correct_inclusion, ids[0], 2, None, "25112")
    desk.annul_action(desk.act(ssin=Ssin(synthetic_ssin(3))).known.action.id, ADMIN)
    stage.deliver()
    assert refused
    before = _asked(desk)

    with closing(create_engine(desk.database_url, poolclass=NullPool).connect()) as connection:
        configuration = Config()
        configuration.set_main_option("script_location", str(MIGRATIONS))
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0006")
        command.upgrade(configuration, "head")
        connection.commit()

    assert _asked(desk) == before
    assert len({at for table in before for _, _, at in table}) == 4


def _asked(desk: Desk) -> list[list[tuple[UUID, int, Any]]]:
    return [
        [(row["id"], row["version"], row["asked_at"]) for row in rows(desk.database_url, table, "id", "version")]
        for table in (inclusion, action)
    ]
