"""Give claimed messages what goes on their envelope: the reference of their body.

Stage: identified, for the length of one hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.delivery import Message
from gateway.pseudonyms.keyring import KeyringError
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.pseudonyms.veil import Veil
from gateway.store.transaction import Transaction
from gateway.upstream.messages import body_of

Sealed = tuple[Message, bytes]


def address_messages(tx: Transaction, veil: Veil, claimed: Sequence[Sealed]) -> list[Sealed]:
    """The messages with the input reference, which is kept from their first claim on.

    Shape: a message whose seal is broken, or whose key is not there, gets no reference: it cannot be sent now.
    """
    addressed = [(_addressed(veil, message, sealed), sealed) for message, sealed in claimed]
    first = [after for (before, _), (after, _) in zip(claimed, addressed, strict=True) if not before.input_reference]
    tx.outbox.refer([one for one in first if one.input_reference])
    return addressed


def _addressed(veil: Veil, message: Message, sealed: bytes) -> Message:
    if message.input_reference is not None:
        return message
    try:
        body = body_of(message, veil.sealer.unseal(sealed, message.project, message.sealed_for))
    except (BrokenSeal, KeyringError):
        return message
    return replace(message, input_reference=veil.fingerprints.message(body))
