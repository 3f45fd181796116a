"""List a project's deliveries: how far each message to MyCareNet is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.delivery import State
from gateway.services.context import Work
from gateway.store.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, and the last id when there may be more."""

    items: list[Delivery]
    next: UUID | None = None


def list_deliveries(work: Work, project_id: str, status: str | None, after: UUID | None, limit: int) -> DeliveryPage:
    """A project's deliveries in order of id, so the newest last; with a status those alone that are shown with it.

    Raises: UnknownProject, ForeignProject.
    """
    project = work.catalogue.project(project_id)
    check_project(work.caller, "list_deliveries", project.id)
    work.about(project.id)
    states = [state for state in State if status in (None, state.shown)]
    found = work.tx.deliveries.list(project.id, states, after, limit + 1)
    return DeliveryPage(found[:limit], found[limit - 1].id if len(found) > limit else None)
