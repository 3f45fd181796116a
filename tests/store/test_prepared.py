"""Prepared statements: what SQLAlchemy's own execution gives, and fails with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, bindparam, create_engine, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.store.driver import MOST_AT_ONCE
from gateway.store.prepared import Prepared
from gateway.store.tables import idempotency
from tests.builders import instant

_ADD = Prepared(insert(idempotency))
_OF_A_SHARD = select(idempotency).where(idempotency.c.shard == bindparam("b_shard")).order_by(idempotency.c.key_hash)
_FIND = Prepared(_OF_A_SHARD)


def _row(number: int, **more: Any) -> dict[str, Any]:
    row = {"shard": 7, "key_hash": bytes([number]) * 32, "fingerprint": b"\x00" * 32}
    return {**row, "created_at": instant("2022-01-31T10:00:00.123456+01:00"), **more}


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection in a transaction that is undone."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection, connection.begin() as begun:
        yield connection
        begun.rollback()


def test_rows_are_those_that_sqlalchemy_gives(connection: Connection) -> None:
    _ADD.change(connection, _row(1, status=201, headers={"ETag": '"é"'}, body=b"\x00\xff"))
    _ADD.tell_all(connection, [_row(2), _row(3)])
    _ADD.tell_all(connection, [])

    found = _FIND.ask(connection, {"b_shard": 7})

    assert found == connection.execute(_OF_A_SHARD, {"b_shard": 7}).all()
    assert dict(found[0]._mapping) == _row(1, status=201, headers={"ETag": '"é"'}, body=b"\x00\xff")
    assert [one.status for one in found] == [201, None, None]
    assert _FIND.ask(connection, {"b_shard": 8}) == []


def test_each_question_has_its_own_rows(connection: Connection) -> None:
    _ADD.tell_all(connection, [_row(1), _row(2), _row(3, shard=9)])
    shards = [7, 8, 9] * MOST_AT_ONCE

    found = _FIND.ask_each(connection, [{"b_shard": shard} for shard in shards])

    assert [len(rows) for rows in found] == [2, 0, 1] * MOST_AT_ONCE
    assert found[2] == _FIND.ask(connection, {"b_shard": 9})
    assert _FIND.ask_each(connection, []) == []


def test_driver_that_refuses_is_told_as_sqlalchemy_tells_it(connection: Connection) -> None:
    _ADD.change(connection, _row(1))

    with pytest.raises(IntegrityError) as refused:
        _ADD.change(connection, _row(1))

    assert not refused.value.connection_invalidated
    assert "fingerprint" not in str(refused.value.params)
    assert not connection.invalidated


@pytest.mark.parametrize("ask", [_FIND.ask, lambda connection, row: _FIND.ask_each(connection, [row, row])])
def test_connection_that_is_gone_is_given_up(connection: Connection, ask: Callable[..., object]) -> None:
    driver: Any = connection.connection.driver_connection
    driver.close()

    with pytest.raises(DBAPIError) as refused:
        ask(connection, {"b_shard": 7})

    assert refused.value.connection_invalidated
    assert connection.invalidated


def test_statement_that_lacks_a_value_or_takes_a_list_is_a_mistake(connection: Connection) -> None:
    several = Prepared(select(idempotency).where(idempotency.c.shard.in_(bindparam("shards", expanding=True))))

    with pytest.raises(AssertionError, match="lacks its value b_shard"):
        _FIND.ask(connection, {})
    with pytest.raises(AssertionError, match="takes no list"):
        several.ask(connection, {"shards": [7]})
