"""The history checker, seen red: for each clause a history that breaks it and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.faults.checker import CLAUSES, violations
from tests.faults.history import (
    Attempt,
    Audited,
    Figure,
    History,
    Receipt,
    Remains,
    Request,
    Row,
    Sent,
    Window,
)
from tests.faults.recovery import interruptions, recoveries

PROJECT, PSEUDONYM = "demo-long", "p1"
BENEFICIARY = (PROJECT, PSEUDONYM)
INCLUDED = {"project": PROJECT, "agreed_on": "2021-09-01"}
ACTED = {
    "project": PROJECT,
    "pseudocode": "794010",
    "performed_by": "10000106",
    "performed_on": "2022-01-10",
    "occurrence": "1",
}
LAST_SECOND = {"communicated_at": "2022-03-31T21:59:59Z"}
"""Of March, in Belgium."""
Change = Callable[["World"], "World"]


class World(NamedTuple):
    """A history and what is left of it."""

    history: History
    remains: Remains


def attempt(status: int | None = 201, *, at: float = 10.0, content: bytes = b"first", gateway: int = 0) -> Attempt:
    return Attempt(gateway, at, at + 0.1, status, content if status else b"")


def request(key: str, noun: str, id: str | None, facts: Mapping[str, str], *attempts: Attempt) -> Request:
    return Request(key, noun, "person", facts, attempts or (attempt(),), id=id)


def message(id: str, kind: str, reference: str, sequence: int, **changes: object) -> Sent:
    return replace(Sent(id, kind, reference, BENEFICIARY, sequence, "accepted"), **changes)  # type: ignore[arg-type]  # the test names fields of that class


def in_order() -> World:
    """One person's inclusion and action; a worker was killed, and a key was sent again after a lost answer."""
    requests = (
        request("k1", "inclusion", "i1", INCLUDED),
        request("k2", "action", "a1", ACTED, attempt(None, at=20.0), attempt(at=21.0), attempt(at=22.0)),
        replace(request("k3", "exit", "i1", {"id": "i1"}, attempt(200, at=30.0)), expected=(200,)),
    )
    rows = (
        Row("inclusion", "i1", PROJECT, PSEUDONYM, "exited", "m1", INCLUDED),
        Row("action", "a1", PROJECT, PSEUDONYM, "recorded", "m2", ACTED),
    )
    sent = (message("m1", "inclusion", "i1", 1), message("m2", "action", "a1", 2), message("m3", "exit", "i1", 3))
    ledger = (Receipt("m1", 11.0), Receipt("m2", 22.0), Receipt("m1", 23.0), Receipt("m3", 31.0))
    audited = (("register_inclusion", "i1"), ("register_action", "a1"), ("register_exit", "i1"))
    return World(
        History(requests, (Window("cut answers", 19.0, 20.5, gateways=(0,)),)),
        Remains(rows, sent, ledger, tuple(Audited(*one) for one in audited), (Figure(PROJECT, "2022-01", 3, 1, 5, 5),)),
    )


def with_remains(**changes: object) -> Change:
    return lambda world: world._replace(remains=replace(world.remains, **changes))  # type: ignore[arg-type]  # the test names fields of that class


def with_rows(change: Callable[[tuple[Row, ...]], tuple[Row, ...]]) -> Change:
    return lambda world: with_remains(rows=change(world.remains.rows))(world)


def with_outbox(change: Callable[[tuple[Sent, ...]], tuple[Sent, ...]]) -> Change:
    return lambda world: with_remains(outbox=change(world.remains.outbox))(world)


def with_request(number: int, change: Callable[[Request], Request]) -> Change:
    def made(world: World) -> World:
        requests = list(world.history.requests)
        requests[number] = change(requests[number])
        return world._replace(history=world.history._replace(requests=tuple(requests)))

    return made


def one_more(asked: Request) -> Change:
    return lambda world: world._replace(history=world.history._replace(requests=(*world.history.requests, asked)))


def after(*changes: Change) -> Change:
    def made(world: World) -> World:
        for change in changes:
            world = change(world)
        return world

    return made


def without_the_action(world: World) -> World:
    """The action was acknowledged, and nothing of it is left."""
    left = world.remains
    return world._replace(
        remains=replace(
            left,
            rows=left.rows[:1],
            outbox=(left.outbox[0], left.outbox[2]),
            ledger=tuple(one for one in left.ledger if one.message_id != "m2"),
            audit=(left.audit[0], left.audit[2]),
        )
    )


def second_action(world: World) -> World:
    """An action like the first, whole, and acknowledged to somebody."""
    left = world.remains
    remains = replace(
        left,
        rows=(*left.rows, replace(left.rows[1], id="a2", message_id="m4")),
        outbox=(*left.outbox, message("m4", "action", "a2", 4)),
        ledger=(*left.ledger, Receipt("m4", 40.0)),
        audit=(*left.audit, Audited("register_action", "a2")),
    )
    return one_more(request("k4", "action", "a2", ACTED))(world._replace(remains=remains))


