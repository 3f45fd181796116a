"""What is told of deliveries, and how one that failed gets another try."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import NullPool, create_engine, insert, text

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.domain.delivery import State, Step, Unacceptable, Unavailable
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_inclusions import list_inclusions
from gateway.services.list_deliveries import list_deliveries
from gateway.services.retry_delivery import NotFailed, RetryReason, retry_delivery
from gateway.store import deliveries
from gateway.store.inclusions import InclusionFilter
from gateway.store.tables import audit_entry, delivery_failure, outbox
from tests.builders import PROJECT, a_caller, instant
from tests.services.desk import ADMIN, PARTNER, Desk
from tests.services.test_deliver_outbox import PACE, Wire, answer_to
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT

AUDITOR = a_caller(Role.AUDITOR)
OPERATOR = ("operator", "command-line", "retry_delivery", "done")


def _fail(desk: Desk, number: int = 0) -> UUID:
    """A message that failed."""
    reference = desk.include(number).known.inclusion.id
    deliver_outbox(desk.context, Wire(Unacceptable("http-422")), PACE)
    (message,) = [row["id"] for row in rows(desk.database_url, outbox) if row["reference"] == reference]
    return UUID(str(message))


def _listed(desk: Desk, status: str | None = None) -> list[tuple[str, str, str | None]]:
    page = desk.ask(AUDITOR, list_deliveries, PROJECT, status, None, 100)
    return [(one.kind, one.state.value, one.reason) for one in page.items]


def _known(desk: Desk, at: str) -> tuple[str, str | None]:
    (item,) = desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT, known_at=instant(at)), None, 10).items
    return item.known.delivery_state, item.known.delivery_reason


def test_deliveries_are_listed_by_what_clients_see_of_them(desk: Desk) -> None:
    _fail(desk)
    desk.include(1)
    deliver_outbox(desk.context, Wire(), PACE)
    desk.include(2)
    deliver_outbox(desk.context, Wire(Unavailable("unreachable")), PACE)
    desk.include(3)

    everything = _listed(desk)

    assert [state for _, state, _ in everything] == ["failed", "sent", "pending", "pending"]
    assert [reason for _, _, reason in everything] == ["http-422", None, "unreachable", None]
    assert _listed(desk, "pending") == everything[1:]
    assert _listed(desk, "failed") == everything[:1]
    assert _listed(desk, "accepted") == []


def test_pages_of_deliveries_meet_without_a_gap(desk: Desk) -> None:
    for number in range(5):
        desk.include(number)
        deliver_outbox(desk.context, Wire(Unacceptable("http-422") if number % 2 else Unavailable("away")), PACE)
    seen: list[UUID] = []
    after: UUID | None = None
    for size in (2, 2, 1):
        page = desk.ask(ADMIN, list_deliveries, PROJECT, None, after, 2)
        assert len(page.items) == size
        seen += [one.id for one in page.items]
        after = page.next

    assert after is None
    assert seen == sorted(row["id"] for row in rows(desk.database_url, outbox))


def test_deliveries_of_another_project_are_its_own_and_the_auditors(desk: Desk) -> None:
    desk.include()

    assert desk.ask(AUDITOR, list_deliveries, OTHER_PROJECT, None, None, 10).items == []
    with pytest.raises(errors.ForeignProject):
        desk.ask(ADMIN, list_deliveries, OTHER_PROJECT, None, None, 10)
    with pytest.raises(errors.RoleNotAllowed):
        desk.ask(PARTNER, list_deliveries, PROJECT, None, None, 10)
    assert ("list_deliveries", "done") in desk.outcomes()


def test_page_of_deliveries_is_read_from_its_index(desk: Desk) -> None:
    desk.include()
    (message,) = rows(desk.database_url, outbox)
    crowd = [
        {**message, "id": UUID(int=number), "bucket": number % 4096, "pseudonym": number.to_bytes(32, "big")}
        | {"project": (PROJECT, OTHER_PROJECT)[number % 2], "state": ("pending", "sent", "accepted")[number % 3]}
        for number in range(1, 5_000)
    ]
    asked = {"b_project": PROJECT, "b_state": "pending", "b_after": UUID(int=0).hex, "limit": 100}
    engine = create_engine(desk.database_url, poolclass=NullPool)

    with engine.connect() as connection:  # never committed
        connection.execute(insert(outbox), crowd)
        connection.execute(text("ANALYZE outbox"))
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = connection.execute(text(f"{explain} {deliveries._PAGE}"), asked)
        told = "\n".join(str(row) for row in plan)

    assert "ix_outbox_project" in told
    assert not [word for word in ("Sort", "TEMP B-TREE", "Seq Scan") if word in told]


def test_failed_message_goes_again_under_its_id_when_a_person_says_so(desk: Desk) -> None:
    message = _fail(desk)
    desk.at("2022-03-01T08:00+01:00").act()
    wire = Wire()
    assert deliver_outbox(desk.context, wire, PACE) == 0

    retried = retry_delivery(desk.context, message, RetryReason.MENDED_THERE)

    assert retried.id == message
    assert [deliver_outbox(desk.context, wire, PACE) for _ in range(3)] == [1, 1, 0]
    assert [kind for kind, _, _ in wire.sent] == ["inclusion", "action"]
    (entry,) = [row for row in rows(desk.database_url, audit_entry) if row["role"] == "operator"]
    assert tuple(entry[name] for name in ("role", "organisation", "verb", "outcome")) == OPERATOR
    assert entry["object"] == message
    (failure,) = rows(desk.database_url, delivery_failure)
    assert (failure["reason"], failure["retry_reason"]) == ("http-422", "mended-there")


def test_message_may_fail_and_be_retried_more_than_once(desk: Desk) -> None:
    message = _fail(desk)
    retry_delivery(desk.context, message, RetryReason.MENDED_HERE)
    deliver_outbox(desk.context, Wire(Unacceptable("http-400")), PACE)

    retry_delivery(desk.context, message, RetryReason.REFUSED_BY_MISTAKE)

    failures = rows(desk.database_url, delivery_failure, "attempt")
    assert [(one["attempt"], one["reason"], one["retry_reason"]) for one in failures] == [
        (1, "http-422", "mended-here"),
        (2, "http-400", "refused-by-mistake"),
    ]


def test_message_that_did_not_fail_is_not_retried(desk: Desk) -> None:
    desk.include()
    (row,) = rows(desk.database_url, outbox)
    states = [_refusal(desk, row["id"])]
    answer = answer_to(desk, accepted=False, code="not-insured")
    states.append(_refusal(desk, row["id"]))
    collect_answers(desk.context, Wire(answers=[answer]))
    states.append(_refusal(desk, row["id"]))
    with pytest.raises(NotFailed) as unknown:
        retry_delivery(desk.context, UUID(int=row["id"].int ^ 1), RetryReason.MENDED_HERE)

    assert (states, unknown.value.state) == (["pending", "sent", "rejected"], None)
    assert rows(desk.database_url, delivery_failure) == []


def _refusal(desk: Desk, message: UUID) -> str | None:
    with pytest.raises(NotFailed) as refusal:
        retry_delivery(desk.context, message, RetryReason.MENDED_HERE)
    return refusal.value.state


def test_late_holder_of_a_message_remembers_no_failure(desk: Desk) -> None:
    desk.include()
    with desk.context.store.transaction() as tx:
        (row,) = rows(desk.database_url, outbox)
        now = desk.context.real_now()
        (late,) = tx.outbox.claim([row["bucket"]], now, now, 1)
        tx.outbox.claim([row["bucket"]], now, now + timedelta(minutes=1), 1)

    with desk.context.store.transaction() as tx:
        assert tx.outbox.take([(late, Step(State.FAILED, reason="http-422"))], now) == []


def test_what_was_known_of_a_delivery_is_what_was_known_then(desk: Desk) -> None:
    desk.at("2022-01-15T09:00Z").include()
    desk.at("2022-01-16T09:00Z")
    (row,) = rows(desk.database_url, outbox)
    deliver_outbox(desk.context, Wire(Unacceptable("http-422")), PACE)
    desk.at("2022-01-17T09:00Z")
    retry_delivery(desk.context, row["id"], RetryReason.MENDED_THERE)
    desk.at("2022-01-18T09:00Z")
    deliver_outbox(desk.context, Wire(), PACE)
    collect_answers(desk.context, Wire(answers=[answer_to(desk)]))

    known = [_known(desk, f"2022-01-{day}T08:59:59Z") for day in (16, 17, 18, 19)]

    assert known == [("pending", None), ("failed", "http-422"), ("pending", None), ("accepted", None)]
