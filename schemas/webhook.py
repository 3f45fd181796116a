"""Webhooks on the wire: where a project's software is told of changed deliveries, and what it was told. No identity."""

from __future__ import annotations

from schemas.fields import (
    Choice,
    Cursor,
    Flag,
    Identifier,
    Instant,
    Limit,
    ProjectId,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.inclusion import DELIVERY_STATUSES, EXAMPLE_ID, items_of, next_cursor

EVENT_STATES = ("waiting", "delivered", "given-up")
_URL = "https://software.example/chroniccare"


class WebhookRequest(StrictSchema):
    """Where to be told."""

    url = Text(2000, required=True, metadata=about("A public https address, without credentials or fragment.", _URL))


class Webhook(StrictSchema):
    """A webhook of a project.

    Shape: `secret` is there in the first answer to its registration, and never again. `id` is absent, and `validated`
    there, when nothing was stored.
    """

    id = Identifier(metadata=about("Id of the webhook.", EXAMPLE_ID))
    project = ProjectId(required=True, metadata=about("Project whose deliveries it tells of.", "demo-nord"))
    url = Text(2000, required=True, metadata=about("Where events go.", _URL))
    created_at = Instant(required=True, metadata=about("When it was registered, real time.", "2022-01-15T08:30:00Z"))
    secret = Text(
        100, metadata=about("What signs the events (Standard Webhooks); keep it, it is shown once.", "whsec_c2VjcmV0")
    )
    validated = Flag(metadata=about("True when it was checked only and nothing was stored.", True))


class WebhookQuery(StrictSchema):
    """Whose webhooks to list."""

    project = ProjectId(metadata=about("Project of the webhooks; an auditor must say it.", "demo-nord"))


class WebhookList(StrictSchema):
    """A project's webhooks, the oldest first; at most ten, so there is no next page."""

    items = items_of(Webhook, "The webhooks.")
    next = next_cursor()


class WebhookEventQuery(StrictSchema):
    """Which events to list."""

    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


class WebhookEvent(StrictSchema):
    """A change of a delivery, as its receiver is told of it."""

    id = Identifier(required=True, metadata=about("Id of the event, the same on every try.", EXAMPLE_ID))
    state = Choice(EVENT_STATES, required=True, metadata=about("Whether the receiver took it with a 2xx.", "delivered"))
    attempts = WholeNumber(0, 2**31 - 1, required=True, metadata=about("How often it was tried.", 1))
    failure = Text(200, metadata=about("Why the last try came to nothing, a code.", "http-500"))
    message = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    kind = Text(40, required=True, metadata=about("What the message tells of.", "inclusion"))
    reference = Identifier(required=True, metadata=about("Id of the inclusion or action.", EXAMPLE_ID))
    status = Choice(DELIVERY_STATUSES, required=True, metadata=about("What the delivery came to be.", "accepted"))
    reason = Text(200, metadata=about("Why, a code.", "not-insured"))
    at = Instant(required=True, metadata=about("When, by the legal clock.", "2022-01-15T08:30:00Z"))


class WebhookEventList(StrictSchema):
    """A page of events, newest last."""

    items = items_of(WebhookEvent, "The events.")
    next = next_cursor()