def out_of_nowhere(world: World) -> World:
    """The second action, of which no client knows, with another occurrence."""
    made = second_action(world)
    rows = made.remains.rows
    other = replace(rows[2], facts={**ACTED, "occurrence": "2"})
    return World(world.history, replace(made.remains, rows=(*rows[:2], other)))


def of_somebody_else(world: World) -> World:
    """A second action, of another person, which went to the pseudonym of the first."""
    made = second_action(world)
    facts = {**ACTED, "occurrence": "2"}
    asked = replace(made.history.requests[3], person="another", facts=facts)
    rows = (*made.remains.rows[:2], replace(made.remains.rows[2], facts=facts))
    return World(made.history._replace(requests=(*made.history.requests[:3], asked)), replace(made.remains, rows=rows))


def with_window(window: Window) -> Change:
    return lambda world: world._replace(history=world.history._replace(windows=(*world.history.windows, window)))


def with_read(status: int, at: float, shown: str | None) -> Change:
    """Somebody read the inclusion, of which the exit is acknowledged at 30.1."""
    read = request("k1", "inclusion", "i1" if shown else None, INCLUDED, attempt(status, at=at))
    read = replace(read, expected=(200,), shown={"status": shown} if shown else {})
    return lambda world: world._replace(history=world.history._replace(reads=(*world.history.reads, read)))


RED: dict[str, Change] = {
    "acknowledged is stored": without_the_action,
    "stored is as acknowledged": with_rows(
        lambda rows: (rows[0], replace(rows[1], facts={**ACTED, "performed_on": "2022-01-11"}))
    ),
    "a fact has its status": with_rows(lambda rows: (rows[0], replace(rows[1], status="annulled"))),
    "a row has a request": out_of_nowhere,
    "an effect has one key": one_more(request("k4", "inclusion", "i1", INCLUDED)),
    "a key has one answer": with_request(
        1, lambda one: replace(one, attempts=(*one.attempts, attempt(at=24.0, content=b"second")))
    ),
    "a business key has one row": second_action,
    "a person has one pseudonym": of_somebody_else,
    "an effect has one message": after(
        with_outbox(lambda sent: sent[:2]),
        lambda world: with_remains(ledger=world.remains.ledger[:3])(world),
    ),
    "upstream got what was sent": lambda world: with_remains(ledger=world.remains.ledger[:3])(world),
    "order per beneficiary": lambda world: with_remains(ledger=tuple(reversed(world.remains.ledger)))(world),
    "nothing waits at the end": with_outbox(lambda sent: (*sent[:2], replace(sent[2], leased=True))),
    "an effect has one audit entry": lambda world: with_remains(audit=world.remains.audit[:2])(world),
    "figures follow from the history": with_remains(figures=(Figure(PROJECT, "2022-01", 1, 9, 5, 5),)),
    "only the rules refuse": one_more(request("k4", "action", None, ACTED, attempt(403))),
    "errors only in faults": with_request(0, lambda one: replace(one, attempts=(attempt(503, at=9.0), *one.attempts))),
    "well again within a minute": lambda world: world._replace(
        history=world.history._replace(windows=(*world.history.windows, Window("killed", 29.0, 29.0, (1,))))
    ),
    "a read sees what was acknowledged": with_read(200, 31.0, "open"),
    "no answer by one node alone": with_window(Window("alone", 9.0, 11.0, (0,), silent=(9.5, 10.5))),
    "a minute without writes at most": after(
        with_request(0, lambda one: replace(one, attempts=(*one.attempts, attempt(at=95.0)))),
        with_window(Window("leader killed", 31.0, 60.0, (0,), failover=True)),
    ),
    "a day follows from its instant": with_rows(
        lambda rows: (replace(rows[0], facts={**INCLUDED, **LAST_SECOND, "valid_from": "2022-05-01"}), rows[1])
    ),
    "canaries nowhere": with_remains(leaks=("gateway.log: plain",)),
}


def broken(world: World) -> list[str]:
    return list(dict.fromkeys(one.clause for one in violations(*world)))


def test_every_clause_has_a_history_that_breaks_it() -> None:
    assert RED.keys() == CLAUSES.keys()


