"""Remove what has had its time: answers under keys, webhooks' events, batches, extracts, workers that are gone.

page ─ page ─ … ─ page     each a short transaction; whoever is stopped or killed in between is followed by another

Stage: pseudonymous.
Not: facts, messages, failures, releases and the audit. They are the register, and stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from gateway.domain.webhook import TRIED_FOR
from gateway.services.build_extracts import sweep_extracts
from gateway.services.context import Context
from gateway.services.stage_batch import sweep_batches
from gateway.store.transaction import Transaction

ROWS_AT_ONCE = 1_000
BREATH_SECONDS = 0.002
"""Between two pages, so that whoever waits to write has a turn."""
EVENTS_KEPT_FOR = TRIED_FOR
"""How long a webhook and its events are still told of, once it is removed or they have ended."""
UNMADE_KEPT_FOR = timedelta(days=30)
"""How long it is known that an extract was asked for and not made, or removed."""
MADE_KEPT_FOR = timedelta(days=400)
"""How long an increment may go on from an extract: from one year's to the next one's, with a month to spare."""


RATES_KEPT_FOR = timedelta(days=1)
"""How long it is known that somebody asked often, and no more."""


def purge(context: Context, is_stopping: Callable[[], bool] = lambda: False) -> Mapping[str, int]:
    """Remove what has had its time; how much of each kind.

    Cost: by the index of each kind's end, a page at a time; of webhooks and extracts there are few.
    Raises: StoreUnavailable; what was removed before stays so.
    """
    now = context.real_now()

    def pages(remove: Callable[[Transaction], int]) -> int:
        removed, page = 0, ROWS_AT_ONCE
        while page == ROWS_AT_ONCE and not is_stopping():
            with context.store.transaction() as tx:
                page = remove(tx)
            removed += page
            time.sleep(BREATH_SECONDS)
        return removed

    return {
        "keys": pages(lambda tx: tx.idempotency.purge(now, ROWS_AT_ONCE)),
        "events": pages(lambda tx: tx.webhooks.purge_events(now - EVENTS_KEPT_FOR, ROWS_AT_ONCE)),
        "webhooks": pages(lambda tx: tx.webhooks.purge(now - EVENTS_KEPT_FOR, ROWS_AT_ONCE)),
        "extracts": pages(lambda tx: tx.extracts.purge(now - UNMADE_KEPT_FOR, now - MADE_KEPT_FOR, ROWS_AT_ONCE)),
        "rates": pages(lambda tx: tx.rates.purge((now - RATES_KEPT_FOR).timestamp())),
        "workers": pages(lambda tx: tx.pulses.forget(now)),
        "folders": sweep_extracts(context),
        "batches": sweep_batches(context),
    }
