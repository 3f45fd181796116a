"""Keep webhooks: a project's own software asks to be told, is told to whom, and asks no more."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.errors import NotFound, RoleNotAllowed, TooManyWebhooks
from gateway.domain.webhook import MOST_OF_A_PROJECT, check_url
from gateway.pseudonyms.webhook_secrets import new_secret, place_of
from gateway.services.context import Work
from gateway.store.webhooks import Event, Webhook


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook with its secret, which nobody is shown again."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, and the last id when there may be more."""

    items: list[Event]
    next: UUID | None = None


def register_webhook(work: Work, url: str, *, is_sandbox: bool = False) -> NewWebhook:
    """A webhook of the caller's project.

    Raises: UnknownProject, WebhookUrlRefused, TooManyWebhooks.
    """
    if work.caller.project is None:
        raise RoleNotAllowed
    project = work.catalogue.project(work.caller.project)
    check_project(work.caller, "register_webhook", project.id)
    work.about(project.id)
    check_url(url, is_sandbox=is_sandbox)
    if len(work.tx.webhooks.of_project(project.id)) >= MOST_OF_A_PROJECT:
        raise TooManyWebhooks
    webhook_id, secret = work.veil.identifiers.new(0), new_secret()
    work.about(project.id, 0, webhook_id)
    sealed = work.veil.sealer.seal_bytes(secret.encode(), place_of(webhook_id))
    added = Webhook(webhook_id, project.id, url, sealed, work.real_now)
    work.tx.webhooks.add(added)
    return NewWebhook(added, secret)


def list_webhooks(work: Work, project_id: str) -> list[Webhook]:
    """A project's webhooks, the oldest first.

    Raises: UnknownProject, ForeignProject.
    """
    project = work.catalogue.project(project_id)
    check_project(work.caller, "list_webhooks", project.id)
    work.about(project.id)
    return work.tx.webhooks.of_project(project.id)


def remove_webhook(work: Work, webhook_id: UUID) -> Webhook:
    """The webhook that is removed: what waits for it is given up, and its secret destroyed.

    Raises: NotFound when there is none, or it is not the caller's to know.
    """
    found = _own(work, webhook_id)
    work.tx.webhooks.remove(found.id, work.real_now)
    return found


def list_webhook_events(work: Work, webhook_id: UUID, after: UUID | None, limit: int) -> EventPage:
    """What a webhook was told and will be, newest last.

    Raises: NotFound when there is none, or it is not the caller's to know.
    """
    found = _own(work, webhook_id)
    events = work.tx.webhooks.events(found.id, after, limit + 1)
    return EventPage(events[:limit], events[limit - 1].id if len(events) > limit else None)


def _own(work: Work, webhook_id: UUID) -> Webhook:
    found = work.tx.webhooks.find(webhook_id)
    if found is None or work.caller.project not in (None, found.project):
        raise NotFound
    work.about(found.project, 0, webhook_id)
    return found
