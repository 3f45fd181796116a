"""What MyCareNet is told, and what it answers, as JSON.

Stage: identified; a message meets its SSIN here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from gateway.domain.delivery import Answer, Member, Message
from gateway.domain.identity import Ssin
from schemas import strict_json
from schemas.mycarenet import Mailbox


def body_of(message: Message, ssin: Ssin) -> bytes:
    """A message with its identity, as the body to send: the same bytes on every try."""
    return strict_json.dumps(
        {
            "message_id": str(message.id),
            "kind": message.kind,
            "project": message.project,
            "ssin": ssin.reveal(),
            "reference": str(message.reference),
            **message.content,
        }
    )


def decode_mailbox(body: bytes) -> list[Answer]:
    """The answers of a mailbox page.

    Raises: marshmallow.ValidationError or StrictJsonError when it is none.
    """
    page: dict[str, Any] = Mailbox().load(strict_json.loads(body))  # type: ignore[arg-type] # checked by load
    return [_answer_of(item) for item in page["items"]]


def _answer_of(item: dict[str, Any]) -> Answer:
    member = item.get("member")
    return Answer(
        answer_id=item["answer_id"],
        message_id=item["message_id"],
        accepted=item["outcome"] == "accepted",
        code=item.get("code"),
        member=None if member is None else Member(**member),
    )
