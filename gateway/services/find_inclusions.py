"""Find, get and list inclusions: consulting the register, which is audited like writing it (A6)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.access import Role, check_project
from gateway.domain.errors import NotFound
from gateway.domain.inclusion import validity
from gateway.domain.periods import Interval
from gateway.domain.project import Project, check_partner, is_partner
from gateway.domain.submissions import Beneficiary
from gateway.services.context import Work
from gateway.services.where import where
from gateway.store.inclusions import InclusionFilter, KnownInclusion


@dataclass(frozen=True, slots=True)
class InclusionView:
    """An inclusion as its caller sees it, with its project and, where one was just made, its receipt."""

    known: KnownInclusion
    project: Project
    receipt: str | None = None

    @property
    def valid(self) -> Interval | None:
        """Its days, capped by the convention; None for an annulled or rejected one."""
        return validity(self.known.inclusion, self.project)


@dataclass(frozen=True, slots=True)
class Page:
    """Some inclusions, and the last id when there may be more."""

    items: list[InclusionView]
    next: UUID | None = None


def find_inclusions(work: Work, beneficiary: Beneficiary) -> Page:
    """Every inclusion of a beneficiary in a project, newest first.

    Raises: UnknownProject, ForeignProject, NotAPartner.
    """
    project = work.catalogue.project(beneficiary.project)
    check_project(work.caller, "find_inclusions", project.id)
    bucket, _, pseudonym = where(work, beneficiary.ssin, project.id)
    work.about(project.id, bucket, pseudonym=pseudonym)
    if work.caller.provider is not None:
        check_partner(project, work.caller.provider, work.today)
    known = work.tx.inclusions.of_person(bucket, project.id, pseudonym)
    return Page([InclusionView(one, project) for one in known])


def get_inclusion(work: Work, inclusion_id: UUID) -> InclusionView:
    """One inclusion.

    Raises: NotFound when there is none, or it is not the caller's to know; both by the same statements.
    """
    catalogue = work.catalogue

    def look(bucket: int, wanted: UUID) -> KnownInclusion | None:
        found = work.tx.inclusions.find(bucket, wanted)
        return found if found is not None and may_know(work, catalogue.project(found.inclusion.project)) else None

    known = work.find(look, inclusion_id)
    if known is None:
        raise NotFound
    project = catalogue.project(known.inclusion.project)
    work.about(project.id, known.inclusion.bucket, inclusion_id, pseudonym=known.inclusion.pseudonym)
    return InclusionView(known, project)


def list_inclusions(work: Work, chosen: InclusionFilter, after: UUID | None, limit: int) -> Page:
    """A project's inclusions in order of id.

    Raises: UnknownProject, ForeignProject.
    """
    project = work.catalogue.project(chosen.project)
    check_project(work.caller, "list_inclusions", project.id)
    work.about(project.id)
    if chosen.valid_on is not None and chosen.valid_on > project.convention.last_day:
        return Page([])
    known = work.tx.inclusions.list(chosen, after, limit + 1)
    items = [InclusionView(one, project) for one in known[:limit]]
    return Page(items, items[-1].known.inclusion.id if len(known) > limit else None)


def may_know(work: Work, project: Project) -> bool:
    """Whether the caller may know a project's objects: its administrative responsible, or a partner today.

    Source: I4, A6; a foreign object looks like one that is not there.
    """
    caller = work.caller
    if caller.role is Role.PROJECT_ADMIN:
        return caller.project == project.id
    if caller.role is Role.REGISTRAR:  # comes here with the import of an exit only: no other verb is theirs
        return True
    return caller.provider is not None and is_partner(project, caller.provider, work.today)
