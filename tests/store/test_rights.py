"""Roles and row-level security of PostgreSQL: what a statement lacks, the database holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Executable, delete, event, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from gateway.clock import real_now
from gateway.domain.access import Role
from gateway.domain.lattice import Period, PeriodKind
from gateway.pseudonyms.veil import Veil
from gateway.services.chain_audit import chain_some
from gateway.services.change_identity import change_identity
from gateway.services.check_readiness import Needs, check_readiness
from gateway.services.close_period import release_period
from gateway.services.context import Context
from gateway.services.find_actions import list_actions
from gateway.services.find_inclusions import find_inclusions, get_inclusion, list_inclusions
from gateway.services.list_audit import list_audit
from gateway.store import dialects
from gateway.store.actions import ActionFilter
from gateway.store.audit import AuditFilter
from gateway.store.dialects import GATEWAY, RELEASE, WORKER
from gateway.store.inclusions import InclusionFilter
from gateway.store.rights import BY_PROJECT, OF_THE_MIGRATIONS
from gateway.store.tables import action, audit_entry, beneficiary, cell, inclusion, metadata, release
from gateway.store.transaction import Store
from tests.builders import PROJECT, PROVIDER, a_caller
from tests.citus import SERVERS
from tests.conftest import LegalClock
from tests.services.desk import ADMIN, PARTNER, Desk, a_beneficiary, ssin
from tests.store.seeds import OTHER_PROJECT, seeded

AUDITOR = a_caller(Role.AUDITOR)
OTHER_ADMIN = replace(ADMIN, project=OTHER_PROJECT)
pytestmark = pytest.mark.parametrize("database_url", SERVERS, indirect=True)


@contextmanager
def _desk(database_url: str, clock: LegalClock, veil: Veil, role: str, folder: Path) -> Iterator[Desk]:
    """A desk whose store is to PostgreSQL what the role says."""
    with closing(Store(database_url, clock, connections=2, role=role)) as store:
        yield Desk(Context(store, veil, real_now, folder), clock, database_url)


@pytest.fixture
def at_the_gateway(
    database_url: str, legal_clock: LegalClock, veil: Veil, tmp_path: Path, store: Store
) -> Iterator[Desk]:
    """A desk in a gateway's role, with somebody included in each of two projects."""
    seeded(store)
    with _desk(database_url, legal_clock, veil, GATEWAY, tmp_path) as desk:
        desk.include()
        desk.include(1, OTHER_ADMIN, project=OTHER_PROJECT, communicated_by=f"{PROVIDER}001")
        yield desk


@contextmanager
def _connected(database_url: str, role: str) -> Iterator[Connection]:
    engine = dialects.open_engine(database_url, 1, role)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _seen(connection: Connection) -> dict[str, set[str]]:
    """The projects of every row, asked for without any condition."""
    return {
        name: {*connection.execute(select(metadata.tables[name].c.project)).scalars()}
        for name in ("beneficiary", "vault", "inclusion", "outbox")
    }


def test_gateway_sees_the_rows_of_the_projects_it_names_and_without_a_word_none(
    at_the_gateway: Desk, database_url: str
) -> None:
    both = {PROJECT, OTHER_PROJECT}

    with _connected(database_url, GATEWAY) as connection:
        assert set().union(*_seen(connection).values()) == set()
        dialects.see(connection, lambda: [PROJECT])
        assert list(_seen(connection).values()) == [{PROJECT}] * 4
        dialects.see(connection, lambda: [PROJECT, OTHER_PROJECT])
        assert list(_seen(connection).values()) == [both] * 4
        dialects.see(connection, lambda: None)
        assert list(_seen(connection).values()) == [both] * 4
        with pytest.raises(AssertionError):
            dialects.see(connection, lambda: ["x' OR 'a' = 'a"])
    with _connected(database_url, WORKER) as connection:
        assert list(_seen(connection).values()) == [both] * 4


def test_what_one_transaction_names_is_forgotten_by_the_next(at_the_gateway: Desk) -> None:
    store = at_the_gateway.context.store
    for _ in range(4):
        with store.reading() as tx:
            assert tx.outbox.backlog().pending == 0
            tx.see(lambda: None)
            assert tx.outbox.backlog().pending == 2


def test_every_table_with_a_project_about_a_person_or_their_facts_is_seen_by_project(database_url: str) -> None:
    named = {name for name, table in metadata.tables.items() if "project" in table.columns}

    with _connected(database_url, "") as connection:
        rows = connection.execute(text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"))
        assert {*rows.scalars()} == {*BY_PROJECT}
    assert named - {*BY_PROJECT} == {"zone", "assignment", "partner"}


_CONDITION = re.compile(r"inclusion\.project = %\(project_1\)s(::VARCHAR)?")


@contextmanager
def _without_the_condition(engine: Engine) -> Iterator[list[str]]:
    """Every statement that runs meanwhile has lost its condition on an inclusion's project; those that had one."""
    lost: list[str] = []

    def drop(_c: object, _r: object, statement: str, parameters: Any, *_: object) -> tuple[str, Any]:
        dropped = _CONDITION.sub("true", statement)
        lost.extend([statement] if dropped != statement else [])
        return dropped, parameters

    event.listen(engine, "before_cursor_execute", drop, retval=True)
    yield lost
    event.remove(engine, "before_cursor_execute", drop)


def _listed(desk: Desk) -> set[str]:
    page = desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT), None, 100)
    return {view.known.inclusion.project for view in page.items}


