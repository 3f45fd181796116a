"""Looks into the register's database past the gateway: its rows, and exact counts of what it holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, select
from sqlalchemy.pool import NullPool

from gateway.domain.periods import day_of, valid_from
from gateway.sandbox.replay import SAMPLE_DIR
from gateway.store.tables import action, inclusion, outbox

Counts = dict[str, Counter[tuple[Any, ...]]]


@contextmanager
def looking_into(store_url: str) -> Iterator[Connection]:
    """A connection of our own, which reads."""
    engine = create_engine(store_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def rows(store_url: str, statement: Any) -> list[Any]:
    """What a statement finds."""
    with looking_into(store_url) as connection:
        return list(connection.execute(statement))


def everything(store_url: str) -> Iterator[tuple[str, Any]]:
    """Every value of every table, with the table's and the column's name."""
    with looking_into(store_url) as connection:
        reflected = MetaData()
        reflected.reflect(connection)
        for table in reflected.sorted_tables:
            names = [f"{table.name}.{column.name}" for column in table.columns]
            for row in connection.execute(table.select()):
                yield from zip(names, row, strict=True)


def counts(store_url: str) -> Counts:
    """How many current facts there are, as an undisturbed run of the sample's lines has them.

    Shape: inclusions by project, month and status; actions by project, month, pseudocode and status; outbox by kind.
    """
    current = [table.c.superseded_at.is_(None) for table in (inclusion, action)]
    with looking_into(store_url) as connection:
        joined = connection.execute(
            select(inclusion.c.project, inclusion.c.valid_from, inclusion.c.status).where(current[0])
        )
        acts = connection.execute(
            select(action.c.project, action.c.performed_on, action.c.pseudocode, action.c.status).where(current[1])
        )
        return {
            "inclusions": Counter((project, f"{day:%Y-%m}", status) for project, day, status in joined),
            "actions": Counter((project, f"{day:%Y-%m}", code, status) for project, day, code, status in acts),
            "outbox": Counter(tuple(row) for row in connection.execute(select(outbox.c.kind))),
        }


def expected_counts(limit: int) -> Counts:
    """The same counts, from the sample's first lines alone: what an undisturbed run leaves in the register."""
    inclusions: dict[str, list[str]] = {}
    actions: dict[str, list[str]] = {}
    kinds: Counter[tuple[Any, ...]] = Counter()
    with (SAMPLE_DIR / "communications.ndjson").open(encoding="utf-8") as lines:
        accepted = [row for row, _ in zip(map(json.loads, lines), range(limit), strict=False)
                    if row["expect"]["status"] < 300]  # fmt: skip
    for row in accepted:
        noun, verb = re.fullmatch(r"/v1/(inclusions|actions)(?:/[^/]+/(.+))?", row["path"]).groups()  # type: ignore[union-attr]  # no match ends the test
        body = row["body"]
        if verb is not None:
            of = row["path"].split("{")[1].split("}")[0]
            (inclusions if noun == "inclusions" else actions)[of][-1] = "exited" if verb == "exit" else "annulled"
        elif noun == "inclusions":
            month = f"{valid_from(day_of(datetime.fromisoformat(row['at']))):%Y-%m}"
            inclusions[row["ref"]] = [body["project"], month, "open"]
        else:
            actions[row["ref"]] = [body["project"], body["performed_on"][:7], body["pseudocode"], "recorded"]
        kinds[(verb if verb == "exit" else noun[:-1] + (f"-{verb}" if verb else ""),)] += 1
    return {
        "inclusions": Counter(map(tuple, inclusions.values())),
        "actions": Counter(map(tuple, actions.values())),
        "outbox": kinds,
    }
