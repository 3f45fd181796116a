"""What MyCareNet is told, and what it answers, as JSON.

Stage: identified; a message meets its SSIN here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid5

import structlog
from marshmallow import ValidationError

from gateway.domain.delivery import Answer, Member, Message, StatementLine
from gateway.domain.identity import Ssin
from schemas import strict_json
from schemas.mycarenet import fhir
from schemas.mycarenet.answers import Mailbox
from schemas.mycarenet.messages import TechnicalAcknowledgement
from schemas.mycarenet.outcomes import code_of
from schemas.mycarenet.statement import Statement

log = structlog.get_logger("chroniccare.mailbox")
_MAILBOX = Mailbox()
_STATEMENT = Statement()
_ACKNOWLEDGEMENT = TechnicalAcknowledgement()
_FINISHED = {"exit": "finished", "inclusion-annulment": "entered-in-error", "action-annulment": "entered-in-error"}


class OtherMessage(Exception):
    """An acknowledgement that is to another message."""


def encode(message: Message, ssin: Ssin) -> bytes:
    """A message in its envelope, as it is sent.

    Shape: its input reference is known.
    """
    envelope = {
        "message_id": str(message.id),
        "input_reference": str(message.input_reference),
        "destination": message.insurer,
        "body": _bundle(message, ssin),
    }
    return strict_json.dumps(envelope)


def body_of(message: Message, ssin: Ssin) -> bytes:
    """A message's body with its identity: the same bytes on every try."""
    return strict_json.canonical(_bundle(message, ssin))


def decode_acknowledgement(body: bytes, message: Message) -> str:
    """MyCareNet's own reference of a message that it took.

    Raises: marshmallow.ValidationError or StrictJsonError when it is no acknowledgement; OtherMessage.
    """
    taken: dict[str, Any] = _ACKNOWLEDGEMENT.load(strict_json.loads(body))  # type: ignore[arg-type] # checked by load
    if (taken["message_id"], taken["input_reference"]) != (message.id, message.input_reference):
        raise OtherMessage
    return str(taken["output_reference"])


def decode_mailbox(body: bytes) -> list[Answer]:
    """The answers of a mailbox page.

    Shape: an answer that cannot be read is left in the mailbox, and holds up no other; how many, the log says.
    Raises: marshmallow.ValidationError or StrictJsonError when it is none, or no answer in it can be read.
    """
    raw: Any = strict_json.loads(body)
    try:
        page: dict[str, Any] = _MAILBOX.load(raw)
    except ValidationError as error:
        page = _MAILBOX.load({"items": _readable(raw, error)})
    return [_answer_of(item) for item in page["items"]]


def _readable(raw: Any, error: ValidationError) -> list[Any]:
    """The items of a page in which the error finds nothing wrong. Raises: the error, when there are none."""
    wrong = error.messages.get("items") if isinstance(error.messages, dict) else None
    if not isinstance(wrong, dict):
        raise error
    right = [item for place, item in enumerate(raw["items"]) if place not in wrong]
    if not right:
        raise error
    log.warning("unreadable_answers", count=len(wrong))
    return right


def decode_statement(body: bytes) -> tuple[list[StatementLine], str | None]:
    """The lines of a page of the statement, and where the next one begins.

    Raises: marshmallow.ValidationError or StrictJsonError when it is none.
    """
    page: dict[str, Any] = _STATEMENT.load(strict_json.loads(body))  # type: ignore[arg-type] # checked by load
    return [_line_of(item) for item in page["items"]], page["next"]


def _line_of(item: Mapping[str, Any]) -> StatementLine:
    return StatementLine(
        message_id=item["message_id"],
        input_reference=item["input_reference"],
        output_reference=item["output_reference"],
        kind=item["kind"],
        reference=item["reference"],
        received_at=item["received_at"],
        received_count=item["received_count"],
        accepted=item["outcome"] == "accepted",
        code=item["code"],
        is_answered=item["is_answered"],
    )


def _answer_of(item: Mapping[str, Any]) -> Answer:
    member, error = item.get("member"), item.get("error")
    return Answer(
        answer_id=item["answer_id"],
        message_id=item["message_id"],
        accepted=item["outcome"] == "accepted",
        code=None if error is None else code_of(error),
        member=None if member is None else Member(**member),
        input_reference=item["input_reference"],
        output_reference=item["output_reference"],
    )


def _bundle(message: Message, ssin: Ssin) -> dict[str, Any]:
    """Header, focus and patient; the patient's URN is of this message alone."""
    focus, patient = _urn(message.reference), _urn(uuid5(message.id, "patient"))
    about = _procedure if message.kind.startswith("action") else _episode
    number = {"system": fhir.SSINS, "value": ssin.reveal()}
    entries = {
        _urn(message.id): _header(message, focus),
        focus: {**about(message, patient), **_extensions(message.content)},
        patient: {"resourceType": "Patient", "identifier": [number]},
    }
    return {
        "resourceType": "Bundle",
        "type": "message",
        "timestamp": message.content["communicated_at"],
        "entry": [{"fullUrl": urn, "resource": resource} for urn, resource in entries.items()],
    }


def _header(message: Message, focus: str) -> dict[str, Any]:
    header = {
        "resourceType": "MessageHeader",
        "eventCoding": {"system": fhir.KINDS, "code": message.kind},
        "source": {"endpoint": fhir.GATEWAY},
        "destination": [{"endpoint": fhir.MYCARENET}],
        "sender": _named(fhir.PROJECTS, message.project),
        "focus": [{"reference": focus}],
    }
    reason = message.content.get("reason")
    return header if reason is None else {**header, "reason": _coded(fhir.REASONS, reason)}


def _episode(message: Message, patient: str) -> dict[str, Any]:
    status, start = _FINISHED.get(message.kind, "active"), message.content.get("valid_from")
    episode = {"resourceType": "EpisodeOfCare", "status": status, "patient": {"reference": patient}}
    return episode if start is None else {**episode, "period": {"start": start}}


def _procedure(message: Message, patient: str) -> dict[str, Any]:
    status, content = _FINISHED.get(message.kind, "completed"), message.content
    procedure = {"resourceType": "Procedure", "status": status, "subject": {"reference": patient}}
    if "pseudocode" not in content:
        return procedure
    return {
        **procedure,
        "code": _coded(fhir.PSEUDOCODES, content["pseudocode"]),
        "performedDateTime": content["performed_on"],
        "performer": [{"actor": _named(fhir.PROVIDERS, content["performed_by"])}],
    }


def _extensions(content: Mapping[str, Any]) -> dict[str, Any]:
    found = list(_extension(content))
    return {"extension": found} if found else {}


def _extension(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if content.get("agreed_on") is not None:
        yield {"url": fhir.AGREED_ON, "valueDate": content["agreed_on"]}
    if content.get("occurrence") is not None:
        yield {"url": fhir.OCCURRENCE, "valuePositiveInt": content["occurrence"]}
    if content.get("inclusion") is not None:
        yield {"url": fhir.INCLUSION_OF, "valueReference": {"reference": _urn(UUID(content["inclusion"]))}}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _named(system: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": value}}


def _urn(identifier: UUID) -> str:
    return f"urn:uuid:{identifier}"
