"""Deliveries on the wire: how far each message to MyCareNet is. No identity in them."""

from __future__ import annotations

from schemas.fields import (
    Choice,
    Cursor,
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


class DeliveryQuery(StrictSchema):
    """Which deliveries to list."""

    project = ProjectId(metadata=about("Project of the deliveries; an auditor must say it.", "demo-nord"))
    status = Choice(DELIVERY_STATUSES, metadata=about("Only deliveries in this state.", "failed"))
    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


class MessageDelivery(StrictSchema):
    """A message's way to MyCareNet. Stage: pseudonymous, without its pseudonym."""

    id = Identifier(required=True, metadata=about("Id of the message, the same on every try.", EXAMPLE_ID))
    kind = Text(40, required=True, metadata=about("What it tells of: inclusion, exit, action, and so on.", "inclusion"))
    reference = Identifier(required=True, metadata=about("Id of the inclusion or action that it is about.", EXAMPLE_ID))
    status = Choice(
        DELIVERY_STATUSES, required=True, metadata=about("How far it is; `failed` needs a person.", "pending")
    )
    reason = Text(200, metadata=about("Why it was rejected, failed, or has to be tried again, a code.", "not-insured"))
    text = Text(400, metadata=about("The same for people, in the language asked for.", "The person is not insured."))
    attempts = WholeNumber(0, 2**31 - 1, required=True, metadata=about("How often it was tried.", 1))
    created_at = Instant(required=True, metadata=about("When it was committed, in real time.", "2022-01-15T08:30:00Z"))
    next_attempt_at = Instant(
        metadata=about("When it is tried next, in real time, while it was not taken.", "2022-01-15T08:31:00Z")
    )
    answered_at = Instant(metadata=about("When its answer became known, by the legal clock.", "2022-01-15T08:30:02Z"))
    output_reference = Text(200, metadata=about("By what MyCareNet knows it, once it took it.", "MCN-2022-0001"))


class DeliveryList(StrictSchema):
    """A page of deliveries, newest last."""

    items = items_of(MessageDelivery, "The deliveries.")
    next = next_cursor()
