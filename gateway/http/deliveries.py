"""How far a message to MyCareNet has come, as every door shows it."""

from __future__ import annotations

from typing import Any

from gateway.domain.delivery import State
from gateway.http.texts import delivery_texts


def delivery(state: str, reason: str | None, language: str) -> dict[str, Any]:
    """The members of a delivery: its status and, where there is a reason, its code and text.

    Shape: `text` is the reason's own, or what is said of any other reason in that status.
    """
    status = State(state).shown
    if reason is None:
        return {"status": status}
    texts = delivery_texts()
    return {"status": status, "reason": reason, "text": texts.get(reason, texts[status])[language]}
