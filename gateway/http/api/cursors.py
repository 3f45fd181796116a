"""Cursors: where a list goes on, opaque to the client."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from gateway.domain.errors import InvalidCursor

_FIRST_YEAR, _LAST_YEAR = 2000, 2199
"""Beyond them no cursor was ever given."""


def encode(position: str | None) -> str | None:
    """The cursor of a position; None at the end of a list.

    >>> encode("demo-nord"), encode(None)
    ('ZGVtby1ub3Jk', None)
    """
    return None if position is None else base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode(cursor: str | None) -> str | None:
    """The position that a cursor stands for; None at the beginning.

    >>> decode("ZGVtby1ub3Jk")
    'demo-nord'

    Raises: InvalidCursor.
    """
    if cursor is None:
        return None
    try:
        position = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if encode(position) != cursor:
        raise InvalidCursor
    return position


def encode_id(position: UUID | None) -> str | None:
    """The cursor of a list in order of id; None at its end."""
    return encode(None if position is None else str(position))


def decode_id(cursor: str | None) -> UUID | None:
    """The id that a cursor stands for; None at the beginning.

    Raises: InvalidCursor.
    """
    position = decode(cursor)
    try:
        return None if position is None else UUID(position)
    except ValueError:
        raise InvalidCursor from None


def decode_parts(cursor: str | None) -> tuple[str, str] | None:
    """The two parts of the position that a cursor stands for; None at the beginning.

    Raises: InvalidCursor.
    """
    position = decode(cursor)
    if position is None:
        return None
    first, found, second = position.partition("|")
    if not found:
        raise InvalidCursor
    return first, second


def encode_place(place: tuple[datetime, UUID] | None) -> str | None:
    """The cursor of a list in order of instant and id; None at its end."""
    return encode(None if place is None else f"{place[0]}|{place[1]}")


def decode_place(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The instant and id that a cursor stands for; None at the beginning.

    Raises: InvalidCursor.
    """
    parts = decode_parts(cursor)
    try:
        place = None if parts is None else (datetime.fromisoformat(parts[0]), UUID(parts[1]))
    except ValueError:
        raise InvalidCursor from None
    if place is not None and (place[0].tzinfo is not UTC or not _FIRST_YEAR <= place[0].year <= _LAST_YEAR):
        raise InvalidCursor
    return place
