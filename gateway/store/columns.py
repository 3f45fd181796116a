"""One period's facts as columns: every node of the lattice is counted from them, outside the register's transaction.

Stage: pseudonymous; exact, never outside the job that closes a period. Held in memory up to a bound, beyond it in a
directory of its own that is gone with the job; inside, people are numbers.
Cost: one pass over the columns per node. `MEMORY_MIB` bounds what DuckDB holds, for what a cell counts can be added up
over shares of the people; the process has some hundreds of MiB beside it (bench/CLOSE.md).
Source: DISCLOSURE 2.
Not: annulled and rejected facts, and actions under an annulled or rejected inclusion, count nowhere (V8, I6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from gateway.domain.disclosure import ExactCell
from gateway.domain.lattice import COMPONENT, PROFESSION, PSEUDOCODE, Dims, Measure, Node, Period, cell_dims

ROWS_AT_ONCE = 200_000
MEMORY_MIB = 1024
_TEXT, _DAY, _NUMBER, _BYTES = pa.string(), pa.date32(), pa.int32(), pa.binary()
_IN_SQL = {_TEXT: "VARCHAR", _DAY: "DATE", _NUMBER: "INTEGER", _BYTES: "BLOB"}
SHAPES = {
    "inclusion": {
        "project": _TEXT,
        "pseudonym": _BYTES,
        "first": _DAY,
        "last": _DAY,
        "insurer": _TEXT,
        "sex": _TEXT,
        "age_band": _TEXT,
        "age_group": _TEXT,
        "district": _TEXT,
        "municipality": _TEXT,
    },
    "code": {"pseudocode": _TEXT, "cap": _NUMBER},
    "part": {"pseudocode": _TEXT, "component": _TEXT},
    "membership": {"project": _TEXT, "provider": _TEXT, "profession": _TEXT, "first": _DAY, "last": _DAY},
}
"""The tables to fill, and the columns of their rows. The latest inclusion of a person gives the person's traits."""
ACTION = {
    "project": _TEXT,
    "pseudonym": _BYTES,
    "pseudocode": _TEXT,
    "provider": _TEXT,
    "performed_on": _DAY,
}
"""The columns of actions, which are taken last."""

