"""Get and list actions: a provider's own, or the project's for its administrative responsible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.errors import NotFound
from gateway.domain.project import check_partner
from gateway.services.context import Work
from gateway.services.find_inclusions import may_know
from gateway.store.actions import ActionFilter, KnownAction


@dataclass(frozen=True, slots=True)
class ActionView:
    """An action as its caller sees it, with its receipt where one was just made."""

    known: KnownAction
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Some actions, and where the next page begins when there may be more."""

    items: list[ActionView]
    next: tuple[date, UUID] | None = None


def get_action(work: Work, action_id: UUID) -> ActionView:
    """One action.

    Raises: NotFound when there is none, or it is not the caller's to know; both by the same statements.
    """
    catalogue = work.catalogue

    def look(bucket: int, wanted: UUID) -> KnownAction | None:
        found = work.tx.actions.find(bucket, wanted)
        if found is None or work.caller.provider not in (None, found.action.performed_by):
            return None
        return found if may_know(work, catalogue.project(found.action.project)) else None

    known = work.find(look, action_id)
    if known is None:
        raise NotFound
    work.about(known.action.project, known.action.bucket, action_id, pseudonym=known.action.pseudonym)
    return ActionView(known)


def list_actions(work: Work, chosen: ActionFilter, after: tuple[date, UUID] | None, limit: int) -> ActionPage:
    """A project's actions by day performed; only their own for a provider.

    Raises: UnknownProject, ForeignProject, NotAPartner.
    """
    project = work.catalogue.project(chosen.project)
    check_project(work.caller, "list_actions", project.id)
    work.about(project.id)
    provider = work.caller.provider
    if provider is not None:
        check_partner(project, provider, work.today)
        chosen = replace(chosen, performed_by=provider)
    known = work.tx.actions.list(chosen, after, limit + 1)
    items = [ActionView(one) for one in known[:limit]]
    last = items[-1].known.action if len(known) > limit else None
    return ActionPage(items, None if last is None else (last.performed_on, last.id))
