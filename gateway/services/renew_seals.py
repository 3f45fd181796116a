"""Seal everything again that an older key sealed, some values a transaction, while the register is used.

Stage: identified, for the length of one seal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.pseudonyms.keyring import KeyringError
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.pseudonyms.webhook_secrets import place_of as place_of_webhook
from gateway.services.context import Context
from gateway.services.count_seals import count_seals
from gateway.services.stage_batch import CALLER
from gateway.services.stage_batch import place_of as place_in_batch
from gateway.store.seals import SEALED, SealedRow

IDENTITIES = {"vault": "pseudonym", "outbox": "tried_pseudonym"}
"""Where identities are sealed, and the column that says for which pseudonym."""
ROWS_PER_TRANSACTION = 100
BREATH_SECONDS = 0.002
"""Between two transactions, so that whoever waits to write has a turn."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """How many values were sealed anew, and how many cannot be opened and stayed as they are."""

    renewed: int = 0
    broken: int = 0


def renew_seals(context: Context, report: Callable[[int], None] = lambda _: None) -> Renewal:
    """Seal anew whatever is not sealed with the key in use, table by table.

    Shape: to be repeated after a kill; what is done is passed over. A value that changes meanwhile is left alone: who
    changed it sealed it anew, or destroyed it.
    Source: DECISIONS 64.
    """
    context = context.renewed()
    renewed = broken = 0
    for page in _pages(context):
        sealed = [(found, _renewed(context, found)) for found in page]
        with context.store.transaction() as tx:
            renewed += sum(tx.seals.put(found, fresh) for found, fresh in sealed if fresh is not None)
        broken += sum(fresh is None for _, fresh in sealed)
        report(renewed)
        time.sleep(BREATH_SECONDS)
    count_seals(context, at_least=1)
    return Renewal(renewed, broken)


def _pages(context: Context) -> Iterator[list[SealedRow]]:
    for table, column in SEALED:
        mark, after = _mark(context, table.name), None
        while True:
            with context.store.reading() as tx:
                page = tx.seals.older(table.name, column, mark, after, ROWS_PER_TRANSACTION)
                after = tx.seals.position(page[-1]) if page else None
            if after is None:
                break
            yield page


def _mark(context: Context, table: str) -> bytes:
    sealer = context.veil.sealer
    return sealer.mark_of_identities if table in IDENTITIES else sealer.mark


def _renewed(context: Context, found: SealedRow) -> bytes | None:
    sealer, row = context.veil.sealer, found.row
    try:
        if found.table not in IDENTITIES:
            return sealer.renew(found.sealed, _place(found))
        project, pseudonym = row["project"], row[IDENTITIES[found.table]]
        return sealer.seal(sealer.unseal(found.sealed, project, pseudonym), project, pseudonym)
    except (BrokenSeal, KeyringError):
        return None


def _place(found: SealedRow) -> str:
    """The place that a value is sealed for."""
    row = found.row
    match found.table:
        case "batch":
            return place_in_batch(row["id"], CALLER)
        case "batch_line":
            return place_in_batch(row["batch"], row["number"])
        case "webhook":
            return place_of_webhook(row["id"])
        case _:
            raise AssertionError(found.table)
