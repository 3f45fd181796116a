"""Reconcile a project's month: our two sides by the page, MyCareNet's statement, and the rules that compare them.

facts and their messages ─ statement ─ messages that the statement names beside them ─ compare

In this order a message that moves on meanwhile is no difference: what is acknowledged when we look was received before
the statement is read, and what comes after the look is found beside it.
Stage: pseudonymous; ids alone.
Cost: the ids of one month of one project in memory; each page of facts is a short transaction, and none is open while
MyCareNet is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.delivery import StatementLine
from gateway.domain.errors import StatementUnavailable
from gateway.domain.periods import add_months, begins_at
from gateway.domain.reconciliation import Reconciliation, Sent, reconcile
from gateway.services.context import Context, Work
from gateway.services.statements import Source
from gateway.store.sides import FACTS, Pair, Place
from gateway.store.transaction import Transaction
from gateway.upstream.client import MailboxUnavailable

FACTS_AT_ONCE = 1_000
TURN_SECONDS = 2.0


def show_reconciliation(work: Work, project_id: str) -> str:
    """The id of a project whose month the caller may see reconciled.

    Shape: the comparing is done after this verb's transaction, which holds its audit entry (G16).
    Raises: UnknownProject, ForeignProject.
    """
    project = work.catalogue.project(project_id)
    check_project(work.caller, "show_reconciliation", project.id)
    work.about(project.id)
    return project.id


def reconcile_month(context: Context, project: str, month: str) -> Reconciliation:
    """The three sides of a project's month, of what was communicated in it.

    Source: CONTRACT 8, G6.
    Raises: StatementUnavailable, when another one is being asked for too.
    """
    statements = context.statements
    if statements.open is None or not statements.turn.acquire(timeout=TURN_SECONDS):
        raise StatementUnavailable
    try:
        ours = list(_ours(context, project, month))
        listed = _listed(statements.open(), project, month, statements.patience)
    finally:
        statements.turn.release()
    asked = [pair.asked for pair in ours]
    sent = [pair.sent for pair in ours if pair.sent is not None]
    known = {one.message_id for one in sent}
    named = {*(one.message_id for one in asked), *(line.message_id for line in listed)}
    sent += _beside(context, project, named - known)
    return reconcile(asked, sent, listed, context.real_now(), statements.late)


def _ours(context: Context, project: str, month: str) -> Iterator[Pair]:
    """What a project's facts asked in a month, each with its message."""
    first = date.fromisoformat(f"{month}-01")
    span: tuple[datetime, datetime] = begins_at(first), begins_at(add_months(first, 1))
    for table in FACTS:
        after: Place | None = None
        while True:
            with context.store.reading() as tx:
                tx.see(lambda: [project])
                page = tx.sides.asked(table.name, project, span, after, FACTS_AT_ONCE)
            yield from page
            if len(page) < FACTS_AT_ONCE:
                break
            after = page[-1].asked_at, page[-1].asked.message_id


def _listed(source: Source, project: str, month: str, patience: timedelta) -> list[StatementLine]:
    """The whole statement, or none of it."""
    ends_at = time.monotonic() + patience.total_seconds()
    lines: list[StatementLine] = []
    try:
        for line in source.statement(project, month):
            if time.monotonic() > ends_at:
                raise StatementUnavailable
            lines.append(line)
    except MailboxUnavailable as error:
        raise StatementUnavailable from error
    return lines


def _beside(context: Context, project: str, message_ids: Iterable[UUID]) -> Sequence[Sent]:
    """Messages by their ids: where these route to, or where they moved since."""
    wanted, found = sorted(message_ids), list[Sent | None]()
    for first in range(0, len(wanted), FACTS_AT_ONCE):
        with context.store.reading() as tx:
            tx.see(lambda: [project])
            page = wanted[first : first + FACTS_AT_ONCE]
            found += [_find(tx, context.veil.identifiers.bucket_of(one), one) for one in page]
    return [one for one in found if one is not None]


def _find(tx: Transaction, bucket: int, message_id: UUID) -> Sent | None:
    sent = tx.sides.sent(bucket, message_id)
    moved_to = tx.moves.find(bucket, message_id) if sent is None else None
    return sent if moved_to is None else tx.sides.sent(moved_to, message_id)
