"""Projects, zones, pseudocodes, assignments and partners: written rarely, read on every registration.

Cost: a registration reads one version row; the whole catalogue is read again only when that version moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import AlreadyExists, ZoneTaken
from gateway.domain.periods import Interval
from gateway.domain.project import Catalogue, Convention, Project, Pseudocode
from gateway.store.prepared import Prepared
from gateway.store.tables import (
    assignment,
    catalogue_history,
    catalogue_version,
    partner,
    project,
    pseudocode,
    zone,
)

_VERSION = select(catalogue_version.c.version)
_LOOK = Prepared(_VERSION)
_ADD_ZONE = Prepared(lambda insert: insert(zone).on_conflict_do_nothing().returning(zone.c.nis))


class CatalogueCache:
    """The last catalogue read by this process."""

    def __init__(self) -> None:
        self.latest: Catalogue | None = None


class Catalogues:
    """The catalogue inside one transaction."""

    def __init__(self, connection: Connection, cache: CatalogueCache) -> None:
        self._connection = connection
        self._cache = cache
        self._is_changed = False
        self._seen: Catalogue | None = None

    def current(self) -> Catalogue:
        """The catalogue as this transaction saw it first, or after its lock; what it changes itself it sees at once."""
        if self._seen is None or self._is_changed:
            self._seen = self._look()
        return self._seen

    def _look(self) -> Catalogue:
        [(version,)] = _LOOK.ask(self._connection, {})
        if self._is_changed:
            return self._read(version)  # not remembered: it may never be committed
        latest = self._cache.latest
        if latest is None or latest.version != version:
            latest = self._cache.latest = self._read(version)
        return latest

    def lock(self) -> None:
        """Wait until nobody else changes the catalogue, and keep others from it until this transaction ends.

        For what is decided over several entries: what is read from then on is the last word.
        """
        self._connection.execute(_VERSION.with_for_update())
        self._seen = None

    def _read(self, version: int) -> Catalogue:
        partners: dict[str, dict[str, tuple[Interval, ...]]] = defaultdict(dict)
        for row in self._connection.execute(select(partner).order_by(partner.c.member_from)):
            known = partners[row.project].get(row.provider, ())
            partners[row.project][row.provider] = (*known, Interval(row.member_from, row.member_until))
        zones: dict[str, dict[str, int]] = defaultdict(dict)
        for row in self._connection.execute(select(zone)):
            zones[row.project][row.nis] = row.population
        assignments: dict[str, dict[str, Interval]] = defaultdict(dict)
        for row in self._connection.execute(select(assignment)):
            assignments[row.project][row.code] = Interval(row.valid_from, row.valid_until)
        return Catalogue(
            version,
            {
                row.id: Project(
                    row.id,
                    Convention(row.effective_from, row.last_day),
                    row.registration_closes_on,
                    partners[row.id],
                    assignments[row.id],
                    zones[row.id],
                    row.started_on,
                )
                for row in self._connection.execute(select(project))
            },
            {
                row.code: Pseudocode(row.code, row.level, tuple(row.components), row.cap)
                for row in self._connection.execute(select(pseudocode))
            },
        )

    def projects(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Projects in order of id, after one of them."""
        rows = self._connection.execute(
            select(project).where(project.c.id > after).order_by(project.c.id).limit(limit)
        ).all()
        zones = self._zones([row.id for row in rows])
        return [_project_of(row, zones[row.id]) for row in rows]

    def find_project(self, project_id: str) -> dict[str, Any] | None:
        """One project with its zone and version, or None."""
        row = self._connection.execute(select(project).where(project.c.id == project_id)).one_or_none()
        return None if row is None else _project_of(row, self._zones([project_id])[project_id])

    def _zones(self, ids: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
        zones: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._connection.execute(select(zone).where(zone.c.project.in_(ids)).order_by(zone.c.nis)):
            zones[row.project].append({"nis": row.nis, "population": row.population})
        return zones

    def add_project(self, document: Mapping[str, Any], now: datetime) -> None:
        """Add a project with its zone.

        Raises: AlreadyExists, ZoneTaken.
        """
        try:
            self._connection.execute(insert(project).values(id=document["id"], version=1, **_project_columns(document)))
        except IntegrityError:
            raise AlreadyExists from None
        self._write_zone(document)
        self._record("project", document["id"], document, now)

    def replace_project(self, document: Mapping[str, Any], version: int, now: datetime) -> bool:
        """Replace a project if it still has a version; whether it had.

        Raises: ZoneTaken.
        """
        changed = self._connection.execute(
            update(project)
            .where(project.c.id == document["id"], project.c.version == version)
            .values(version=version + 1, **_project_columns(document))
        )
        if changed.rowcount == 0:
            return False
        self._connection.execute(delete(zone).where(zone.c.project == document["id"]))
        self._write_zone(document)
        self._record("project", document["id"], document, now)
        return True

    def _write_zone(self, document: Mapping[str, Any]) -> None:
        """Write the parts of a zone; the database's constraint decides whose a municipality is (C2)."""
        for part in sorted(document["zone"], key=lambda part: str(part["nis"])):
            values = {"project": document["id"], "nis": part["nis"], "population": part["population"]}
            if not _ADD_ZONE.ask(self._connection, values):
                raise ZoneTaken(part["nis"])

    def add_pseudocode(self, document: Mapping[str, Any], now: datetime) -> None:
        """Add a pseudocode.

        Raises: AlreadyExists: a code is never reassigned (P1).
        """
        try:
            self._connection.execute(insert(pseudocode).values(**document))
        except IntegrityError:
            raise AlreadyExists from None
        self._record("pseudocode", document["code"], document, now)

    def has_pseudocode(self, code: str) -> bool:
        """Whether INAMI assigned a code to any action."""
        return self._connection.execute(select(pseudocode.c.code).where(pseudocode.c.code == code)).first() is not None

    def put_assignment(self, document: Mapping[str, Any], now: datetime) -> None:
        """Assign a pseudocode to a project, or change its days there."""
        self._put(assignment, ("project", "code"), document)
        self._record("assignment", f"{document['project']}/{document['code']}", document, now)

    def put_partner(self, document: Mapping[str, Any], now: datetime) -> None:
        """Admit a provider to a project from a day on, or change the period that began on that day.

        Not: whether it overlaps another period.
        """
        self._put(partner, ("project", "provider", "member_from"), document)
        self._record("partner", f"{document['project']}/{document['provider']}", document, now)

    def _put(self, table: Table, keys: tuple[str, ...], document: Mapping[str, Any]) -> None:
        matches = [table.c[name] == document[name] for name in keys]
        if self._connection.execute(update(table).where(*matches).values(**document)).rowcount == 0:
            self._connection.execute(insert(table).values(**document))

    def pseudocodes(self, project_id: str | None, on: date | None, after: str, limit: int) -> list[dict[str, Any]]:
        """Pseudocodes in order of code; of one project with their days there, valid on a day when one is given."""
        query = select(pseudocode).where(pseudocode.c.code > after).order_by(pseudocode.c.code).limit(limit)
        valid = [] if on is None else [assignment.c.valid_from <= on, func.coalesce(assignment.c.valid_until, on) >= on]
        if project_id is not None:
            days = (assignment.c.valid_from, assignment.c.valid_until, assignment.c.planned)
            query = query.add_columns(*days).join(assignment, assignment.c.code == pseudocode.c.code)
            query = query.where(assignment.c.project == project_id, *valid)
        elif on is not None:
            query = query.where(exists().where(assignment.c.code == pseudocode.c.code, *valid))
        return [dict(row._mapping) for row in self._connection.execute(query)]

    def _record(self, noun: str, key: str, document: Mapping[str, Any], now: datetime) -> None:
        self._is_changed = True
        version = self._connection.execute(
            update(catalogue_version)
            .values(version=catalogue_version.c.version + 1)
            .returning(catalogue_version.c.version)
        ).scalar_one()
        self._connection.execute(
            insert(catalogue_history).values(
                version=version, noun=noun, key=key, document=_plain(document), recorded_at=now
            )
        )


def _project_columns(document: Mapping[str, Any]) -> dict[str, Any]:
    convention = document["convention"]
    return {
        "name": document["name"],
        "nihii": document["nihii"],
        "contractor": document["contractor"],
        "effective_from": convention["effective_from"],
        "last_day": convention["last_day"],
        "registration_closes_on": document.get("registration_closes_on"),
        "started_on": document.get("started_on"),
    }


def _project_of(row: Row[Any], zone_parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "name": row.name,
        "nihii": row.nihii,
        "contractor": row.contractor,
        "zone": zone_parts,
        "convention": {"effective_from": row.effective_from, "last_day": row.last_day},
        "registration_closes_on": row.registration_closes_on,
        "started_on": row.started_on,
    }


def _plain(value: Any) -> Any:
    """The same document with its days as text, for a JSON column."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value