_CODED = {
    "inclusion": ("project", "insurer", "sex", "age_band", "age_group", "district", "municipality"),
    "code": ("pseudocode",),
    "membership": ("profession",),
}
"""Which columns become small numbers in place of texts, and the table whose values they take, besides *other*, the
profession of whoever is no member."""
_NUMBER_PEOPLE = """
CREATE TABLE person AS
    SELECT (row_number() OVER ())::INTEGER AS person, * FROM (
        SELECT project::project_code AS project, pseudonym,
               arg_max(municipality, (first, last))::municipality_code AS municipality,
               arg_max(district, (first, last))::district_code AS district,
               any_value(insurer)::insurer_code AS insurer, any_value(sex)::sex_code AS sex,
               any_value(age_band)::age_band_code AS age_band, any_value(age_group)::age_group_code AS age_group
        FROM inclusion GROUP BY project, pseudonym);
CREATE TABLE valid AS
    SELECT 1::UTINYINT AS one, i.first, i.last, p.* EXCLUDE (pseudonym)
    FROM inclusion i JOIN person p ON p.project::VARCHAR = i.project AND p.pseudonym = i.pseudonym
    WHERE i.last >= i.first;
DROP TABLE inclusion;
CREATE TABLE performer (provider VARCHAR, number INTEGER);
CREATE TABLE done (
    person INTEGER, pseudocode pseudocode_code, provider INTEGER, profession profession_code, month INTEGER);
"""
_TAKE = """
INSERT INTO performer
    SELECT provider, (SELECT count(*) FROM performer) + row_number() OVER ()
    FROM (SELECT DISTINCT provider FROM piece ANTI JOIN performer USING (provider));
INSERT INTO done
    SELECT p.person, c.pseudocode, performer.number, coalesce(m.profession, 'other'),
           month(a.performed_on) + 12 * year(a.performed_on)
    FROM piece a
    JOIN person p ON p.project = a.project AND p.pseudonym = a.pseudonym
    JOIN code c USING (pseudocode)
    JOIN performer USING (provider)
    LEFT JOIN membership m
        ON m.project = a.project AND m.provider = a.provider AND a.performed_on BETWEEN m.first AND m.last;
"""
"""Takes a piece of the actions, each as a few small numbers: a join of all of them would not fit in the bound."""
_SHARE = """
CREATE TABLE fact{share} AS
    WITH d AS (SELECT *, count(*)::INTEGER AS n FROM done WHERE person % {shares} = {share} GROUP BY ALL),
         p AS (SELECT * EXCLUDE (pseudonym) FROM person WHERE person % {shares} = {share})
    SELECT 1::UTINYINT AS one, p.*, d.* EXCLUDE (person), c.cap
    FROM d JOIN p USING (person) JOIN code c USING (pseudocode);
CREATE TABLE clipped{share} AS
    SELECT * EXCLUDE (provider, profession, n), least(sum(n), max(cap))::INTEGER AS a FROM fact{share} GROUP BY ALL;
"""
"""The facts of a share of the people, and clipped: what counts of a person, month and pseudocode, whoever performed it.
A node of professions clips each apart."""
_ON_DISK = "ATTACH '{path}' AS facts; SET search_path = 'facts.main,memory.main'"
"""Where facts of many shares are kept: in a file they are small, and leave the memory to whatever is counted."""
_ENDS = "SELECT (SELECT count(*) FROM done), greatest(0, (SELECT max(person) FROM person))"
"""How many actions there are, and people, who are numbered from one: no cell has more of them."""
ACTIONS_AT_ONCE = 2_000_000
"""How many actions are counted at once. Where there are more, people are counted in shares, which are added up."""
_PARTS = {"part_cell": "cell", "part_provider": "by_provider"}
"""What a node is counted from: the parts of one share, and what they become when all are added up."""
ROWS_SUMMED_AT_ONCE = 2_000_000
"""How many rows of shares are added up at once: a provider of a cell has one in each. Where there are more, some cells
are added up at a time.
"""


