"""What the doors without a token answer, as schemas: health, keys, problems, rules."""

from __future__ import annotations

from schemas.fields import Block, Choice, Flag, JsonObject, ListOf, StrictSchema, Text, WholeNumber, about
from schemas.inclusion import items_of, next_cursor
from schemas.problem import ReadinessCheck

_MET = {"check": "database", "ok": True}
_COORDINATE = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"


class Liveness(StrictSchema):
    """The gateway runs."""

    status = Choice(("live",), required=True, metadata=about("Always `live`.", "live"))


class OutboxAge(StrictSchema):
    """How long messages have been waiting for MyCareNet."""

    oldest_seconds = WholeNumber(0, 2**31 - 1, required=True, metadata=about("Age of the oldest one.", 4))


class ClockOffset(StrictSchema):
    """How right the gateway's clock is."""

    ahead_seconds = WholeNumber(
        -(2**31), 2**31 - 1, required=True, metadata=about("By how much it is ahead of the database's machine's.", 0)
    )


class Readiness(StrictSchema):
    """The gateway can take registrations.

    Shape: `oldest_seconds` is 0 when nothing waits for MyCareNet; there is no `clock` on the embedded store.
    """

    status = Choice(("ready",), required=True, metadata=about("Always `ready`.", "ready"))
    checks = ListOf(
        Block(ReadinessCheck, metadata=about("One need.", _MET)), required=True, metadata=about("Each need.", [_MET])
    )
    outbox = Block(
        OutboxAge, metadata=about("What waits for MyCareNet; it never makes a gateway unready.", {"oldest_seconds": 4})
    )
    clock = Block(
        ClockOffset, metadata=about("The clock of a gateway whose database has one too.", {"ahead_seconds": 0})
    )


class Texts(StrictSchema):
    """One text in the four languages."""

    fr = Text(2000, required=True, metadata=about("In French.", "NISS invalide"))
    nl = Text(2000, required=True, metadata=about("In Dutch.", "Ongeldig INSZ"))
    de = Text(2000, required=True, metadata=about("In German.", "Ungültige ENSS"))
    en = Text(2000, required=True, metadata=about("In English.", "Invalid SSIN"))


def _texts(description: str) -> Block:
    return Block(Texts, required=True, metadata=about(description, {}))


class ProblemPage(StrictSchema):
    """One code of a problem, with its texts."""

    code = Text(100, required=True, metadata=about("Stable code, kebab-case.", "invalid-ssin"))
    type = Text(200, required=True, metadata=about("Page of the problem.", "/problems/invalid-ssin"))
    status = WholeNumber(400, 599, required=True, metadata=about("HTTP status.", 400))
    title = _texts("What it is.")
    detail = _texts("What happened; `{name}` stands for a fact of the problem.")
    remedy = _texts("What to do next.")


class ProblemPageList(StrictSchema):
    """Every code, in order."""

    items = items_of(ProblemPage, "The codes.")
    next = next_cursor()


class Rule(StrictSchema):
    """One rule of the rule book."""

    id = Text(10, required=True, metadata=about("Id of the rule.", "V1"))
    source = Text(200, required=True, metadata=about("Its article.", "C 9 §1"))
    interpretation = Flag(required=True, metadata=about("Whether the texts leave it open, wholly or in part.", False))
    text = _texts("The rule.")


class RuleBook(StrictSchema):
    """Every rule, in the order of the book."""

    version = Text(20, required=True, metadata=about("Version of the rule book.", "1"))
    items = items_of(Rule, "The rules.")
    next = next_cursor()


class ReceiptKey(StrictSchema):
    """A public key of receipts (RFC 7517)."""

    kty = Choice(("EC",), required=True, metadata=about("Kind of key.", "EC"))
    crv = Choice(("P-256",), required=True, metadata=about("Curve.", "P-256"))
    x = Text(64, required=True, metadata=about("First coordinate, base64url.", _COORDINATE))
    y = Text(64, required=True, metadata=about("Second coordinate, base64url.", _COORDINATE))
    kid = Text(64, required=True, metadata=about("Id of the key, as receipts name it.", "receipt-1"))
    alg = Choice(("ES256",), required=True, metadata=about("Algorithm.", "ES256"))
    use = Choice(("sig",), required=True, metadata=about("What it is for.", "sig"))


class ReceiptKeys(StrictSchema):
    """The public keys of receipts, old ones included."""

    keys = ListOf(Block(ReceiptKey, metadata=about("One key.", {})), required=True, metadata=about("The keys.", []))


class Description(StrictSchema):
    """An OpenAPI 3.1 document, in the parts that a reader needs first."""

    openapi = Text(10, required=True, metadata=about("Version of OpenAPI.", "3.1.0"))
    info = JsonObject(required=True, metadata=about("Title and version.", {"title": "ChronicCare", "version": "1"}))
    paths = JsonObject(required=True, metadata=about("The operations, by path and method.", {}))
