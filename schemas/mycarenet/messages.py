"""A message, and its technical acknowledgement (TAck)."""

from __future__ import annotations

from schemas.fields import Block, Choice, Identifier, Instant, StrictSchema, Text, about
from schemas.inclusion import EXAMPLE_ID
from schemas.mycarenet.fhir import EXAMPLE_BUNDLE, Bundle
from schemas.mycarenet.values import INSURERS, AnswerSchema

EXAMPLE_REFERENCE = "5e4c9a52-7d1f-8b06-9c3a-2f60d1b7e845"


class Message(StrictSchema):
    """One fact on its way to MyCareNet. Stage: identified.

    Shape: `destination` may become known between two tries; everything else is the same on every try.
    """

    message_id = Identifier(required=True, metadata=about("Id of the message; the same on every try.", EXAMPLE_ID))
    input_reference = Identifier(
        required=True, metadata=about("The sender's reference of the body, a keyed hash of it.", EXAMPLE_REFERENCE)
    )
    destination = Choice(
        INSURERS, required=True, allow_none=True, metadata=about("Insurer; null: MyCareNet finds it.", "100")
    )
    body = Block(Bundle, required=True, metadata=about("A FHIR message Bundle.", EXAMPLE_BUNDLE))


class TechnicalAcknowledgement(AnswerSchema):
    """The message arrived; whether it is accepted comes later, by the mailbox."""

    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    input_reference = Identifier(required=True, metadata=about("The sender's reference, echoed.", EXAMPLE_REFERENCE))
    output_reference = Text(100, required=True, metadata=about("MyCareNet's own reference.", "MCN-000017"))
    received_at = Instant(required=True, metadata=about("When it arrived.", "2022-01-15T08:30:02Z"))
