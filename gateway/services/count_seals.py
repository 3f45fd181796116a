"""Count what each sealing key sealed, for all processes together, so that a key gives way long before its bound.

Source: NIST SP 800-38D, 8.3: at most 2^32 seals under one key with random nonces.
"""

from __future__ import annotations

from gateway.domain.errors import StoreUnavailable
from gateway.services.context import Context

TOLD_AT_ONCE = 1000


def count_seals(context: Context, at_least: int = TOLD_AT_ONCE) -> None:
    """Tell the register how many seals this process made since it last told, once they are many.

    Shape: a process that is killed, or reads a new ring, loses the count of fewer than that; a register that does not
    answer is told later.
    Cost: one row, once in a thousand seals; never within another transaction.
    """
    sealer = context.veil.sealer
    made = sealer.take_count(at_least)
    if not made:
        return
    try:
        with context.store.transaction() as tx:
            tx.pulses.beat(sealer.kid, context.real_now(), count=made)
    except StoreUnavailable:
        sealer.add_count(made)
