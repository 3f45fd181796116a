"""What a client is to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """A request to be made; of a `rival`, another key for the same, sent at the same time by another client."""

    key: str
    noun: str
    path: str
    body: Mapping[str, Any]
    person: str
    facts: Mapping[str, str]
    expected: tuple[int, ...] = (201,)
    method: str = "POST"
