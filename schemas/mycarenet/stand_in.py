"""What the mock alone says: its ledger, scenarios and faults, its member register, and its tokens."""

from __future__ import annotations

from schemas.fields import Choice, Identifier, Instant, JsonObject, Nihii, ProjectId, Ssin, StrictSchema, Text, about
from schemas.inclusion import EXAMPLE_ID, items_of
from schemas.mycarenet.values import INSURERS, MESSAGE_KINDS, AnswerSchema

SCENARIOS = (
    "accept",
    "slow",
    "outage",
    "http-500",
    "lost-answer",
    "duplicate-answer",
    "reordered",
    "reject-all",
    "half-503",
    "one-byte-per-second",
    "never",
    "reset",
    "cut-json",
    "html",
    "huge",
    "wrong-id",
    "wrong-reference",
    "delayed",
    "contradicting",
)
FAULTS = ("drop", "double", "delay", "contradict", "lose")


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


class FaultRequest(StrictSchema):
    """A fault to plant in the mock's register, for a test of reconciliation to find."""

    message_id = Identifier(required=True, metadata=about("Id of a message that arrived.", EXAMPLE_ID))
    fault = Choice(
        FAULTS,
        required=True,
        metadata=about("Left out; listed twice; received 40 days later; decided otherwise; forgotten.", "drop"),
    )


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
