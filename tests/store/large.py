"""A large register in seconds: its rows are made by the engine itself, with numbers for everybody, then it is analysed.

Shape: `ACTIONS_EACH` actions of each person, spread over twenty projects and every bucket; persons are numbered from 0.
The first project is one that the tests' catalogue knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from gateway.store.tables import metadata
from tests.builders import PROJECT

ACTIONS_EACH, PROJECTS = 25, 20
MESSAGES, LINES, HOOK, BATCH, EXTRACT = (part << 48 for part in (1, 2, 3, 4, 5))
"""Where the ids of other things than persons' inclusions begin."""
_POSTGRESQL = {
    "id": "lpad(to_hex({}), 32, '0')::uuid",
    "bytes": "convert_to(lpad(({})::text, 32, '0'), 'UTF8')",
    "day": "(DATE '2022-01-01' + ({})::int)",
    "at": "(TIMESTAMPTZ '2022-01-01 00:00:00Z' + ({}) * INTERVAL '1 second')",
    "bucket": "((({})::bigint * 2654435761 % 4294967296) / 1048576)::smallint",
    "json": "'{}'::json",
}
_SQLITE = {
    "id": "printf('%032x', {})",
    "bytes": "CAST(printf('%032d', {}) AS BLOB)",
    "day": "date('2022-01-01', ({}) || ' days')",
    "at": "datetime('2022-01-01', ({}) || ' seconds') || '.000000'",
    "bucket": "(({}) * 2654435761 % 4294967296) / 1048576",
    "json": "'{}'",
}


@dataclass(frozen=True, slots=True)
class Large:
    """What a large register holds: of every person the same."""

    actions: int

    @property
    def people(self) -> int:
        """How many persons."""
        return self.actions // ACTIONS_EACH


def project_of(person: int) -> str:
    """Where a person is included."""
    number = person % PROJECTS
    return PROJECT if number == 0 else f"project-{number}"


def pseudonym_of(person: int) -> bytes:
    """The pseudonym of a person."""
    return f"{person:032}".encode("ascii")


def bucket_of(person: int) -> int:
    """The bucket of a person."""
    return (person * 2654435761 % 2**32) >> 20


def inclusion_of(person: int) -> UUID:
    """The inclusion of a person."""
    return UUID(int=person)


def action_of(number: int, size: Large) -> tuple[int, UUID]:
    """Bucket and id of an action by its number."""
    return bucket_of(number % size.people), UUID(int=number)


Rows = dict[str, tuple[int, dict[str, str]]]
"""Of tables how many rows, and what is in each column of row i."""


class _Words:
    """What rows are made of, in the words of an engine."""

    def __init__(self, size: Large, fragments: dict[str, str]) -> None:
        self.actions, self.people, self.f = size.actions, size.people, fragments
        self.whose = f"(i % {size.people})"
        at = fragments["at"]
        self.version = {"version": "1", "recorded_at": at.format("i"), "communicated_at": at.format("i")}
        self.now_and_then = at.format("i % 31536000")
        self.message = fragments["id"].format(f"{MESSAGES} + i")
        self.asker = {"role": "'provider'", "organisation": "'10000004'", "person": "'' || (i % 1000)"}

    def person(self, of: str) -> dict[str, str]:
        """Where a person is."""
        name = f"CASE {of} % {PROJECTS} WHEN 0 THEN '{PROJECT}' ELSE 'project-' || ({of} % {PROJECTS}) END"
        return {"bucket": self.f["bucket"].format(of), "project": name, "pseudonym": self.f["bytes"].format(of)}

    @staticmethod
    def one_of(*values: str) -> str:
        """Values in turn."""
        cases = " ".join(f"WHEN {place} THEN '{value}'" for place, value in enumerate(values))
        return f"CASE i % {len(values)} {cases} END"


