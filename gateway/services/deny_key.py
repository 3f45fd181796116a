"""Deny a key of the token issuer, because a person says so: what it signed is nobody's token from then on."""

from __future__ import annotations

from gateway.services.context import Context
from gateway.services.operator import operator_entry


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
        tx.audit.add(operator_entry(context, "deny_key"))


def lift_denial(context: Context, kid: str) -> bool:
    """Let a denied key sign again; whether it was denied."""
    with context.store.transaction() as tx:
        was_denied = tx.denied_keys.lift(kid)
        tx.audit.add(operator_entry(context, "lift_denial", outcome="done" if was_denied else "not-denied"))
    return was_denied
