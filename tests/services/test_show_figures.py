"""A project's own figures at the desk: what a month's end decides, what was begun before it, what was lost after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import pytest
from sqlalchemy import NullPool, create_engine

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.domain.delivery import Unavailable
from gateway.services.collect_answers import collect_answers
from gateway.services.context import Call
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_inclusions import get_inclusion
from gateway.services.register_inclusion import register_inclusion
from gateway.services.show_figures import MonthEnd, show_month_end, show_months_lost, show_operations
from gateway.store.batch_tables import batch, batch_line
from gateway.store.tables import inclusion
from tests.builders import PROJECT, PROVIDER, a_caller, an_agreement, day, instant
from tests.rules.tables import Table
from tests.services.batch_desk import Batches, Line, an_action_line, an_exit_line, an_inclusion_line
from tests.services.desk import ADMIN, PARTNER, Desk, an_inclusion_submission
from tests.services.test_deliver_outbox import MEMBER, PACE, Wire, answer_to
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT

BEFORE, AFTER = "2022-01-31T22:59:59Z", "2022-01-31T23:00:00Z"

V1_COMMITTED = Table(
    rule="V1",
    statement="What is committed in a month's last second is valid from the next, whatever MyCareNet does",
    columns=("case", "committed", "valid from"),
    rows=(
        ("in the last second", instant(BEFORE), day("2022-02-01")),
        ("in the first second of the next", instant(AFTER), day("2022-03-01")),
    ),
)


def _month_end(desk: Desk, after: tuple[UUID, int] | None = None, limit: int = 100) -> MonthEnd:
    return desk.ask(ADMIN, show_month_end, PROJECT, 5, after, limit)


@pytest.mark.parametrize(("case", "committed_at", "valid_from"), V1_COMMITTED.cases())
def test_commit_is_the_communication_also_while_mycarenet_is_down(
    batches: Batches, case: str, committed_at: datetime, valid_from: date
) -> None:
    desk, away = batches.desk.at(committed_at), Wire(Unavailable("http-503"))
    alone = desk.include().known.inclusion
    sent = batches.send([an_inclusion_line(7)], ADMIN)
    deliver_outbox(desk.context, away, PACE)
    desk.at("2022-03-10T09:00Z")
    while batches.round():
        pass
    deliver_outbox(desk.context, away, PACE)
    collect_answers(desk.context, Wire(answers=[replace(answer_to(desk), member=MEMBER)]))

    (line,) = batches.results(sent, ADMIN)
    assert line.object is not None
    for one in (alone.id, line.object):
        known = desk.ask(ADMIN, get_inclusion, one).known.inclusion
        assert (known.communicated_at, known.valid_from) == (committed_at, valid_from)


def test_month_end_counts_down_and_names_what_it_decides(desk: Desk) -> None:
    told = _month_end(desk.at(BEFORE)).countdown
    later = _month_end(desk.at(AFTER)).countdown

    assert (told.month, told.seconds_left, told.is_near) == ("2022-01", 1, True)
    assert (told.valid_from, told.valid_from_after) == (day("2022-02-01"), day("2022-03-01"))
    assert (later.month, later.is_near, later.valid_from) == ("2022-02", False, day("2022-03-01"))


def test_what_was_refused_or_only_tried_is_counted_until_it_is_communicated(desk: Desk) -> None:
    uninformed = an_inclusion_submission(1, agreement=an_agreement(informed=False))
    with pytest.raises(errors.NotInformed):
        desk.ask(PARTNER, register_inclusion, uninformed)
    with pytest.raises(errors.NotInformed):
        desk.ask(ADMIN, register_inclusion, replace(uninformed, ssin=an_inclusion_submission(2).ssin))
    trial = Call(ADMIN, "register_inclusion", "request-1", validate_only=True)
    desk.call(trial, register_inclusion, an_inclusion_submission(3))
    one = desk.include(4).known.inclusion
    with pytest.raises(errors.AlreadyIncluded):
        desk.include(4)
    desk.exit(one.id)
    with pytest.raises(errors.AlreadyExited):
        desk.exit(one.id)

    begun = _month_end(desk).attempts
    desk.include(1)
    followed_up = _month_end(desk).attempts

    assert begun == [("register_inclusion", "not-informed", 2), ("register_inclusion", "validated", 1)]
    assert followed_up == [("register_inclusion", "not-informed", 1), ("register_inclusion", "validated", 1)]


def test_refused_lines_of_own_batches_are_listed_until_their_ref_goes_through(batches: Batches) -> None:
    batches.desk.at("2022-02-01T09:00Z")
    young = {"agreed_on": "2022-02-20", "informed": True, "in_target_group": True}
    lines: list[Line | bytes] = [
        an_inclusion_line(1, ref="a", agreement=young),
        an_inclusion_line(2, ref="b"),
        b"no JSON",
        an_inclusion_line(3, ref="c", ssin="85073003327"),
        an_exit_line(9, ref="d"),
        an_action_line(1, ref="e", performed_by=f"{PROVIDER}001"),
    ]
    first = batches.send(lines, ADMIN)
    while batches.round():
        pass
    batches.run([an_inclusion_line(5, ref="a", agreement=young)], PARTNER)

    told = _month_end(batches.desk)
    assert [(one.batch, one.number, one.ref) for one in told.lines] == [
        (first.id, 1, "a"),
        (first.id, 3, None),
        (first.id, 4, "c"),
        (first.id, 5, "d"),
    ]
    assert told.attempts == [("register_inclusion", "agreement-in-future", 1)]

    pages, after = [], None
    while True:
        page = _month_end(batches.desk, after, 2)
        pages.append([one.number for one in page.lines])
        after = page.next
        if after is None:
            break
    assert pages == [[1, 3], [4, 5]]

    batches.run([an_inclusion_line(1, ref="a"), an_inclusion_line(3, ref="c")], ADMIN)
    assert [one.ref for one in _month_end(batches.desk).lines] == [None, "d"]
    assert _month_end(batches.desk.at("2022-03-01T09:00Z")).lines == []


def test_months_lost_are_those_between_agreement_and_communication(desk: Desk) -> None:
    for number, (agreed_on, communicated_at) in enumerate(
        [
            ("2022-01-31", BEFORE),
            ("2022-01-31", AFTER),
            ("2022-01-01", "2022-03-01T09:00Z"),
            ("2022-02-28", "2022-03-01T09:00Z"),
            ("2022-02-28", "2022-03-31T21:59:59Z"),
            ("2022-03-01", "2022-03-31T21:59:59Z"),
        ]
    ):
        desk.at(communicated_at).include(number, agreement=an_agreement(agreed_on=day(agreed_on)))
    annulled = desk.include(9, agreement=an_agreement(agreed_on=day("2022-01-03"))).known.inclusion
    desk.annul(annulled.id)

    told = desk.ask(ADMIN, show_months_lost, PROJECT, None, None, None, 100)

    assert [(one.month, one.inclusions, one.months, one.days) for one in told.totals] == [
        ("2022-02", 1, 1, 28),
        ("2022-03", 3, 4, 28 + 31 + 31 + 31),
    ]
    assert [(one.agreed_on, cost.months, cost.days) for one, cost in told.items] == [
        (day("2022-01-31"), 1, 28),
        (day("2022-01-01"), 2, 59),
        (day("2022-02-28"), 1, 31),
        (day("2022-02-28"), 1, 31),
    ]
    assert told.next is None
    march = desk.ask(ADMIN, show_months_lost, PROJECT, "2022-03", "2022-12", None, 100)
    assert [one.month for one in march.totals] == ["2022-03"]
    assert len(march.items) == 3
    assert desk.ask(ADMIN, show_months_lost, PROJECT, "2021-01", "2021-12", None, 100).totals == []


def test_months_lost_are_paged_over_months(desk: Desk) -> None:
    for number, at in enumerate(["2022-02-01T09:00Z", "2022-02-02T09:00Z", "2022-03-01T09:00Z", "2022-03-01T10:00Z"]):
        desk.at(at).include(number)
    everything = [one.id for one, _ in desk.ask(ADMIN, show_months_lost, PROJECT, None, None, None, 100).items]

    for limit in (1, 2, 3, 4):
        found, after = [], None
        while True:
            page = desk.ask(ADMIN, show_months_lost, PROJECT, None, None, after, limit)
            found += [one.id for one, _ in page.items]
            after = page.next
            if after is None:
                break
        assert found == everything
    assert {row["id"] for row in rows(desk.database_url, inclusion)} == set(everything)


def test_operations_are_how_the_project_stands(desk: Desk) -> None:
    one = desk.include(1).known.inclusion
    desk.include(2)
    desk.at(AFTER).exit(one.id)
    desk.include(3)
    deliver_outbox(desk.context, Wire(), PACE)
    collect_answers(desk.context, Wire(answers=[answer_to(desk)]))

    told = desk.ask(ADMIN, show_operations, PROJECT, 5)

    assert told.inclusions == {"open": 2, "exited": 1}
    assert told.deliveries == {"pending": 3, "accepted": 1}
    assert [(lost.month, lost.inclusions) for lost in told.lost] == [("2022-01", 0), ("2022-02", 1)]
    assert (told.countdown.month, told.begun) == ("2022-02", 0)


@pytest.mark.parametrize("verb", [show_month_end, show_months_lost, show_operations])
def test_figures_are_the_own_administrative_responsibles_alone(desk: Desk, verb: object) -> None:
    arguments = {
        show_month_end: (5, None, 100),
        show_months_lost: (None, None, None, 100),
        show_operations: (5,),
    }[verb]  # type: ignore[index] # one of the three

    with pytest.raises(errors.ForeignProject):
        desk.ask(a_caller(Role.PROJECT_ADMIN, project=OTHER_PROJECT), verb, PROJECT, *arguments)  # type: ignore[arg-type]  # the test names the arguments of that verb
    with pytest.raises(errors.UnknownProject):
        desk.ask(ADMIN, verb, "x-y", *arguments)  # type: ignore[arg-type]  # the test names the arguments of that verb
    with pytest.raises(errors.RoleNotAllowed):
        desk.ask(PARTNER, verb, PROJECT, *arguments)  # type: ignore[arg-type]  # the test names the arguments of that verb


def test_operations_count_every_line_that_was_begun_and_those_that_still_arrive(batches: Batches) -> None:
    desk, now = batches.desk, batches.desk.context.real_now()
    common = {"role": "project_admin", "organisation": PROJECT, "person": "p", "media_type": "text/csv", "shard": 1}
    common |= {"lines": 0, "created_at": now, "next_attempt_at": now}
    refused = {"id": UUID(int=1), "state": "done", "refused": 1_200, "communicated_at": desk.clock()}
    arriving = {"id": UUID(int=2), "state": "arriving"}
    foreign = {"id": UUID(int=3), "state": "arriving", "organisation": OTHER_PROJECT}
    problems = [{"code": "not-informed", "rule": "I1"}] * 1_100 + [{"code": "not-included", "rule": "P3"}] * 100
    with create_engine(desk.database_url, poolclass=NullPool).begin() as connection:
        for one in (refused, arriving, foreign):
            connection.execute(batch.insert().values({**common, **one}))
        lines = [{"number": number, "problem": one} for number, one in enumerate(problems, 1)]
        of = {"shard": 1, "batch": UUID(int=1), "outcome": "refused"}
        connection.execute(batch_line.insert(), [{**of, **one} for one in lines])
        staged = [{"shard": 1, "batch": UUID(int=number), "number": 1, "sealed_line": b"x"} for number in (2, 3)]
        connection.execute(batch_line.insert(), staged)

    told = desk.ask(ADMIN, show_operations, PROJECT, 5)

    assert told.begun == 1_101
    assert len(_month_end(desk, limit=2_000).lines) == 1_100