def _of_persons(w: _Words) -> Rows:
    return {
        "beneficiary": (w.people, {**w.person("i"), "sequence": "2", "insurer": "'100'", "sex": "'F'"}),
        "vault": (w.people, {**w.person("i"), "sealed_ssin": w.f["bytes"].format("i")}),
        "inclusion": (
            w.people,
            {
                **{**w.person("i"), **w.version, "id": w.f["id"].format("i"), "asked_at": w.now_and_then},
                **{"status": w.one_of("open", "exited", "open", "annulled"), "agreed_on": w.f["day"].format("i % 28")},
                **{"valid_from": w.f["day"].format("i % 300"), "message_id": w.message},
            },
        ),
        "action": (
            w.actions,
            {
                **{
                    **w.person(w.whose),
                    **w.version,
                    "id": w.f["id"].format("i"),
                    "inclusion": w.f["id"].format(w.whose),
                },
                **{"pseudocode": "'' || (794010 + i % 24)", "performed_on": w.f["day"].format("i * 31 % 365")},
                **{"performed_by": "'' || (10000000 + i / 20 % 2000)", "occurrence": f"i / {w.people} + 1"},
                **{"status": "'recorded'", "asked_at": w.now_and_then, "message_id": w.message},
            },
        ),
    }


def _of_messages(w: _Words) -> Rows:
    return {
        "outbox": (
            w.actions // 10,
            {
                **{**w.person(w.whose), "id": w.message, "sequence": f"i / {w.people} + 1", "kind": "'inclusion'"},
                **{"reference": w.f["id"].format("i"), "content": w.f["json"], "attempts": "1"},
                **{"state": "CASE WHEN i % 1000 = 0 THEN 'pending' WHEN i % 999 = 0 THEN 'failed' ELSE 'accepted' END"},
                **{"created_at": w.now_and_then, "next_attempt_at": w.now_and_then, "answered_at": w.now_and_then},
            },
        ),
        "delivery_failure": (
            w.actions // 100,
            {
                **{"bucket": w.f["bucket"].format(w.whose), "message": w.message, "attempt": "1"},
                **{"failed_at": w.now_and_then, "reason": "'unknown-member'"},
            },
        ),
        "moved": (
            w.actions // 100,
            {"bucket": w.f["bucket"].format("i"), "id": w.f["id"].format("i"), "new_bucket": "1"},
        ),
        "former_pseudonym": (
            w.actions // 100,
            {**w.person("i"), "former_pseudonym": w.f["bytes"].format("i + 1"), "former_bucket": "1"},
        ),
        "audit_entry": (
            w.actions // 5,
            {
                **{
                    **w.person(w.whose),
                    **w.asker,
                    "id": w.f["id"].format("i"),
                    "at": w.now_and_then,
                    "request_id": "'r'",
                },
                **{"verb": w.one_of("register_action", "register_inclusion", "list_actions")},
                **{"outcome": w.one_of("done", "done", "done", "not-informed"), "object": w.f["id"].format("i")},
                **{"position": "CASE WHEN i % 1000 = 0 THEN NULL ELSE i END", "hash": w.f["bytes"].format("i")},
            },
        ),
        "audit_chain": (16, {"bucket": "i * 256", "position": "i", "hash": w.f["bytes"].format("i")}),
    }