def test_query_that_lost_its_where_gives_no_foreign_row(at_the_gateway: Desk, store: Store, veil: Veil) -> None:
    superuser = replace(at_the_gateway, context=replace(at_the_gateway.context, store=store))

    with _without_the_condition(at_the_gateway.context.store._engine) as lost:
        assert _listed(at_the_gateway) == {PROJECT}
    with _without_the_condition(store._engine) as lost_as_well:
        assert _listed(superuser) == {PROJECT, OTHER_PROJECT}

    assert len(lost) == len(lost_as_well) == 1


def _refused(database_url: str, role: str, statement: Executable) -> str:
    try:
        with _connected(database_url, role) as connection:
            dialects.see(connection, lambda: [PROJECT])
            connection.execute(statement)
    except DBAPIError as problem:
        return str(getattr(problem.orig, "sqlstate", ""))
    return "done"


def test_roles_may_not_write_what_is_not_theirs(at_the_gateway: Desk, database_url: str) -> None:
    foreign = {"bucket": 1, "project": OTHER_PROJECT, "pseudonym": b"\x01" * 32, "sequence": 1}
    for role, statement in (
        (GATEWAY, update(audit_entry).values(outcome="forged")),
        (GATEWAY, update(audit_entry).values(position=1)),
        (GATEWAY, delete(audit_entry)),
        (GATEWAY, delete(release)),
        (GATEWAY, update(cell).values(beneficiaries=1)),
        (GATEWAY, insert(beneficiary).values(foreign)),
        (GATEWAY, update(inclusion).values(project=OTHER_PROJECT)),
        (WORKER, update(audit_entry).values(outcome="forged")),
        (WORKER, delete(audit_entry)),
        (WORKER, delete(metadata.tables["audit_chain"])),
        (WORKER, update(cell).values(beneficiaries=1)),
        (RELEASE, update(inclusion).values(status="annulled")),
        (RELEASE, delete(audit_entry)),
        (RELEASE, delete(action)),
        (RELEASE, update(cell).values(beneficiaries=1)),
    ):
        assert _refused(database_url, role, statement) == "42501", (role, str(statement))


def test_gateway_does_what_it_is_asked_for(at_the_gateway: Desk, database_url: str) -> None:
    desk = at_the_gateway
    one = desk.include(2).known.inclusion
    desk.ask(ADMIN, get_inclusion, one.id)
    assert len(desk.ask(PARTNER, find_inclusions, a_beneficiary(2)).items) == 1
    desk.at("2022-03-01T08:00+01:00").act(2)
    assert len(desk.ask(PARTNER, list_actions, ActionFilter(PROJECT), None, 10).items) == 1
    desk.ask(ADMIN, change_identity, one.id, ssin(3), "mistyped")
    desk.exit(one.id)
    entries = desk.ask(AUDITOR, list_audit, AuditFilter(), None, 1000).items

    assert {known.entry.project for known in entries} >= {PROJECT, OTHER_PROJECT}
    with desk.context.store.reading() as tx:
        tx.see(lambda: None)
        assert tx.audit.unchained().count == len(entries) + 1


def test_gateway_tells_how_old_the_outbox_is(at_the_gateway: Desk, tmp_path: Path) -> None:
    looked = check_readiness(at_the_gateway.context, Needs(tmp_path, [tmp_path], 0))

    assert looked.outbox_seconds is not None
    assert looked.outbox_seconds > 0
    assert [one.ok for one in looked.findings if one.check in ("database", "audit")] == [True, True]


def test_worker_chains_and_release_closes(
    at_the_gateway: Desk, database_url: str, legal_clock: LegalClock, veil: Veil, tmp_path: Path
) -> None:
    with _desk(database_url, legal_clock, veil, WORKER, tmp_path) as worker:
        assert chain_some(worker.context) == 2
    at_the_gateway.at("2022-06-01T08:00+02:00")
    with _desk(database_url, legal_clock, veil, RELEASE, tmp_path) as closer:
        closed = release_period(closer.context, Period(PeriodKind.MONTH, "2022-02"), "inclusions")

    assert {one.release.period for one in closed} == {"2022-02"}


def test_every_table_gets_its_rights_whatever_the_migrating_process_has_loaded(database_url: str) -> None:
    engine = dialects.open_engine(database_url, 1)
    with engine.begin() as connection:
        tables = [name for name in inspect(connection).get_table_names() if name != OF_THE_MIGRATIONS]
        connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")  # elsewhere just a word
        for table in tables:
            connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM {GATEWAY}")

    migrating = "import os; from gateway.store.migrate import migrate; migrate(os.environ['MIGRATED'])"
    subprocess.run([sys.executable, "-c", migrating], check=True, env={**os.environ, "MIGRATED": database_url})

    with engine.begin() as connection:
        may = text("SELECT has_table_privilege(:role, :table, 'SELECT')")
        lacking = [one for one in tables if not connection.scalar(may, {"role": GATEWAY, "table": one})]
    engine.dispose()
    assert not lacking
    assert set(tables) == set(metadata.tables)
