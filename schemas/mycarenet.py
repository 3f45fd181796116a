"""What the gateway and MyCareNet say to each other; the mock is the other side of it.

MyCareNet publishes no machine interface for ChronicCare: this one is our own invention, in its style.
Requests refuse unknown members. Answers leave them out: the other side may learn to say more before we listen.
"""

from __future__ import annotations

from marshmallow import EXCLUDE

from schemas.action import MAX_OCCURRENCE
from schemas.fields import (
    Block,
    Choice,
    Day,
    Identifier,
    Instant,
    JsonObject,
    ListOf,
    Nihii,
    Nis,
    ProjectId,
    Pseudocode,
    Ssin,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.inclusion import EXAMPLE_ID, items_of

MESSAGE_KINDS = (
    "inclusion",
    "inclusion-correction",
    "inclusion-annulment",
    "identity-change",
    "exit",
    "exit-annulment",
    "action",
    "action-annulment",
)
OUTCOMES = ("accepted", "rejected")
INSURERS = ("100", "200", "300", "400", "500", "600", "900")
SEXES = ("F", "M", "X")
SCENARIOS = ("accept", "outage", "reject-all")


class AnswerSchema(StrictSchema):
    """What the other side answers."""

    class Meta(StrictSchema.Meta):
        """Another member is left out."""

        # A foreign system that adds a member to its answers must not stop our deliveries.
        unknown = EXCLUDE


class Message(StrictSchema):
    """One fact on its way to MyCareNet. Stage: identified. Shape: null where the kind has no such fact."""

    message_id = Identifier(required=True, metadata=about("Id of the message; the same on every try.", EXAMPLE_ID))
    kind = Choice(MESSAGE_KINDS, required=True, metadata=about("What is communicated.", "inclusion"))
    project = ProjectId(required=True, metadata=about("Project of the fact.", "demo-nord"))
    ssin = Ssin(required=True, metadata=about("SSIN of the beneficiary.", "85073003328"))
    reference = Identifier(required=True, metadata=about("Id of the inclusion or action.", EXAMPLE_ID))
    inclusion = Identifier(
        load_default=None, metadata=about("Id of the inclusion that an action belongs to.", EXAMPLE_ID)
    )
    communicated_at = Instant(
        required=True, metadata=about("Instant at which the gateway committed it.", "2022-01-15T08:30:00Z")
    )
    valid_from = Day(load_default=None, metadata=about("First valid day.", "2022-02-01"))
    agreed_on = Day(load_default=None, metadata=about("Day of the agreement.", "2022-01-10"))
    reason = Text(100, load_default=None, metadata=about("Of an exit or annulment.", "moved"))
    pseudocode = Pseudocode(load_default=None, metadata=about("Of an action.", "794010"))
    performed_on = Day(load_default=None, metadata=about("Day of an action.", "2022-02-14"))
    occurrence = WholeNumber(1, MAX_OCCURRENCE, load_default=None, metadata=about("Which one of that day, from 1.", 1))
    performed_by = Nihii(load_default=None, metadata=about("Who performed it.", "12345625001"))


class TechnicalAcknowledgement(AnswerSchema):
    """The message arrived; whether it is accepted comes later, by the mailbox."""

    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    reference = Text(200, required=True, metadata=about("MyCareNet's own reference.", "MCN-2022-000017"))
    received_at = Instant(required=True, metadata=about("When it arrived.", "2022-01-15T08:30:02Z"))


class Member(AnswerSchema):
    """What the insurer knows of a beneficiary and figures need. Stage: identified."""

    insurer = Choice(INSURERS, required=True, metadata=about("Insurer, as a string.", "100"))
    sex = Choice(SEXES, required=True, metadata=about("F, M or X (unknown).", "M"))
    birth_date = Day(required=True, metadata=about("Day of birth.", "1985-07-30"))
    municipality = Nis(required=True, metadata=about("Municipality, NIS code.", "25112"))


_MEMBER = {"insurer": "100", "sex": "M", "birth_date": "1985-07-30", "municipality": "25112"}


class Answer(AnswerSchema):
    """What MyCareNet decided on one message. Shape: `member` with an acceptance, `code` with a rejection."""

    answer_id = Text(100, required=True, metadata=about("Id of the answer, to confirm it.", "A-000017"))
    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    outcome = Choice(OUTCOMES, required=True, metadata=about("The decision.", "accepted"))
    code = Text(100, load_default=None, metadata=about("Why it was rejected.", "not-insured"))
    member = Block(Member, load_default=None, metadata=about("The insured person.", _MEMBER))


class Mailbox(AnswerSchema):
    """The answers that wait, oldest first, until they are confirmed."""

    items = items_of(Answer, "The answers.")


class Confirmation(StrictSchema):
    """Answers that were recorded and need not be given again."""

    answers = ListOf(
        Text(100, metadata=about("Id of one answer.", "A-000017")),
        required=True,
        maximum=1000,
        metadata=about("Ids of the answers.", ["A-000017"]),
    )


class MemberRequest(StrictSchema):
    """Which member to find. Stage: identified."""

    ssin = Ssin(required=True, metadata=about("SSIN of the member.", "85073003328"))


class LedgerEntry(AnswerSchema):
    """One message that arrived; a repeat is an entry of its own."""

    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    kind = Choice(MESSAGE_KINDS, required=True, metadata=about("What was communicated.", "inclusion"))
    received_at = Instant(required=True, metadata=about("When it arrived.", "2022-01-15T08:30:02Z"))


class Ledger(AnswerSchema):
    """Every message that arrived, whole, in order of receipt."""

    items = items_of(LedgerEntry, "The entries.")


class ScenarioRequest(StrictSchema):
    """How the mock shall behave from now on."""

    name = Choice(SCENARIOS, required=True, metadata=about("Name of the behaviour.", "accept"))


class TokenRequest(StrictSchema):
    """Which token the mock shall sign; `claims` and `header` overwrite, and null in them removes."""

    role = Text(40, required=True, metadata=about("Role of the caller.", "provider"))
    nihii = Nihii(metadata=about("Of a provider.", "12345625001"))
    project = ProjectId(metadata=about("Of a project administrator or coordinator.", "demo-nord"))
    insurer = Choice(INSURERS, metadata=about("Of an insurer.", "100"))
    claims = JsonObject(metadata=about("Claims to overwrite.", {"exp": None}))
    header = JsonObject(metadata=about("Members of the header to overwrite.", {"kid": "other"}))


class Token(AnswerSchema):
    """A signed token."""

    access_token = Text(65536, required=True, metadata=about("The token.", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"))