class Columns:
    """The facts of one period, to be filled, sealed and counted.

    Shape: a context manager; what it holds is gone when its block ends. `shares` is in how many its people are counted.
    """

    def __init__(self, period: Period) -> None:
        self._period = period
        self._people = 0
        self._made = set[str]()
        self._without = dict[tuple[Measure, int], list[frozenset[str]]]()
        self.shares = 1
        self._is_joined = False
        self._directory = TemporaryDirectory(prefix="chroniccare-close-")
        settings = {"memory_limit": f"{MEMORY_MIB}MiB", "temp_directory": self._directory.name}
        self._base = duckdb.connect(
            config={**settings, "preserve_insertion_order": False, "autoload_known_extensions": False}
        )
        for name, shape in SHAPES.items():
            columns = ", ".join(f"{column} {_IN_SQL[kind]}" for column, kind in shape.items())
            self._base.execute(f"CREATE TABLE {name} ({columns})")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Forget everything."""
        self._base.close()
        self._directory.cleanup()

    def fill(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows to one of the tables of `SHAPES`, in bounded pieces."""
        for _ in self._pieces(SHAPES[table], rows):
            self._base.execute(f"INSERT INTO {table} FROM piece")

    def seal(self, actions: Iterable[Sequence[Any]] = ()) -> None:
        """Number the people and take the actions; once, when the tables are filled."""
        for table, names in _CODED.items():
            for name in names:
                self._code(name, table)
        self._base.execute(_NUMBER_PEOPLE)
        for _ in self._pieces(ACTION, actions):
            self._base.execute(_TAKE)
        ((count, self._people),) = self._base.execute(_ENDS).fetchall()
        self.shares = 1 + count // ACTIONS_AT_ONCE

    def _join(self) -> None:
        """Join what belongs together, share by share: only when it is counted, so that no transaction waits for it."""
        if self._is_joined:
            return
        if self.shares > 1:
            self._base.execute(_ON_DISK.format(path=str(Path(self._directory.name) / "facts").replace("'", "''")))
        for share in range(self.shares):
            self._base.execute(_SHARE.format(share=share, shares=self.shares))
        self._base.execute("DROP TABLE done; DROP TABLE person")
        self._is_joined = True

    def _pieces(self, shape: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> Iterator[None]:
        """Show rows to the database as the table `piece`, so many at once."""
        waiting, schema = iter(rows), pa.schema(list(shape.items()))
        while piece := list(islice(waiting, ROWS_AT_ONCE)):
            columns = [
                pa.array(column, kind) for column, kind in zip(zip(*piece, strict=True), schema.types, strict=True)
            ]
            self._base.register("piece", pa.Table.from_arrays(columns, schema=schema))
            yield
            self._base.unregister("piece")

    def _code(self, name: str, table: str) -> None:
        seen = f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL UNION SELECT 'other'"  # noqa: S608 - our own names
        self._base.execute(f"CREATE TYPE {name}_code AS ENUM (SELECT * FROM ({seen}))")  # noqa: S608 - our own names

    def cells(self, node: Node, at_least: int = 1) -> Iterator[ExactCell]:
        """The cells of a node with at least so many beneficiaries, in no order; the others never come out."""
        for row in self._unless_too_few(node.dims, Measure.ACTIONS, at_least, self._cells(node.dims, at_least)):
            counts, values = row[:9], row[9:]
            beneficiaries, actions, cap, providers, largest, second, largest_beneficiaries, wider, valid = counts
            named = dict(zip(node.dims, values, strict=True))
            yield ExactCell(
                dims=cell_dims(self._period, named),
                beneficiaries=beneficiaries,
                actions=actions,
                providers=providers,
                largest=largest,
                second=second,
                largest_beneficiaries=largest_beneficiaries,
                cap=cap,
                all_pseudocodes=wider,
                valid=valid,
            )

    def people(self, node: Node, measure: Measure, at_least: int = 1) -> Iterator[tuple[Dims, int]]:
        """How many beneficiaries an inclusion measure counts, per cell of a node with at least so many.

        Shape: joined, whose validity begins on the period's first day; left, whose validity ended on the day before;
        included, who are valid on the first day.
        Source: DISCLOSURE 1.
        Raises: KeyError for actions.
        """
        found = self._rows(_people_of(node.dims, measure), at_least)
        for count, *values in self._unless_too_few(node.dims, measure, at_least, found):
            yield cell_dims(self._period, dict(zip(node.dims, values, strict=True))), count

    def _unless_too_few(
        self, dims: Sequence[str], measure: Measure, at_least: int, rows: Iterator[Sequence[Any]]
    ) -> Iterator[Sequence[Any]]:
        """The rows of a node, which are not asked for where one of fewer dimensions had none: each is a part of one."""
        without = self._without.setdefault((measure, at_least), [])
        if any(fewer <= set(dims) for fewer in without):
            return
        is_any = False
        for row in rows:
            is_any = True
            yield row
        if not is_any:
            without.append(frozenset(dims))

    def _cells(self, dims: Sequence[str], at_least: int) -> Iterator[Sequence[Any]]:
        """The cells of a node as rows: counted in one query, or share by share where there are several."""
        self._join()
        groups, parts = self._groups(dims), partial(_parts_of, dims)
        if self.shares == 1:
            named = ", ".join(f"{_PARTS[name]} AS ({query})" for name, query in parts(0).items())
            yield from self._rows(f"WITH {named}, {_cells_of(dims, groups)}", at_least)
            return
        self._fill_by_shares(parts)
        ((count,),) = self._base.execute("SELECT count(*) FROM part_provider").fetchall()
        slices = 1 + count // ROWS_SUMMED_AT_ONCE
        for number in range(slices):
            some = f"{number} = hash({_keys(dims)[0]}) % {slices}"
            yield from self._rows(f"WITH {_added_up(dims, some)}, {_cells_of(dims, groups)}", at_least)

    def _groups(self, dims: Sequence[str]) -> tuple[str | None, str]:
        """Where both groups of rule 2 of a node are counted, tables that many nodes share: the people with any
        pseudocode, None for a node without pseudocodes, which is its own; and those who are valid.
        """
        wider, standing = _without(dims, PSEUDOCODE, COMPONENT), _without(dims, PSEUDOCODE, COMPONENT, PROFESSION)
        of_anybody = f"standing_{'_'.join(standing)}"
        if of_anybody not in self._made:
            self._made.add(of_anybody)
            self._ask(f"CREATE TABLE {of_anybody} AS {_standing_of(standing)}")
        if len(wider) == len(dims):
            return None, of_anybody
        with_any = f"wider_{'_'.join(wider)}"
        if with_any not in self._made:
            self._made.add(with_any)
            self._fill_by_shares(lambda share: {with_any: _everybody_of(wider, share)})
        return with_any, of_anybody

    def _fill_by_shares(self, parts: Callable[[int], Mapping[str, str]]) -> None:
        """Make tables of what each share of the people adds to them."""
        for share in range(self.shares):
            for name, query in parts(share).items():
                into = f"CREATE OR REPLACE TABLE {name} AS" if share == 0 else f"INSERT INTO {name}"
                self._base.execute(f"{into} {query}")

    def _rows(self, query: str, at_least: int) -> Iterator[Sequence[Any]]:
        """What a query finds; it is not asked where all people together are too few for any cell."""
        if self._people < at_least:
            return
        found = self._ask(query, at_least)
        while rows := found.fetchmany(ROWS_AT_ONCE):
            yield from rows

    def _ask(self, query: str, at_least: int = 1) -> duckdb.DuckDBPyConnection:
        values = {"at_least": at_least, "first": self._period.first, "last": self._period.last}
        return self._base.execute(query, {name: value for name, value in values.items() if f"${name}" in query})


_COUNTED = {
    Measure.JOINED: "first = $first",
    Measure.LEFT: "last = $first - 1",
    Measure.INCLUDED: "first <= $first AND last >= $first",
}


def _people_of(dims: Sequence[str], measure: Measure) -> str:
    keys, known = _keys(dims)
    return f"""
        SELECT count(DISTINCT person){"".join(f", {name}" for name in dims)} FROM valid
        WHERE {_COUNTED[measure]} AND {known}
        GROUP BY {keys} HAVING count(DISTINCT person) >= $at_least"""  # noqa: S608 - names of the lattice


def _keys(dims: Sequence[str]) -> tuple[str, str]:
    """What to group by, and the condition that all of it is known."""
    return ", ".join(("one", *dims)), " AND ".join(("one = 1", *(f"{name} IS NOT NULL" for name in dims)))


def _whole(dims: Sequence[str], share: int) -> str:
    """The table of a share's facts that a node counts: clipped, but where a node of professions clips each apart."""
    return f"fact{share}" if PROFESSION in dims else f"clipped{share}"


def _parts_of(dims: Sequence[str], share: int) -> dict[str, str]:
    """What a share of the people adds to the cells of a node, as queries that can be added up: by cell, and by cell and
    provider.
    """
    keys, known = _keys(dims)
    joined = " JOIN part USING (pseudocode)" if COMPONENT in dims else ""
    clipped = f"{_whole(dims, share)}{joined} WHERE {known}"
    if PROFESSION in dims:
        clipped = f"""(
            SELECT {keys}, person, month, pseudocode AS of_code, least(sum(n), max(cap)) AS a, max(cap) AS cap
            FROM fact{share} WHERE {known} GROUP BY ALL)"""  # noqa: S608 - names of columns, from constants
    cell = f"""
            SELECT {keys}, count(*) AS beneficiaries, sum(a)::BIGINT AS actions, max(cap) AS cap
            FROM (SELECT {keys}, person, sum(a) AS a, max(cap) AS cap FROM {clipped} GROUP BY {keys}, person)
            GROUP BY {keys}"""  # noqa: S608 - names of columns, from constants
    provider = f"""
            SELECT {keys}, provider, sum(x)::BIGINT AS x, count(*) AS xp
            FROM (
                SELECT {keys}, provider, person, sum(least(n, cap))::BIGINT AS x
                FROM fact{share}{joined} WHERE {known} GROUP BY ALL)
            GROUP BY {keys}, provider"""  # noqa: S608 - names of columns, from constants
    return {"part_cell": cell, "part_provider": provider}


def _everybody_of(wider: Sequence[str], share: int) -> str:
    """How many of a share's people are in the groups of rule 2: with any pseudocode."""
    keys, known = _keys(wider)
    return f"""
        SELECT {keys}, count(*) AS wider
        FROM (SELECT DISTINCT {keys}, person FROM {_whole(wider, share)} WHERE {known})
        GROUP BY {keys}"""  # noqa: S608 - names of columns, from constants


def _standing_of(traits: Sequence[str]) -> str:
    """How many people are valid, by what is known of them."""
    keys, known = _keys(traits)
    return f"""
        SELECT {keys}, count(DISTINCT person) AS valid
        FROM valid WHERE first <= $last AND last >= $first AND {known} GROUP BY {keys}"""  # noqa: S608 - constants


def _added_up(dims: Sequence[str], which: str) -> str:
    """The parts of some cells, of which each share has its own rows, as one row each."""
    keys, _ = _keys(dims)
    return f"""
        cell AS (
            SELECT {keys}, sum(beneficiaries)::BIGINT AS beneficiaries, sum(actions)::BIGINT AS actions, max(cap) AS cap
            FROM part_cell WHERE {which} GROUP BY {keys}),
        by_provider AS (
            SELECT {keys}, provider, sum(x)::BIGINT AS x, sum(xp)::BIGINT AS xp
            FROM part_provider WHERE {which} GROUP BY {keys}, provider)"""  # noqa: S608 - names of columns, from constants


def _cells_of(dims: Sequence[str], groups: tuple[str | None, str]) -> str:
    """P, A, C, V, x1, x2, xp and both groups of rule 2, by a node's dimensions, from its cells and their providers."""
    keys, _ = _keys(dims)
    wider, _ = _keys(_without(dims, PSEUDOCODE, COMPONENT))
    traits, _ = _keys(_without(dims, PSEUDOCODE, COMPONENT, PROFESSION))
    with_any, standing = groups
    everybody = "SELECT NULL AS wider"
    if with_any is not None:
        everybody = f"SELECT {wider}, sum(wider)::BIGINT AS wider FROM {with_any} GROUP BY {wider}"  # noqa: S608 - ours
    return f"""
        provider AS (
            SELECT {keys}, count(*) AS providers, max(x, 2) AS xs, max(xp) AS xp
            FROM by_provider GROUP BY {keys}),
        everybody AS ({everybody})
        SELECT beneficiaries, actions, cap, providers, xs[1], coalesce(xs[2], 0), xp, wider, coalesce(valid, 0)
               {"".join(f", {name}" for name in dims)}
        FROM cell JOIN provider USING ({keys})
        {f"JOIN everybody USING ({wider})" if with_any else "CROSS JOIN everybody"}
        LEFT JOIN {standing} USING ({traits})
        WHERE beneficiaries >= $at_least"""  # noqa: S608 - names of columns, from constants


def _without(dims: Sequence[str], *names: str) -> list[str]:
    return [name for name in dims if name not in names]
