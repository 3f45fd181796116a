"""Put a synthetic register into a store: a file of SQLite, filled in bulk. Stage: pseudonymous, invented."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Engine, Table, create_engine, insert, update

from gateway.domain.lattice import AGE_BAND, CODES, INSURER, MUNICIPALITY, PROFESSION, PROJECT, PSEUDOCODE, SEX
from gateway.domain.periods import last_of_month
from gateway.store import tables
from tests.attacks.register import (
    BIRTH_YEARS,
    CAP,
    COMPONENTS_OF,
    PROVIDERS,
    PSEUDOCODES,
    YEAR,
    Flags,
    Register,
    profession_of,
)

AT = datetime(2021, 12, 1, 9, tzinfo=UTC)
BEGINS = date(YEAR, 1, 1)
BUCKETS = 5
ROWS_AT_ONCE = 20_000


def plant(register: Register, database_url: str) -> None:
    """Write the catalogue, the people and every fact that came in time; the rest comes by `plant_late`."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        _add(connection, tables.project, _projects(register))
        _add(connection, tables.zone, _zones(register))
        _add(connection, tables.pseudocode, _pseudocodes())
        _add(connection, tables.assignment, _assignments(register))
        _add(connection, tables.partner, _partners(register))
        connection.execute(update(tables.catalogue_version).values(version=1))
        _add(connection, tables.beneficiary, _beneficiaries(register))
        _add(connection, tables.inclusion, _inclusions(register))
        _add(connection, tables.action, _actions(register, register.facts["late"] == 0))
    engine.dispose()


def plant_late(register: Register, database_url: str) -> None:
    """Write the facts that came late."""
    engine: Engine = create_engine(database_url)
    with engine.begin() as connection:
        _add(connection, tables.action, _actions(register, register.facts["late"] == 1))
    engine.dispose()


def _add(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    while piece := list(islice(rows, ROWS_AT_ONCE)):
        connection.execute(insert(table), piece)


def _projects(register: Register) -> Iterator[dict[str, Any]]:
    last_day = last_of_month(date(YEAR, register.size.months, 1))
    for number, project in enumerate(register.projects):
        yield {
            "id": project,
            "version": 1,
            "name": {"fr": "Fictif", "nl": "Fictief"},
            "nihii": f"{number:011}",
            "contractor": {"name": "Fictif ASBL", "cbe": "0403019261"},
            "effective_from": BEGINS,
            "last_day": last_day,
        }


def _zones(register: Register) -> Iterator[dict[str, Any]]:
    towns = register.values[MUNICIPALITY]
    per_project = len(towns) // len(register.projects)
    for number, nis in enumerate(towns):
        yield {"project": register.projects[number // per_project], "nis": nis, "population": 10_000}


def _pseudocodes() -> Iterator[dict[str, Any]]:
    for code, parts in zip(PSEUDOCODES, COMPONENTS_OF, strict=True):
        label = {"fr": f"Acte {code}", "nl": f"Handeling {code}"}
        yield {"code": code, "label": label, "level": "population", "components": list(parts), "cap": CAP}


def _assignments(register: Register) -> Iterator[dict[str, Any]]:
    for project in register.projects:
        for code in PSEUDOCODES:
            yield {"project": project, "code": code, "valid_from": BEGINS}


def _partners(register: Register) -> Iterator[dict[str, Any]]:
    for provider, profession in enumerate(profession_of(np.arange(PROVIDERS * len(register.projects)))):
        name = provider_name(provider)
        yield {
            "project": register.projects[provider // PROVIDERS],
            "provider": name,
            "nihii": f"{name}001",
            "category": "first_line",
            "discipline": CODES[PROFESSION][profession],
            "member_from": BEGINS,
        }


def provider_name(number: int) -> str:
    """The eight digits of a provider."""
    return f"{10_000_000 + number}"


def _pseudonym(person: int) -> bytes:
    return person.to_bytes(32, "big")


def _beneficiaries(register: Register) -> Iterator[dict[str, Any]]:
    people = register.people
    for person in range(len(people[PROJECT])):
        yield {
            "bucket": person % BUCKETS,
            "project": register.projects[people[PROJECT][person]],
            "pseudonym": _pseudonym(person),
            "sequence": 0,
            "insurer": CODES[INSURER][people[INSURER][person]],
            "sex": {"F": "F", "M": "M"}.get(CODES[SEX][people[SEX][person]]),
            "birth_date": date(BIRTH_YEARS[people[AGE_BAND][person]], 1, 1),
            "municipality": register.values[MUNICIPALITY][people[MUNICIPALITY][person]],
        }


def _inclusions(register: Register) -> Iterator[dict[str, Any]]:
    people = register.people
    for person in range(len(people[PROJECT])):
        last = int(people["last"][person])
        has_left = last <= register.size.months
        yield {
            "bucket": person % BUCKETS,
            "id": UUID(int=person + 1),
            "version": 1,
            "recorded_at": AT,
            "project": register.projects[people[PROJECT][person]],
            "pseudonym": _pseudonym(person),
            "status": "exited" if has_left else "open",
            "communicated_at": AT,
            "agreed_on": AT.date(),
            "valid_from": date(YEAR, int(people["first"][person]), 1),
            "valid_until": last_of_month(date(YEAR, last, 1)) if has_left else None,
            "exit_reason": "moved" if has_left else None,
            "exit_communicated_at": AT if has_left else None,
        }


def _actions(register: Register, kept: Flags) -> Iterator[dict[str, Any]]:
    facts = register.facts
    for fact in np.flatnonzero(kept).tolist():
        person = int(facts["person"][fact])
        for occurrence in range(int(facts["rows"][fact])):
            yield {
                "bucket": person % BUCKETS,
                "id": UUID(int=10_000_000 + 4 * fact + occurrence),
                "version": 1,
                "recorded_at": AT,
                "project": register.projects[facts[PROJECT][fact]],
                "pseudonym": _pseudonym(person),
                "inclusion": UUID(int=person + 1),
                "pseudocode": PSEUDOCODES[facts[PSEUDOCODE][fact]],
                "performed_on": date(YEAR, int(facts["month"][fact]), 10),
                "performed_by": provider_name(int(facts["provider"][fact])),
                "occurrence": occurrence + 1,
                "communicated_at": AT,
                "status": "recorded",
            }