def test_a_history_in_which_every_promise_is_kept_breaks_no_clause() -> None:
    assert violations(*in_order()) == []


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_broken_promise_is_told_by_its_own_clause_alone(clause: str) -> None:
    assert broken(RED[clause](in_order())) == [clause]


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        pytest.param(with_outbox(lambda sent: (*sent[:2], replace(sent[2], state="failed"))),
                     "nothing waits at the end", id="failed"),
        pytest.param(with_outbox(lambda sent: (replace(sent[0], state="rejected"), *sent[1:])),
                     "a fact has its status", id="rejected upstream, and counted all the same"),
        pytest.param(with_remains(figures=(Figure(PROJECT, "2022-01", 9, 1, 5, 5),)),
                     "figures follow from the history", id="too many people"),
        pytest.param(lambda world: with_remains(audit=(*world.remains.audit, world.remains.audit[0]))(world),
                     "an effect has one audit entry", id="audited twice"),
        pytest.param(
            lambda world: with_remains(audit=(*world.remains.audit, Audited("register_exit", "i9")))(world),
            "an effect has one audit entry", id="audited without effect"),
        pytest.param(lambda world: with_remains(ledger=(*world.remains.ledger, Receipt("m9", 50.0)))(world),
                     "upstream got what was sent", id="upstream got what is not ours"),
        pytest.param(with_rows(lambda rows: (replace(rows[0], status="open"), rows[1])),
                     "acknowledged is stored", id="an exit is gone"),
        pytest.param(with_request(1, lambda one: replace(one, attempts=(attempt(401, at=50.0), *one.attempts))),
                     "errors only in faults", id="a good token refused"),
        pytest.param(with_request(1, lambda one: replace(one, shown={"valid_from": "2022-02-01"})),
                     "stored is as acknowledged", id="shown otherwise than stored"),
        pytest.param(with_request(1, lambda one: replace(one, attempts=(attempt(500, at=20.0), *one.attempts))),
                     "errors only in faults", id="500 is no answer, whatever is broken"),
        pytest.param(with_read(404, 31.0, None), "only the rules refuse", id="what was acknowledged is not found"),
        pytest.param(with_read(503, 35.0, None), "errors only in faults", id="a read fails without a fault"),
        pytest.param(with_read(200, 31.0, None), "a read sees what was acknowledged", id="a read shows nothing"),
    ],
)  # fmt: skip
def test_the_other_side_of_a_clause_is_told_as_well(change: Change, clause: str) -> None:
    assert clause in broken(change(in_order()))


def test_what_nobody_knows_may_have_had_its_effect_or_not() -> None:
    made = out_of_nowhere(in_order())
    unknown = request("k4", "action", None, {**ACTED, "occurrence": "2"}, attempt(None, at=20.0))

    assert violations(*one_more(unknown)(made)) == []
    assert violations(*one_more(unknown)(in_order())) == []


def test_a_read_of_before_may_show_what_was_so_then_and_silence_binds_only_first_answers() -> None:
    replayed = with_request(0, lambda one: replace(one, attempts=(*one.attempts, attempt(at=24.0))))
    alone = with_window(Window("alone", 23.0, 26.0, (0,), silent=(23.5, 25.5)))

    assert (
        broken(after(with_read(200, 11.0, "open"), with_read(200, 31.0, "exited"), replayed, alone)(in_order())) == []
    )


def test_the_last_second_of_march_and_the_first_of_april_are_a_month_apart() -> None:
    for instant, first in (("2022-03-31T21:59:59Z", "2022-04-01"), ("2022-03-31T22:00:00Z", "2022-05-01")):
        facts = {**INCLUDED, "communicated_at": instant, "valid_from": first}
        world = with_rows(lambda rows, facts=facts: (replace(rows[0], facts=facts), rows[1]))(in_order())  # type: ignore[misc]  # mypy infers no lambda with defaults

        assert broken(world) == []


def test_recovery_is_from_the_end_of_a_fault_to_the_next_good_answer_or_arrival() -> None:
    world = in_order()
    windows = (Window("gateway killed", 19.0, 20.5, (0,)), Window("mock killed", 11.5, 12.0, upstream=True))

    found = recoveries(world.history._replace(windows=windows), world.remains)

    assert [(one.kind, round(seconds or 0.0, 3)) for one, seconds in found] == [
        ("gateway killed", 0.6),
        ("mock killed", 10.0),
    ]


def test_recovery_of_the_way_to_mycarenet_leaves_out_the_time_in_which_another_fault_was_in_it() -> None:
    world = in_order()  # the next message after the first fault arrives at 22.0
    windows = (
        Window("dripping", 11.5, 12.0, upstream=True),
        Window("clients cut", 12.5, 13.5, (0,)),
        Window("away", 14.0, 17.5, upstream=True),
        Window("away again", 21.0, 24.0, upstream=True),
    )

    found = recoveries(world.history._replace(windows=windows), world.remains)

    assert [(one.kind, round(seconds or 0.0, 3)) for one, seconds in found if one.upstream] == [
        ("dripping", 10.0 - 3.5 - 1.0),
        ("away", 4.5 - 1.0),
        ("away again", 7.0),
    ]


def test_without_writes_is_the_longest_silence_of_a_gateway_around_a_failover() -> None:
    world = in_order()
    windows = (Window("leader killed", 23.0, 25.0, (0,), failover=True), Window("killed", 11.0, 12.0, (0,)))

    found = interruptions(world.history._replace(windows=windows))

    assert [(one.kind, round(seconds, 3)) for one, seconds in found] == [("leader killed", 8.0)]
