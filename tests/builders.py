"""Facts for tests, valid unless a test says otherwise: a project in force, an open inclusion, an action in it.

    an_action(performed_on=day("2022-02-14"), occurrence=2)

The inclusion is communicated on 15 January 2022, so valid from 1 February; the action is performed on 14 February
and registered on `TODAY`. Whatever a test does not name, it does not depend on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from gateway.domain.access import Caller, Role
from gateway.domain.action import Action
from gateway.domain.identity import Ssin
from gateway.domain.inclusion import Agreement, Exit, Inclusion, Status, annulled, exited, rejected
from gateway.domain.periods import Interval
from gateway.domain.project import Catalogue, Convention, Project, Pseudocode

PROJECT = "demo-nord"
PROVIDER = "10000106"
COLLEAGUE = "20000212"
SSIN = "85073003328"
PSEUDOCODE = "794010"
PROJECT_LEVEL_PSEUDOCODE = "794999"
TODAY = date(2022, 3, 1)


def day(text: str) -> date:
    """A day from its ISO form."""
    return date.fromisoformat(text)


def instant(text: str) -> datetime:
    """An instant from its ISO form with zone."""
    return datetime.fromisoformat(text)


def days(text: str) -> Interval:
    """An interval from "2022-02-01 .. 2022-12-31", or open-ended from "2022-02-01 ..".

    >>> days("2022-02-01 ..")
    Interval(first=datetime.date(2022, 2, 1), last=None)
    """
    first, _, last = text.partition("..")
    return Interval(day(first.strip()), day(last.strip()) if last.strip() else None)


def an_agreement(**changes: Any) -> Agreement:
    return replace(Agreement(agreed_on=day("2022-01-10")), **changes)


def an_exit(communicated_at: str = "2022-05-16T10:00+02:00", **changes: Any) -> Exit:
    return replace(Exit("moved", instant(communicated_at)), **changes)


def an_inclusion(communicated_at: str = "2022-01-15T09:30+01:00", **changes: Any) -> Inclusion:
    inclusion = Inclusion(
        id=UUID(int=1),
        bucket=0,
        project=PROJECT,
        pseudonym=b"\x01" * 32,
        status="open",
        communicated_at=instant(communicated_at),
        communicated_by=PROVIDER,
        agreement=an_agreement(),
    )
    return replace(inclusion, **changes)


def included(communicated_at: datetime, exit_communicated_at: datetime | None = None) -> Inclusion:
    """An inclusion by the instants of its communication and its exit."""
    member = an_inclusion(communicated_at.isoformat())
    return member if exit_communicated_at is None else exited(member, an_exit(exit_communicated_at.isoformat()))


def an_inclusion_that_is(status: Status) -> Inclusion:
    """An inclusion as the rules make it: exited, annulled or rejected."""
    match status:
        case "open":
            return an_inclusion()
        case "exited":
            return exited(an_inclusion(), an_exit())
        case "annulled":
            return annulled(an_inclusion(), "wrong-person")
        case "rejected":
            return rejected(an_inclusion(), "not-insured")


def an_action(**changes: Any) -> Action:
    action = Action(
        id=UUID(int=2),
        bucket=0,
        project=PROJECT,
        pseudonym=b"\x01" * 32,
        inclusion=UUID(int=1),
        pseudocode=PSEUDOCODE,
        performed_on=day("2022-02-14"),
        performed_by=PROVIDER,
        occurrence=1,
        communicated_at=instant("2022-03-01T08:00+01:00"),
    )
    return replace(action, **changes)


def a_nis(project: str = PROJECT) -> str:
    """A municipality of a project's own (C2)."""
    return "25112" if project == PROJECT else f"5{crc32(project.encode()) % 10_000:04}"


def a_project(**changes: Any) -> Project:
    project = Project(
        id=PROJECT,
        convention=Convention(day("2021-09-01"), day("2022-12-31")),
        partners={PROVIDER: (days("2021-09-01 .."),)},
        assignments={PSEUDOCODE: days("2021-09-01 .."), PROJECT_LEVEL_PSEUDOCODE: days("2021-09-01 ..")},
    )
    return replace(project, **changes)


def a_catalogue(*projects: Project, **changes: Any) -> Catalogue:
    """A catalogue of the projects given, or of the valid one; it knows one pseudocode of each level."""
    known = [
        Pseudocode(PSEUDOCODE, "population", components=(3, 6)),
        Pseudocode(PROJECT_LEVEL_PSEUDOCODE, "project", components=(14,)),
    ]
    catalogue = Catalogue(
        version=1,
        projects={project.id: project for project in projects or (a_project(),)},
        pseudocodes={pseudocode.code: pseudocode for pseudocode in known},
    )
    return replace(catalogue, **changes)


def a_caller(role: Role = Role.PROVIDER, **changes: Any) -> Caller:
    """A caller in a role, with the claim that the role needs."""
    claims: dict[Role, dict[str, Any]] = {
        Role.PROVIDER: {"nihii": PROVIDER},
        Role.PROJECT_ADMIN: {"project": PROJECT},
        Role.COORDINATOR: {"project": PROJECT},
        Role.INSURER: {"insurer": "100"},
    }
    caller = Caller(issuer="https://issuer.example", subject=f"{role}-1", role=role, **claims.get(role, {}))
    return replace(caller, **changes)


def an_ssin(digits: str = SSIN) -> Ssin:
    return Ssin(digits)
