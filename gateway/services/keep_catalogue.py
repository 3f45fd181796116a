"""Read and change the catalogue: projects, pseudocodes, their assignments, partners (CONTRACT 7.1, 7.2).

Documents are the plain mappings of the wire; every change is kept in the catalogue's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from gateway.domain.access import check_project
from gateway.domain.errors import NotFound, PreconditionFailed, UnknownPseudocode
from gateway.domain.periods import Interval
from gateway.domain.project import Convention, check_partnership, check_room, check_zone
from gateway.services.context import Work

Document = Mapping[str, Any]


def list_projects(work: Work, after: str, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Projects in order of id, and the last id when there may be more."""
    found = work.tx.catalogue.projects(after, limit + 1)
    return found[:limit], found[limit - 1]["id"] if len(found) > limit else None


def get_project(work: Work, project_id: str) -> dict[str, Any]:
    """One project.

    Raises: UnknownProject.
    """
    work.catalogue.project(project_id)
    found = work.tx.catalogue.find_project(project_id)
    if found is None:
        raise NotFound
    return found


def register_project(work: Work, document: Document) -> dict[str, Any]:
    """Add a project with its zone and convention.

    Source: C1, C2.
    Raises: TooManyProjects, AlreadyExists, ZoneTaken.
    """
    work.tx.catalogue.lock()
    if document["id"] not in work.catalogue.projects:
        _check_place(work, document)
    work.tx.catalogue.add_project(document, work.tx.legal_now())
    work.about(document["id"])
    return get_project(work, document["id"])


def replace_project(work: Work, document: Document, version: int | None) -> dict[str, Any]:
    """Replace a project that still has the version its caller read; version None never matches.

    Source: C1, C2.
    Raises: UnknownProject, PreconditionFailed, TooManyProjects, ZoneTaken.
    """
    work.tx.catalogue.lock()
    before = get_project(work, document["id"])
    work.about(document["id"])
    if version is None or version != before["version"]:
        raise PreconditionFailed
    _check_place(work, document)
    if not work.tx.catalogue.replace_project(document, version, work.tx.legal_now()):
        raise PreconditionFailed
    return get_project(work, document["id"])


def _check_place(work: Work, document: Document) -> None:
    """Refuse a project for which there is no room, or whose zone is another's."""
    check_room(work.catalogue, document["id"], Convention(**document["convention"]))
    check_zone(work.catalogue, document["id"], [part["nis"] for part in document["zone"]])


def list_pseudocodes(
    work: Work, project_id: str | None, on: date | None, after: str, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Pseudocodes in order of code, and the last code when there may be more.

    Raises: UnknownProject.
    """
    if project_id is not None:
        work.catalogue.project(project_id)
    found = work.tx.catalogue.pseudocodes(project_id, on, after, limit + 1)
    return found[:limit], found[limit - 1]["code"] if len(found) > limit else None


def register_pseudocode(work: Work, document: Document) -> Document:
    """Add a pseudocode that INAMI assigned to an action.

    Source: P1.
    Raises: AlreadyExists.
    """
    columns = {"cap": 2, "tariff": None, **document}
    work.tx.catalogue.add_pseudocode(columns, work.tx.legal_now())
    return columns


def assign_pseudocode(work: Work, project_id: str, code: str, document: Document) -> Document:
    """Assign a pseudocode to a project, or change its days there.

    Source: P2.
    Raises: UnknownProject, UnknownPseudocode.
    """
    project = work.catalogue.project(project_id)
    work.about(project_id)
    if not work.tx.catalogue.has_pseudocode(code):
        raise UnknownPseudocode(sorted(project.assignments)[:5])
    assigned = {"project": project_id, "code": code, "planned": None, **document}
    work.tx.catalogue.put_assignment(assigned, work.tx.legal_now())
    return assigned


def register_partner(work: Work, project_id: str, nihii: str, document: Document) -> Document:
    """Admit a provider to a project from a day on, or change the period of partnership that began on that day.

    Source: I4, P5; C 4.
    Raises: UnknownProject, ForeignProject, AlreadyExists for days that overlap another period.
    """
    work.tx.catalogue.lock()
    project = work.catalogue.project(project_id)
    check_project(work.caller, "register_partner", project_id)
    work.about(project_id)
    check_partnership(project, nihii[:8], Interval(document["from"], document["until"]))
    work.tx.catalogue.put_partner(
        {
            "project": project_id,
            "provider": nihii[:8],
            "nihii": nihii,
            "category": document["category"],
            "discipline": document["discipline"],
            "member_from": document["from"],
            "member_until": document["until"],
        },
        work.tx.legal_now(),
    )
    return {"project": project_id, "nihii": nihii, **document}
