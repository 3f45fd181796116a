"""A replica is asked for what is released; what it does not know yet, and all while it is away, the register tells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.app import build_replica, check_replica
from gateway.clock import real_now
from gateway.domain.access import Role
from gateway.domain.circuit import FAILURES_TO_OPEN, LONGEST_PAUSE_SECONDS
from gateway.domain.errors import NotReleased
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.pseudonyms.veil import Veil
from gateway.services.close_period import close_period
from gateway.services.context import Context
from gateway.services.next_step import Question
from gateway.services.release_aggregate import get_aggregates, list_releases
from gateway.services.replica import Replica
from gateway.settings import Settings
from gateway.store.dialects import GATEWAY, UnsafeStore
from gateway.store.migrate import migrate
from gateway.store.transaction import Store
from tests.builders import a_caller
from tests.conftest import LegalClock, fresh
from tests.databases import named, run
from tests.postgres import postgres, replica_of
from tests.sandboxes import await_that
from tests.services.desk import Desk
from tests.store.seeds import seed

POLICY_MAKER = a_caller(Role.POLICY_MAKER)
FIRST, SECOND, THIRD = "2022-02", "2022-03", "2022-04"
NOWHERE = "postgresql+psycopg://postgres@127.0.0.1:1/register"


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A copy of a file stands for a replica that is behind; the last test here has a real one."""
    yield from fresh(request, tmp_path)


@dataclass
class Behind:
    """A desk whose gateway has a replica that knows the first month alone, while the register knows the second too."""

    desk: Desk
    replica: Replica
    now: timedelta = timedelta()


@contextmanager
def a_replica(desk: Desk, url: str) -> Iterator[Behind]:
    """A desk whose gateway has a replica at an address."""
    found = Behind(desk, Replica(Store(url, desk.clock, role=GATEWAY), lambda: real_now() + found.now))
    desk.context = replace(desk.context, replica=found.replica)
    yield found
    found.replica.close()


@pytest.fixture
def behind(desk: Desk, tmp_path: Path) -> Iterator[Behind]:
    release(desk.at("2024-01-15T09:00Z"), FIRST)
    shutil.copy(desk.database_url.removeprefix("sqlite:///"), tmp_path / "copy.sqlite3")
    release(desk, SECOND)
    with a_replica(desk, f"sqlite:///{tmp_path / 'copy.sqlite3'}") as found:
        yield found


@pytest.fixture
def away(desk: Desk) -> Iterator[Behind]:
    release(desk.at("2024-01-15T09:00Z"), FIRST)
    with a_replica(desk, NOWHERE) as found:
        yield found


def release(desk: Desk, month: str) -> None:
    close_period(desk.context, Period(PeriodKind.MONTH, month), Measure.ACTIONS)


def months(desk: Desk) -> list[str]:
    """The months that are told to be released."""
    return [one.period for one in desk.ask(POLICY_MAKER, list_releases)]


def asked(desk: Desk, month: str) -> list[str]:
    """The months of the releases that answer a question."""
    question = Question((), {}, PeriodKind.MONTH, False, first=month, last=month)
    return [one.period for one in desk.ask(POLICY_MAKER, get_aggregates, question).releases]


def test_a_replica_is_asked_first(behind: Behind) -> None:
    assert months(behind.desk) == [FIRST]
    assert asked(behind.desk, FIRST) == [FIRST]


def test_what_it_does_not_know_yet_the_register_answers(behind: Behind) -> None:
    assert asked(behind.desk, SECOND) == [SECOND]
    with capture_logs() as logs:
        assert asked(behind.desk, SECOND) == [SECOND]
    assert logs == []


def test_a_refusal_is_the_register_s_and_is_written_there_once(behind: Behind) -> None:
    with pytest.raises(NotReleased):
        asked(behind.desk, THIRD)

    assert behind.desk.outcomes()[-1:] == [("get_aggregates", "not-released")]
    assert behind.desk.outcomes().count(("get_aggregates", "not-released")) == 1


def test_it_is_asked_for_nothing_that_is_not_released(behind: Behind) -> None:
    behind.desk.at("2022-01-15T09:00Z").include()

    assert behind.desk.counts()["inclusion"] == 1


def test_a_replica_that_is_away_keeps_nobody_from_an_answer(away: Behind) -> None:
    with capture_logs() as logs:
        found = [months(away.desk) for _ in range(FAILURES_TO_OPEN + 1)]

    assert found == [[FIRST]] * (FAILURES_TO_OPEN + 1)
    assert [one["event"] for one in logs] == ["replica_left"]


def test_a_replica_that_comes_back_is_asked_again(behind: Behind) -> None:
    there = behind.replica._store
    behind.replica._store = Store(NOWHERE, behind.desk.clock)
    with capture_logs() as logs:
        for _ in range(FAILURES_TO_OPEN):
            assert months(behind.desk) == [FIRST, SECOND]
        behind.replica._store = there
        assert months(behind.desk) == [FIRST, SECOND]
        behind.now = timedelta(seconds=LONGEST_PAUSE_SECONDS)
        assert months(behind.desk) == [FIRST]

    assert [one["event"] for one in logs] == ["replica_left", "replica_back"]


def test_a_replica_of_another_register_is_refused(behind: Behind, sqlite_template: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    shutil.copy(sqlite_template, other)
    with a_replica(replace(behind.desk, database_url=f"sqlite:///{other}"), NOWHERE) as away:
        check_replica(away.desk.context)  # one that is away is not refused
    check_replica(behind.desk.context)
    register = Store(f"sqlite:///{other}", behind.desk.clock)

    with pytest.raises(UnsafeStore, match="has releases that CHRONICCARE_DATABASE_URL does not have"):
        check_replica(replace(behind.desk.context, store=register))
    register.close()


def test_a_gateway_has_a_replica_where_one_is_named(tmp_path: Path) -> None:
    assert build_replica(Settings(data_dir=tmp_path)) is None
    named_one = build_replica(Settings(data_dir=tmp_path, replica_url=NOWHERE))
    assert named_one is not None
    named_one.close()
    with pytest.raises(UnsafeStore, match="_REPLICA_URL"):
        build_replica(Settings(data_dir=tmp_path, replica_url="nowhere"))


def test_a_standby_of_postgresql_answers_and_needs_not_be_there(
    veil: Veil, legal_clock: LegalClock, tmp_path: Path
) -> None:
    with postgres() as server, on_a_server(server, veil, legal_clock, tmp_path) as desk:
        release(desk.at("2024-01-15T09:00Z"), FIRST)
        with replica_of(server) as standby, a_replica(desk, named(standby, "register")):
            run(standby, "SELECT pg_wal_replay_pause()")
            release(desk, SECOND)
            assert months(desk) == [FIRST]
            assert asked(desk, SECOND) == [SECOND]
            check_replica(desk.context)
            run(standby, "SELECT pg_wal_replay_resume()")
            await_that(lambda: months(desk) == [FIRST, SECOND], "the standby has the second month")
            desk.at("2022-01-15T09:00Z").include()
        assert desk.counts()["inclusion"] == 1
        assert months(desk) == [FIRST, SECOND]


@contextmanager
def on_a_server(server: str, veil: Veil, clock: LegalClock, folder: Path) -> Iterator[Desk]:
    """The desk in front of a register with a catalogue, on a server of its own."""
    run(server, "CREATE DATABASE register")
    url = named(server, "register")
    migrate(url)
    with closing(Store(url, clock)) as opened, opened.transaction() as tx:
        seed(tx)
    with closing(Store(url, clock)) as store:
        yield Desk(Context(store, veil, real_now, folder / "extracts"), clock, url)
