"""Statements that are compiled once for each engine, and then run on the driver's own cursor.

SQLAlchemy makes a context and a result of its own for each execution, which costs several times what the engines and
their drivers do; what every communication executes is therefore stated as `Prepared`. All else is SQLAlchemy's.
Shape: a statement that is fixed but for its values; no list of values whose length varies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, Executable, Float, Row, result_tuple
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.store import driver

Given = Mapping[str, Any]
Build = Callable[[Any], Executable]
_Convert = Callable[[Any], Any]
_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that a statement takes: that of its row under a key, to be converted; without one always the same."""

    name: str
    key: str | None
    convert: _Convert | None
    usual: Any = None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in the words of one engine, what it takes in which order, and how its rows are shown."""

    sql: str
    values: Sequence[_Value]
    names: Sequence[str] | None
    row: Callable[[Iterable[Any]], Row[Any]]
    converts: Sequence[tuple[int, _Convert]]

    def bound(self, given: Given) -> Any:
        """The values of one execution as the driver wants them: by their names, or in order where it has none."""
        bound = [
            one.usual if one.key is None else given[one.key] if one.convert is None else one.convert(given[one.key])
            for one in self.values
        ]
        return bound if self.names is None else dict(zip(self.names, bound, strict=True))

    def shown(self, found: Sequence[Any]) -> Row[Any]:
        """A row of the driver's as the columns' types have it."""
        shown = list(found)
        for place, convert in self.converts:
            shown[place] = convert(shown[place])
        return self.row(shown)


class Prepared:
    """A statement that is compiled once: for each engine, and for each choice of columns that its rows name.

    Shape: made of a statement, or of a function that makes it of an engine's own `insert`.
    Raises: SQLAlchemy's DBAPIError, whatever the driver raised.
    """

    def __init__(self, statement: Executable | Build) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def on(self, dialect: str) -> Executable:
        """The statement itself, as an engine is told it."""
        return self._statement(_INSERTS[dialect]) if callable(self._statement) else self._statement

    def ask(self, connection: Connection, row: Given) -> list[Row[Any]]:
        """Execute it; its rows."""
        compiled = self._for(connection, row)
        return [compiled.shown(one) for one in driver.ask(connection, compiled.sql, compiled.bound(row))]

    def ask_each(self, connection: Connection, rows: Sequence[Given]) -> list[list[Row[Any]]]:
        """Execute it with each of several rows, which name the same columns; the rows of each."""
        if not rows:
            return []
        compiled = self._for(connection, rows[0])
        found = driver.ask_each(connection, compiled.sql, [compiled.bound(row) for row in rows])
        return [[compiled.shown(one) for one in each] for each in found]

    def change(self, connection: Connection, row: Given) -> int:
        """Execute it; how many rows it changed."""
        compiled = self._for(connection, row)
        return int(driver.send(connection, compiled.sql, compiled.bound(row)).rowcount)

    def tell(self, connection: Connection, row: Given) -> None:
        """Execute it, at the latest before the commit."""
        compiled = self._for(connection, row)
        driver.tell(connection, compiled.sql, compiled.bound(row))

    def tell_all(self, connection: Connection, rows: Iterable[Given]) -> None:
        """The same with each of several rows, which name the same columns; nothing where there are none."""
        given = list(rows)
        if given:
            compiled = self._for(connection, given[0])
            driver.tell(connection, compiled.sql, [compiled.bound(row) for row in given], is_many=True)

    def _for(self, connection: Connection, row: Given) -> _Compiled:
        dialect = connection.dialect
        wanted = (dialect.name, *row)
        found = self._compiled.get(wanted)
        if found is None:
            found = self._compiled[wanted] = _compile(self.on(dialect.name), dialect, list(row))
        return found


def _compile(statement: Any, dialect: Dialect, keys: Sequence[str]) -> _Compiled:
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=list(keys))
    if compiled.post_compile_params:
        raise AssertionError("a prepared statement takes no list of values")
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    names: Sequence[str] = list(binds) if compiled.positiontup is None else compiled.positiontup
    columns = list(statement.exported_columns)
    made = [(place, _from_driver(column.type, dialect)) for place, column in enumerate(columns)]
    return _Compiled(
        str(compiled),
        [_value(name, binds[name], keys, dialect) for name in names],
        names if compiled.positiontup is None else None,
        result_tuple([column.key for column in columns]),
        [(place, convert) for place, convert in made if convert is not None],
    )


def _value(name: str, bind: BindParameter[Any], keys: Sequence[str], dialect: Dialect) -> _Value:
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.key in keys:
        return _Value(name, bind.key, convert)
    if bind.required:
        raise AssertionError(f"a prepared statement lacks its value {bind.key}")
    usual = bind.effective_value
    return _Value(name, None, None, usual if convert is None else convert(usual))


def _from_driver(kind: Any, dialect: Dialect) -> _Convert | None:
    """How a column's values are converted: floats not at all, for which SQLAlchemy would ask each answer's type."""
    if isinstance(kind, Float):
        return None
    convert: _Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return convert
