"""What the register does to answer is the same for a true zero and for a few: how long it takes tells nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Engine, event

from gateway.domain.access import Role
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.services.close_period import close_period
from gateway.services.next_step import Question
from gateway.services.release_aggregate import get_aggregates
from tests.builders import PROJECT, a_caller, an_action, an_inclusion
from tests.services.desk import Desk
from tests.store.seeds import OTHER_PROJECT

FEBRUARY = Period(PeriodKind.MONTH, "2022-02")


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that reach a database within the block, without their values."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_zero_and_a_few_are_answered_by_the_same_statements(desk: Desk) -> None:
    with desk.context.store.transaction() as tx:
        for number in range(1, 10):
            pseudonym = number.to_bytes(32, "big")
            tx.inclusions.add(an_inclusion(id=UUID(int=number), pseudonym=pseudonym))
            tx.actions.add(an_action(id=UUID(int=100 + number), pseudonym=pseudonym, inclusion=UUID(int=number)))
    desk.at("2022-03-10T09:00+01:00")
    close_period(desk.context, FEBRUARY, Measure.ACTIONS)
    asked: dict[str, list[str]] = {}

    for project in (PROJECT, OTHER_PROJECT):
        question = Question((), {"project": project}, FEBRUARY.kind, False, first="2022-02", last="2022-02")
        with statements() as asked[project]:
            figures = desk.ask(a_caller(Role.POLICY_MAKER), get_aggregates, question)
        assert [cell.row for cell in figures.cells] == [None]

    assert asked[PROJECT] == asked[OTHER_PROJECT] != []
