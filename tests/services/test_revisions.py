"""A revision draws a closed period anew: with a reason, a new key and one more entry, and at most once a year."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from itertools import count
from uuid import UUID

import pytest

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.services import close_period as closing
from gateway.services.close_period import Reason, close_period, release_period
from gateway.services.next_step import Question
from gateway.services.release_aggregate import get_aggregates
from gateway.store.tables import audit_entry, cell, release
from tests.builders import PROJECT, a_caller, an_action, an_inclusion, day
from tests.services.desk import Desk
from tests.store.rows import rows

MONTH = Period(PeriodKind.MONTH, "2022-02")
POLICY_MAKER = a_caller(Role.POLICY_MAKER)


@pytest.fixture
def closed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """February is closed on 10 March 2022: sixty of a hundred people have an action; every key is another one."""
    keys = map(_key, count())
    monkeypatch.setattr(closing, "release_key", lambda: next(keys))
    with desk.context.store.transaction() as tx:
        for number in range(1, 101):
            tx.inclusions.add(an_inclusion(id=UUID(int=number), pseudonym=number.to_bytes(32, "big")))
    _act(desk, range(1, 61))
    desk.at("2022-03-10T09:00+01:00")
    release_period(desk.context, MONTH)
    return desk


def _key(number: int) -> Callable[[str], int]:
    """A key that draws in its own way, whatever the release is called."""

    def uniform(label: str) -> int:
        drawn = label.split("|", 2)[2]
        return int.from_bytes(sha256(f"{number}|{drawn}".encode()).digest()[:8], "big")

    return uniform


def _act(desk: Desk, numbers: range) -> None:
    with desk.context.store.transaction() as tx:
        for number in numbers:
            person = {"pseudonym": number.to_bytes(32, "big"), "inclusion": UUID(int=number)}
            by = f"1000{number % 12:04}"
            tx.actions.add(an_action(id=UUID(int=1000 + number), performed_by=by, **person))


def _revise(desk: Desk, reason: Reason = Reason.COUNTING_FAULT, measure: closing.Group = "actions") -> list[str]:
    return [one.release.id for one in release_period(desk.context, MONTH, measure, reason=reason)]


def _shown(desk: Desk) -> int | None:
    question = Question((), {"project": PROJECT}, MONTH.kind, False, first=MONTH.label, last=MONTH.label)
    (found,) = desk.ask(POLICY_MAKER, get_aggregates, question).cells
    return None if found.row is None else found.row.beneficiaries


def test_every_release_and_revision_leaves_one_audit_entry_which_names_it(closed: Desk) -> None:
    _revise(closed, Reason.COURT_ORDER)
    with pytest.raises(errors.AlreadyRevised):
        _revise(closed)

    known = {
        (row["verb"], row["outcome"], row["role"], row["person"]) for row in rows(closed.database_url, audit_entry)
    }
    releases = rows(closed.database_url, release)
    verbs = {f"{'revise' if row['reason'] else 'release'}_{row['id']}" for row in releases}
    assert known == {(verb, "done", "operator", "command-line") for verb in verbs}
    assert closed.counts()["audit_entry"] == len(releases) == 4


@pytest.mark.parametrize("reason", Reason)
def test_revision_is_one_more_release_with_its_reason(closed: Desk, reason: Reason) -> None:
    assert _revise(closed, reason) == ["actions-month-2022-02-2"]

    kept = [row for row in rows(closed.database_url, release, "revision") if row["measure"] == "actions"]
    assert [(row["revision"], row["reason"]) for row in kept] == [(1, None), (2, reason.value)]
    assert kept[0]["rho"] == kept[1]["rho"] > 0


def test_every_cell_is_drawn_anew_under_a_new_key(closed: Desk) -> None:
    _revise(closed)

    drawn: dict[str, dict[tuple[str, str], int]] = {}
    for row in rows(closed.database_url, cell):
        if row["release"].startswith("actions"):
            drawn.setdefault(row["release"], {})[row["dims"], row["audience"]] = row["beneficiaries"]
    before, after = (drawn[f"actions-month-2022-02-{revision}"] for revision in (1, 2))
    both = before.keys() & after.keys()
    assert len(both) > 3
    assert sum(before[one] != after[one] for one in both) > len(both) / 2


def test_late_facts_enter_a_revision_and_it_is_what_is_answered(closed: Desk) -> None:
    before = _shown(closed)
    _act(closed, range(61, 91))

    assert _shown(closed) == before
    _revise(closed)

    after = _shown(closed)
    assert before is not None
    assert after is not None
    assert abs(before - 60) < 40
    assert abs(after - 90) < 40
    assert after != before


def test_period_is_revised_once_a_year(closed: Desk) -> None:
    closed.at("2022-05-31T09:00+02:00")
    _revise(closed)
    before = closed.counts()

    for now in ("2022-05-31T10:00+02:00", "2023-05-30T23:59:59+02:00"):
        closed.at(now)
        with pytest.raises(errors.AlreadyRevised) as refused:
            _revise(closed)
        assert refused.value.available_from == day("2023-05-31")
    assert closed.counts() == before

    closed.at("2023-05-31T00:00+02:00")
    assert _revise(closed) == ["actions-month-2022-02-3"]


def test_revision_of_one_group_leaves_the_other_alone(closed: Desk) -> None:
    assert _revise(closed, measure="inclusions") == ["joined-month-2022-02-2", "left-month-2022-02-2"]
    assert _revise(closed) == ["actions-month-2022-02-2"]


def test_revision_without_a_group_is_of_all_of_the_period(closed: Desk) -> None:
    found = release_period(closed.context, MONTH, reason=Reason.COURT_ORDER)

    assert [one.release.id for one in found] == [f"{name}-month-2022-02-2" for name in ("joined", "left", "actions")]


def test_nothing_released_is_nothing_to_revise(desk: Desk) -> None:
    desk.at("2022-03-10T09:00+01:00")

    with pytest.raises(errors.NotReleased):
        _revise(desk)

    assert rows(desk.database_url, release) == []


def test_half_a_period_is_not_revised_as_a_whole(desk: Desk) -> None:
    desk.at("2022-03-10T09:00+01:00")
    close_period(desk.context, MONTH, Measure.LEFT)
    before = desk.counts()

    with pytest.raises(errors.NotReleased):
        _revise(desk, measure="inclusions")

    assert desk.counts() == before


def test_revision_that_fails_half_way_leaves_the_release_in_force(
    closed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, shown = closed.counts(), _shown(closed)

    def broken(label: str) -> int:
        raise LookupError

    monkeypatch.setattr(closing, "release_key", lambda: broken)
    with pytest.raises(LookupError):
        _revise(closed)

    assert _shown(closed) == shown
    counts = closed.counts()
    kept = ("release", "cell", "audit_entry")
    assert {name: counts[name] for name in kept} == {name: before[name] for name in kept}


def test_without_a_reason_a_closed_period_stays_closed(closed: Desk) -> None:
    with pytest.raises(errors.AlreadyReleased):
        release_period(closed.context, MONTH, "actions")

    assert len(rows(closed.database_url, release)) == 3
