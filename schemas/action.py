"""Actions on the wire: registered, annulled, listed."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import fields

from schemas.fields import (
    Block,
    Choice,
    Cursor,
    Day,
    Flag,
    Identifier,
    Instant,
    Limit,
    Nihii,
    ProjectId,
    Pseudocode,
    Ssin,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.inclusion import EXAMPLE_ID, Delivery, items_of, next_cursor

ACTION_STATUSES = ("recorded", "annulled", "rejected")
ACTION_ANNULMENT_REASONS = ("wrong-person", "wrong-pseudocode", "wrong-day", "not-performed", "duplicate", "other")
MAX_OCCURRENCE = 2**31 - 1


class ActionRequest(StrictSchema):
    """What registers an action. Stage: identified."""

    project = ProjectId(required=True, metadata=about("Project in which it was performed.", "demo-nord"))
    ssin = Ssin(required=True, metadata=about("SSIN of the beneficiary.", "85073003328"))
    pseudocode = Pseudocode(required=True, metadata=about("What was done, six digits.", "794010"))
    performed_on = Day(required=True, metadata=about("Day on which it was performed.", "2022-02-14"))
    occurrence = WholeNumber(
        1,
        MAX_OCCURRENCE,
        load_default=1,
        metadata=about("Which one of the same actions of that day, from 1 (P6); 1 when not given.", 1),
    )
    performed_by = Nihii(
        metadata=about("Who performed it; a project administrator must say it, a provider is it.", "12345625001")
    )


class ActionQuery(StrictSchema):
    """Which actions to list."""

    project = ProjectId(metadata=about("Project of the actions.", "demo-nord"))
    pseudocode = Pseudocode(metadata=about("Only actions under this pseudocode.", "794010"))
    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))

    class Meta(StrictSchema.Meta):
        """`from` is a keyword of the language."""

        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Day(metadata=about("First day performed, inclusive.", "2022-02-01")),
            "to": Day(metadata=about("Last day performed, inclusive.", "2022-02-28")),
        }


class ActionAnnulmentRequest(StrictSchema):
    """Why an action was entered by mistake. Source: V8."""

    reason = Choice(ACTION_ANNULMENT_REASONS, required=True, metadata=about("What the mistake was.", "wrong-day"))


class ActionAnnulment(StrictSchema):
    """The annulment of an action."""

    reason = Choice(ACTION_ANNULMENT_REASONS, required=True, metadata=about("What the mistake was.", "wrong-day"))


class ActionReceipt(StrictSchema):
    """An action as the gateway answers it. Stage: pseudonymous, without its pseudonym.

    Shape: `id`, `delivery` and `receipt` are absent, and `validated` is there, when nothing was stored.
    """

    id = Identifier(metadata=about("Id of the action.", EXAMPLE_ID))
    project = ProjectId(required=True, metadata=about("Project of the action.", "demo-nord"))
    inclusion = Identifier(required=True, metadata=about("Id of the inclusion that it belongs to.", EXAMPLE_ID))
    pseudocode = Pseudocode(required=True, metadata=about("What was done, six digits.", "794010"))
    performed_on = Day(required=True, metadata=about("Day on which it was performed.", "2022-02-14"))
    occurrence = WholeNumber(
        1, MAX_OCCURRENCE, required=True, metadata=about("Which one of the same actions of that day, from 1.", 1)
    )
    performed_by = Nihii(metadata=about("Who performed it.", "12345625001"))
    status = Choice(ACTION_STATUSES, required=True, metadata=about("State of the action.", "recorded"))
    recorded_at = Instant(
        required=True, metadata=about("Instant at which the gateway committed it.", "2022-02-14T16:20:00Z")
    )
    voluntary = Flag(
        required=True, metadata=about("Whether it was performed before 2022-01-01, when none had to be (P10).", False)
    )
    annulment = Block(ActionAnnulment, metadata=about("The annulment, if any.", {"reason": "wrong-day"}))
    delivery = Block(Delivery, metadata=about("The message to MyCareNet.", {"status": "pending"}))
    receipt = Text(8192, metadata=about("Signed receipt, compact JWS (ES256).", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
    validated = Flag(metadata=about("True when it was checked only and nothing was stored.", True))


class ActionList(StrictSchema):
    """A page of actions, newest first."""

    items = items_of(ActionReceipt, "The actions.")
    next = next_cursor()
