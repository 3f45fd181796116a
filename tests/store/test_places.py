"""A register that may be spread over machines: what every table has to keep to, and that a breach is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import ClauseElement, UniqueConstraint, bindparam, exists, func, insert, inspect, or_, select, update

import gateway.store
from gateway.store import dialects
from gateway.store.batch_tables import batch, batch_line
from gateway.store.distribution import ON_EVERY_NODE, PLACES
from gateway.store.tables import action, inclusion, metadata, outbox, project
from gateway.store.transaction import Store
from tests.places import ELSEWHERE, Listener, Reach, is_allowed_everywhere, reach_of

BUCKET = action.c.bucket == bindparam("b")
_earlier = outbox.alias("earlier")
STATEMENTS: dict[str, tuple[ClauseElement, Reach]] = {
    "a reference table": (select(project), Reach.NOWHERE),
    "a person's bucket": (select(action).where(BUCKET, action.c.id == bindparam("i")), Reach.ONE),
    "no bucket": (select(action).where(action.c.id == bindparam("i")), Reach.EACH),
    "one bucket or something else": (select(action).where(or_(BUCKET, action.c.occurrence == 1)), Reach.EACH),
    "some buckets": (select(action).where(action.c.bucket.in_([1, 2])), Reach.EACH),
    "a join by bucket": (
        select(action).join(inclusion, inclusion.c.bucket == action.c.bucket).where(BUCKET),
        Reach.ONE,
    ),
    "a join by bucket in each": (
        select(action).outerjoin(inclusion, inclusion.c.bucket == action.c.bucket),
        Reach.EACH,
    ),
    "a join by id": (select(action).join(inclusion, inclusion.c.id == action.c.inclusion).where(BUCKET), Reach.ACROSS),
    "an earlier one of the same bucket": (
        select(outbox).where(~exists().where(_earlier.c.bucket == outbox.c.bucket)),
        Reach.EACH,
    ),
    "an earlier one of any bucket": (
        select(outbox).where(outbox.c.bucket == 1, ~exists().where(_earlier.c.sequence < outbox.c.sequence)),
        Reach.ACROSS,
    ),
    "two shards": (
        select(batch_line).join(batch, batch.c.id == batch_line.c.batch).where(batch_line.c.shard == 1),
        Reach.ACROSS,
    ),
    "a change": (update(action).where(action.c.id == bindparam("i")).values(occurrence=2), Reach.EACH),
    "a new row": (insert(action), Reach.ONE),
    "rows of another table": (
        insert(action).from_select(["bucket"], select(inclusion.c.bucket).where(inclusion.c.version == 1)),
        Reach.ACROSS,
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_where_a_statement_looks_is_read_from_its_tree(name: str) -> None:
    statement, reach = STATEMENTS[name]

    assert reach_of(statement) is reach


def test_what_looks_everywhere_locks_nothing_and_changes_nothing_by_another_table() -> None:
    everything = select(action.c.id)

    assert is_allowed_everywhere(everything)
    assert not is_allowed_everywhere(everything.with_for_update())
    assert not is_allowed_everywhere(update(outbox).where(~exists().where(_earlier.c.bucket == outbox.c.bucket)))


def test_a_statement_of_the_store_that_names_no_bucket_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setattr("gateway.store.figures._MESSAGES", select(outbox.c.state, func.count()).group_by("state"))
    monkeypatch.delitem(ELSEWHERE, "figures.messages")
    monkeypatch.setattr("tests.conftest.placed.wrong", listener.wrong)

    with store.reading() as tx:
        tx.figures.messages("demo-nord")

    told, listener.wrong[:] = list(listener.wrong), []
    assert [one.partition(":")[0] for one in told] == ["figures.messages does not say in which place it looks"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_each_exemption_is_of_a_function_that_there_is(name: str) -> None:
    file, function = name.split(".")
    source = (Path(gateway.store.__file__).parent / f"{file}.py").read_text(encoding="utf-8")

    assert re.search(rf"^ *def {function}\(", source, re.MULTILINE)


def test_every_table_is_spread_by_its_place_or_on_every_node() -> None:
    assert sorted([*PLACES, *ON_EVERY_NODE]) == sorted(metadata.tables)
    assert {
        name: column for name in metadata.tables for column in ("bucket", "shard") if column in metadata.tables[name].c
    } == dict(PLACES)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_unique_is_unique_in_its_place(name: str) -> None:
    table, place = metadata.tables[name], PLACES[name]
    unique = [index for index in table.indexes if index.unique]
    constraints = [one for one in table.constraints if isinstance(one, UniqueConstraint)]

    columns = [table.primary_key.columns, *(one.columns for one in unique), *(one.columns for one in constraints)]
    firsts = [next(iter(one)).name for one in columns]

    assert set(firsts) == {place}
    assert all(one.column.table.name in ON_EVERY_NODE for one in table.foreign_keys)


def test_a_table_that_is_on_every_node_refers_to_those_before_it() -> None:
    for place, name in enumerate(ON_EVERY_NODE):
        assert {one.column.table.name for one in metadata.tables[name].foreign_keys} <= set(ON_EVERY_NODE[:place])


_FORBIDDEN = {
    "triggers": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
    "deferrable constraints": "SELECT count(*) FROM pg_constraint WHERE condeferrable",
    "sequences": "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace",
    "partitions": "SELECT count(*) FROM pg_class WHERE relispartition OR relkind = 'p'",
    "generated columns": """SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attgenerated <> ''""",
}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_migrated_register_has_nothing_that_cannot_be_spread(database_url: str) -> None:
    engine = dialects.open_engine(database_url, 1)
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(query).scalar_one() for name, query in _FORBIDDEN.items()}
        known = inspect(connection).get_table_names()
    engine.dispose()

    assert found == dict.fromkeys(_FORBIDDEN, 0)
    assert sorted(known) == sorted([*metadata.tables, "alembic_version"])


def test_no_statement_merges_or_locks_by_advice_or_reads_the_name_of_a_constraint() -> None:
    files = Path(gateway.store.__file__).parent.rglob("*.py")
    source = "\n".join(one.read_text(encoding="utf-8") for one in files)

    assert re.findall(r"\bMERGE\b|pg_(try_)?advisory|constraint_name|\bset_config\b", source) == []