def _of_work(w: _Words) -> Rows:
    return {
        "idempotency": (
            w.actions // 10,
            {
                **{"shard": w.f["bucket"].format("i"), "key_hash": w.f["bytes"].format("i"), "status": "201"},
                **{"fingerprint": w.f["bytes"].format("i"), "created_at": w.now_and_then},
            },
        ),
        "rate": (w.actions // 100, {"shard": "i % 4096", "asker": w.f["bytes"].format("i"), "empty_at": "i"}),
        "webhook": (
            PROJECTS,
            {
                **{
                    "id": w.f["id"].format(f"{HOOK} + i"),
                    "project": w.person("i")["project"],
                    "url": "'https://x.example'",
                },
                **{"created_at": w.now_and_then},
            },
        ),
        "webhook_event": (
            w.actions // 20,
            {
                **{
                    "bucket": w.f["bucket"].format(w.whose),
                    "id": w.f["id"].format(f"{HOOK} + i"),
                    "project": "'" + PROJECT + "'",
                },
                **{
                    "webhook": w.f["id"].format(f"{HOOK} + i % {PROJECTS}"),
                    "message": w.message,
                    "kind": "'inclusion'",
                },
                **{"reference": w.f["id"].format("i"), "status": "'accepted'", "at": w.now_and_then, "attempts": "1"},
                **{"state": "CASE WHEN i % 1000 = 0 THEN 'waiting' ELSE 'delivered' END", "created_at": w.now_and_then},
                **{
                    "next_attempt_at": w.now_and_then,
                    "ended_at": f"CASE WHEN i % 1000 = 0 THEN NULL ELSE {w.now_and_then} END",
                },
            },
        ),
    }


def _of_batches(w: _Words) -> Rows:
    return {
        "batch": (
            w.actions // 1000,
            {
                **{**w.asker, "shard": "i % 4096", "id": w.f["id"].format(f"{BATCH} + i"), "media_type": "'text/csv'"},
                **{"state": "CASE WHEN i % 100 = 0 THEN 'queued' ELSE 'done' END", "lines": "100", "refused": "i % 2"},
                **{"created_at": w.now_and_then, "communicated_at": w.now_and_then, "next_attempt_at": w.now_and_then},
                **{"ended_at": f"CASE WHEN i % 100 = 0 THEN NULL ELSE {w.now_and_then} END"},
            },
        ),
        "batch_line": (
            w.actions // 10,
            {
                **{"shard": "i / 100 % 4096", "batch": w.f["id"].format(f"{BATCH} + i / 100"), "number": "i % 100 + 1"},
                **{"outcome": w.one_of("accepted", "accepted", "duplicate", "refused"), "ref": "'r' || i"},
                **{"fingerprint": w.f["bytes"].format("i"), "object": w.f["id"].format("i")},
            },
        ),
        "extract": (
            w.actions // 1000,
            {
                **{**w.asker, "shard": "i % 4096", "id": w.f["id"].format(f"{EXTRACT} + i"), "attempts": "1"},
                **{
                    "state": "CASE WHEN i % 100 = 0 THEN 'queued' ELSE 'done' END",
                    "request": w.f["json"],
                    "progress": "1",
                },
                **{"created_at": w.now_and_then, "next_attempt_at": w.now_and_then},
                **{"expires_at": f"CASE WHEN i % 100 = 1 THEN {w.now_and_then} ELSE NULL END"},
            },
        ),
    }


_PROJECT = """INSERT INTO project (id, version, name, nihii, contractor, effective_from, last_day)
    VALUES ('project-{}', 1, '{{}}', '10000000001', '{{}}', '2021-09-01', '2022-12-31')"""
_NUMBERS = {
    "postgresql": "generate_series(0::bigint, {} - 1) i",
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1) SELECT i FROM n)",
}
_INSERT = "INSERT INTO {} ({}) SELECT {} FROM {}"


def fill(connection: Connection, size: Large) -> None:
    """Fill a register that has a catalogue; its indexes are made once the rows are there."""
    engine = connection.dialect.name
    for number in range(1, PROJECTS):
        connection.exec_driver_sql(_PROJECT.format(number))
    words = _Words(size, _POSTGRESQL if engine == "postgresql" else _SQLITE)
    for name, (count, columns) in {
        **_of_persons(words),
        **_of_messages(words),
        **_of_work(words),
        **_of_batches(words),
    }.items():
        table = metadata.tables[name]
        keys = [key.name for key in table.primary_key.columns]
        later = sorted(table.indexes, key=lambda one: str(one.name))
        for index in later:
            index.drop(connection)
        insert = _INSERT.format(name, ", ".join(columns), ", ".join(columns.values()), _NUMBERS[engine].format(count))
        if engine == "postgresql":
            connection.exec_driver_sql(f"ALTER TABLE {name} DROP CONSTRAINT pk_{name}")
            connection.exec_driver_sql(insert.replace("%", "%%"))
            connection.exec_driver_sql(f"ALTER TABLE {name} ADD CONSTRAINT pk_{name} PRIMARY KEY ({', '.join(keys)})")
        else:  # it cannot make the key afterwards
            places = (str(list(columns).index(key) + 1) for key in keys)
            connection.exec_driver_sql(f"{insert} ORDER BY {', '.join(places)}")
        for index in later:
            index.create(connection)
    connection.exec_driver_sql("ANALYZE")
