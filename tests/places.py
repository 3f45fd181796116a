"""Whether each statement on a person's table says where the person is, as a register on several machines needs it.

Listens to what the store sends to the engines, in every test of this process, and looks at the tree of each statement
once, when it is new: is the bucket (or shard) of every such table that it names equal to one value, given or shared?

Source: SCALE 1, 2, 5 and 8.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from types import FrameType, MappingProxyType
from typing import Any
from weakref import WeakSet

from sqlalchemy import BindParameter, Connection, Engine, event
from sqlalchemy.sql import operators
from sqlalchemy.sql.dml import Delete, Insert, Update, UpdateBase
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseElement, ColumnClause, Grouping
from sqlalchemy.sql.selectable import Alias, FromClause, Join, Select, TableClause

from gateway.store import distribution
from gateway.store.distribution import PLACES
from gateway.store.prepared import Prepared

SPREADING = distribution.__file__


class Reach(Enum):
    """Where a statement looks: in tables that are on every node, in one place, in every place by itself, or across."""

    NOWHERE = "nowhere"
    ONE = "one place"
    EACH = "each place by itself"
    ACROSS = "across places"


ELSEWHERE = {
    "outbox.due_buckets": "an unlocked look for buckets with due messages",
    "outbox.backlog": "counts what waits, and what was refused",
    "webhooks.due": "an unlocked look for due events",
    "webhooks.events": "a page of one webhook, whose events are where their messages are",
    "webhooks.remove": "what waits for a webhook that is removed, which is rare",
    "webhooks.purge": "whether one of the few webhooks that were removed has an event left",
    "schema.some": "an unlocked look for what has had its time",
    "extracts.due": "an unlocked look for a due extract; there are few",
    "extracts.expired": "an unlocked look for extracts whose files have had their time; there are few",
    "batches.due": "an unlocked look for a due batch",
    "batches.left_behind": "a look for uploads that died",
    "batches.old": "a look for batches that have had their time",
    "batches.earlier": "the lines of the same content in any batch, asked for a line that the register holds already",
    "pulses.waiting": "counts the batches and the extracts that wait",
    "rates.purge": "who has not asked for a day",
    "beneficiaries.clear": "an unlocked look for places that were held and are nobody's",
    "chains.waiting": "a look for chains for which entries wait",
    "chains.next": "one chain, which is a range of buckets",
    "chains.walk": "one chain, which is a range of buckets, read by an auditor's command",
    "chains.heads": "the ends of sixteen chains",
    "audit.unchained": "counts what waits for its chain",
    "audit.list": "an auditor's page, by instant, person or object",
    "audit._all": "an auditor's report on one person, and the lists in which they stood",
    "inclusions.list": "a page of a project's inclusions, which are everywhere",
    "actions.list": "a page of a project's actions, which are everywhere",
    "deliveries.list": "a page of a project's messages, which are everywhere",
    "sides.asked": "a page of a project's month, for its reconciliation",
    "figures.inclusions": "counts a project's inclusions",
    "figures.messages": "counts a project's messages",
    "figures.late_counts": "counts a project's late inclusions",
    "figures.late": "a page of a project's late inclusions",
    "figures.attempts": "counts what a project began",
    "figures._refused_lines": "a page of the lines of a project's batches that were refused",
    "figures._latest_through": "which of such lines came again, by an index of what is told of lines",
    "figures.begun_lines": "counts the lines that arrive",
    "seals.older": "a page of a whole table, while keys are rotated",
    "vault.people": "a page of the whole vault, while keys are rotated",
    "backup._send_again": "after a restore, before anybody works with what came back",
    "statistics._rows": "the facts of a whole period, for its close",
}
"""What looks in every place, and why it may: it locks nothing there, and joins by the bucket."""


def tables_of(node: ClauseElement) -> Iterator[FromClause]:
    """The tables that a statement names, spread ones alone; under another name each time it gives them one."""
    if isinstance(node, TableClause | Alias):
        if _column_of(node) is not None:
            yield node
        elif isinstance(node, Alias) and not isinstance(node.element, TableClause):
            yield from tables_of(node.element)
        return
    for child in node.get_children():
        yield from tables_of(child)


def reach_of(statement: ClauseElement) -> Reach:
    """Where a statement looks."""
    groups: list[set[Any]] = [{table} for table in set(tables_of(statement))]
    if not groups:
        return Reach.NOWHERE
    if isinstance(statement, Insert):
        groups.append({statement.table, "given"})
    for left, right in _equals(statement):
        groups.append({left, right})
    merged: list[set[Any]] = []
    for group in groups:
        apart = [one for one in merged if not one & group]
        merged = [*apart, group.union(*(one for one in merged if one & group))]
    if all("given" in group for group in merged):
        return Reach.ONE
    return Reach.EACH if len(merged) == 1 else Reach.ACROSS


def _equals(node: ClauseElement) -> Iterator[tuple[Any, Any]]:
    """What a statement holds equal in all that it finds: places of tables to each other, or to what is given."""
    conditions: tuple[Any, ...] = ()
    if isinstance(node, Select | Update | Delete):
        conditions = node._where_criteria
    elif isinstance(node, Join):
        conditions = (node.onclause,)
    if isinstance(node, Select):
        conditions += tuple(joined for _, joined, *_ in node._setup_joins)
    for condition in conditions:
        for one in _all_of(condition):
            sides = _place_of(one.left), _place_of(one.right)
            if all(side is not None for side in sides):
                yield sides
    for child in node.get_children():
        if not isinstance(child, TableClause):
            yield from _equals(child)


def _all_of(condition: Any) -> Iterator[BinaryExpression[Any]]:
    if isinstance(condition, Grouping):
        yield from _all_of(condition.element)
    elif isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for one in condition.clauses:
            yield from _all_of(one)
    elif isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
        yield condition


def _place_of(side: Any) -> Any:
    if isinstance(side, BindParameter):
        return "given"
    if isinstance(side, ColumnClause) and side.table is not None and side.name == _column_of(side.table):
        return side.table
    return None


def _column_of(table: FromClause) -> str | None:
    named = table.element if isinstance(table, Alias) else table
    return PLACES.get(named.name) if isinstance(named, TableClause) else None


def is_allowed_everywhere(statement: ClauseElement) -> bool:
    """Whether a statement may look in each place by itself: it locks nothing, and what it changes it finds there."""
    locks = any(getattr(one, "_for_update_arg", None) is not None for one in _nodes(statement))
    spread = len(set(tables_of(statement)))
    return not locks and (spread <= 1 or not isinstance(statement, UpdateBase))


def _nodes(node: ClauseElement) -> Iterator[ClauseElement]:
    yield node
    for child in node.get_children():
        if not isinstance(child, TableClause):
            yield from _nodes(child)


_NAMED = re.compile(rf"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|COPY)\b.*\b({'|'.join(PLACES)})\b", re.DOTALL)


class Listener:
    """Looks at every new statement, and remembers what is wrong until it is asked."""

    def __init__(self) -> None:
        self._seen: WeakSet[Any] = WeakSet()
        self._texts: set[str] = set()
        self.wrong: list[str] = []

    def start(self) -> None:
        """Listen to every engine there will be."""
        event.listen(Engine, "before_cursor_execute", self._look)

    def _look(self, connection: Connection, _cursor: Any, sql: str, _p: Any, context: Any, _many: bool) -> None:
        compiled = None if context is None else context.compiled
        if compiled is None:
            self._look_at_text(connection, sql)
        elif compiled not in self._seen:
            self._seen.add(compiled)
            if isinstance(compiled.statement, Select | UpdateBase):
                self._judge(sql, compiled.statement)

    def _look_at_text(self, connection: Connection, sql: str) -> None:
        if sql in self._texts or not _NAMED.match(sql):
            return
        self._texts.add(sql)
        prepared = _prepared(sys._getframe())
        if prepared is None:
            self._tell(sql, "is text, whose place nobody can see")
        else:
            self._judge(sql, prepared.on(connection.dialect.name))

    def _judge(self, sql: str, statement: Any) -> None:
        reach = reach_of(statement)
        if reach is Reach.ACROSS or (reach is Reach.EACH and not is_allowed_everywhere(statement)):
            self._tell(sql, "locks, changes or joins across places")
        elif reach is Reach.EACH:
            self._tell(sql, "does not say in which place it looks", ELSEWHERE)

    def _tell(self, sql: str, what: str, allowed: Mapping[str, str] = MappingProxyType({})) -> None:
        name = _asker(sys._getframe())
        if name is not None and name not in allowed:
            self.wrong.append(f"{name} {what}: {sql}")


def _prepared(frame: FrameType | None) -> Prepared | None:
    """The prepared statement that is being executed, if it is one."""
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, Prepared):
            return found
        frame = frame.f_back
    return None


def _asker(frame: FrameType | None) -> str | None:
    """Which function of the store asks, as `file.function`; None where it is a test, a migration or a command."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path != __file__ and ("/tests/" in path or "/migrations/" in path or path == SPREADING):
            return None
        if "/gateway/store/" in path and not path.endswith(("/prepared.py", "/driver.py")):
            name = frame.f_code.co_qualname.partition(".<locals>")[0].rpartition(".")[2]
            return f"{path.rsplit('/', 1)[1].removesuffix('.py')}.{name}"
        frame = frame.f_back
    return None
