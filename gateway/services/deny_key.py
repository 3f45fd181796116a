"""Deny a key of the token issuer, because a person says so: what it signed is nobody's token from then on."""

from __future__ import annotations

from uuid import uuid4

from gateway.domain.audit import Entry
from gateway.services.context import Context


def denied_keys(context: Context) -> frozenset[str]:
    """The kids that are denied.

    Raises: StoreUnavailable.
    """
    with context.store.reading() as tx:
        return tx.denied_keys.all()


def deny_key(context: Context, kid: str) -> None:
    """Deny a key on every gateway of this register."""
    with context.store.transaction() as tx:
        tx.denied_keys.deny(kid, context.real_now())
        tx.audit.add(_entry(context, "deny_key", "done"))


def lift_denial(context: Context, kid: str) -> bool:
    """Let a denied key sign again; whether it was denied."""
    with context.store.transaction() as tx:
        was_denied = tx.denied_keys.lift(kid)
        tx.audit.add(_entry(context, "lift_denial", "done" if was_denied else "not-denied"))
    return was_denied


def _entry(context: Context, verb: str, outcome: str) -> Entry:
    """The audit entry of who has the command line: nobody with a token."""
    return Entry(
        id=context.veil.identifiers.new(0),
        bucket=0,
        at=context.real_now(),
        role="operator",
        organisation="command-line",
        person="command-line",
        verb=verb,
        outcome=outcome,
        request_id=str(uuid4()),
    )
