"""The frame around every verb: right, key, transaction, audit, answer. Every door goes through it.

perform ─ role ─ begin ─ claim key ─ verb ─ audit entry ─ keep answer ─ commit
                                      └ refused: roll back, then an audit entry of its own
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from typing import TypeVar

from gateway.domain.access import PUBLISHED, RELEASED, check_role, projects_of
from gateway.domain.audit import Entry
from gateway.domain.errors import (
    Conflict,
    NotFound,
    PreconditionFailed,
    Problem,
    Refusal,
    StoreUnavailable,
    Unavailable,
)
from gateway.pseudonyms.port import Unasked
from gateway.services.context import Call, Context, MovedMeanwhile, Work
from gateway.services.count_seals import count_seals
from gateway.store.idempotency import KeptAnswer
from gateway.store.transaction import Transaction

Result = TypeVar("Result")
MOST_MOVES = 5
AUDITED_REFUSALS = (Refusal, NotFound, Conflict, PreconditionFailed)


@dataclass(frozen=True, slots=True)
class Performed:
    """The answer to a request, and whether it is the first answer given again."""

    answer: KeptAnswer
    is_replay: bool = False


def perform(
    context: Context, call: Call, verb: Callable[[Work], Result], dump: Callable[[Result], KeptAnswer]
) -> Performed:
    """Do a verb for a caller, whole or not at all.

    Raises: whatever the verb refuses, after its audit entry is written (G16); StoreUnavailable;
    PseudonymiserUnavailable.
    """
    context = context.renewed()
    with context.spans.span(call.verb) as span:
        do = _read if call.verb in PUBLISHED else _write
        performed = with_pseudonyms(context, lambda knowing: again_if_moved(lambda: do(knowing, call, verb, dump)))
        span.tell({"chroniccare.outcome": "replayed" if performed.is_replay else "done"})
    return performed


def with_pseudonyms(context: Context, do: Callable[[Context], Result]) -> Result:
    """Do what may lack pseudonyms that another service makes: it is undone, they are asked for, it is done again.

    Shape: nothing is held while the service is asked, and nobody is asked about before the rights are known.
    Raises: PseudonymiserUnavailable.
    """
    while True:
        try:
            return do(context)
        except Unasked as unasked:
            context = context.knowing(unasked.people)


def again_if_moved(do: Callable[[], Result]) -> Result:
    """Do what may find somebody moved before it locked them: it is undone then, and done again where they are.

    Raises: StoreUnavailable when they move again and again.
    """
    for _ in range(MOST_MOVES):
        with suppress(MovedMeanwhile):
            return do()
    raise StoreUnavailable


def _write(
    context: Context, call: Call, verb: Callable[[Work], Result], dump: Callable[[Result], KeptAnswer]
) -> Performed:
    work: Work | None = None
    try:
        check_role(call.caller, call.verb)
        with ExitStack() as ending, context.store.transaction() as tx:
            work = _begin(context, call, tx)
            tx.see(lambda: projects_of(call.caller, tx.catalogue.current()))
            performed = _do(work, call, verb, dump)
            if call.validate_only:
                tx.discard()
            ending.enter_context(context.spans.span("rollback" if call.validate_only else "commit"))
    except AUDITED_REFUSALS as refusal:
        _audit_alone(context, call, work, refusal)
        raise
    if call.validate_only:
        _audit_alone(context, call, work, None)
    count_seals(context)
    return performed


def perform_later(context: Context, call: Call, later: Callable[[], Result], project: str | None) -> Result:
    """Do what a verb left for after its transaction, which wrote the entry of who asked.

    Raises: whatever keeps it from that, after an entry of its own says so; StoreUnavailable.
    """
    try:
        return later()
    except Unavailable as problem:
        with context.store.transaction() as tx:
            failed = _begin(context, call, tx)
            failed.project = project
            tx.audit.add(_entry(failed, call, problem.code))
        raise


def perform_within(context: Context, tx: Transaction, call: Call, verb: Callable[[Work], None]) -> None:
    """Do one of several verbs of one transaction, whole or not at all.

    Shape: what it refuses leaves its audit entry in that transaction, and nothing else.
    Raises: whatever the verb refuses; StoreUnavailable.
    """
    again_if_moved(lambda: _within(context, tx, call, verb))


def _within(context: Context, tx: Transaction, call: Call, verb: Callable[[Work], None]) -> None:
    work: Work | None = None
    try:
        check_role(call.caller, call.verb)
        with tx.savepoint():
            work = _begin(context, call, tx)
            verb(work)
            tx.audit.add(_entry(work, call, "done"))
    except AUDITED_REFUSALS as refusal:
        _audit_within(context, tx, call, work, refusal.code)
        raise


def _read(
    context: Context, call: Call, verb: Callable[[Work], Result], dump: Callable[[Result], KeptAnswer]
) -> Performed:
    def done_in(reading: AbstractContextManager[Transaction]) -> Performed:
        with reading as tx:
            return Performed(dump(verb(_begin(context, call, tx))))

    try:
        check_role(call.caller, call.verb)
        if context.replica is not None and call.verb in RELEASED:
            with suppress(StoreUnavailable, *AUDITED_REFUSALS):  # what a replica does not know yet, the register may
                return done_in(context.replica.reading())
        return done_in(context.store.reading())
    except AUDITED_REFUSALS as refusal:
        _audit_alone(context, call, None, refusal)
        raise


def _begin(context: Context, call: Call, tx: Transaction) -> Work:
    entry = context.veil.identifiers.new(0)
    return Work(call.caller, tx, context.veil, context.real_now(), entry, handed_in_at=call.handed_in_at)


def _do(work: Work, call: Call, verb: Callable[[Work], Result], dump: Callable[[Result], KeptAnswer]) -> Performed:
    if call.key is not None:
        kept = work.tx.idempotency.claim(call.key, work.real_now)
        if kept is not None:
            work.tx.audit.add(_entry(work, call, "replayed"))
            return Performed(kept, is_replay=True)
    answer = dump(verb(work))
    if not call.validate_only:
        work.tx.audit.add(_entry(work, call, "done"))
        if call.key is not None:
            work.tx.idempotency.keep(call.key, answer)
    return Performed(answer)


def _audit_alone(context: Context, call: Call, work: Work | None, refusal: Problem | None) -> None:
    """Write the entry of what had no effect, in a transaction of its own."""
    with context.store.transaction() as tx:
        _audit_within(context, tx, call, work, "validated" if refusal is None else refusal.code)


def _audit_within(context: Context, tx: Transaction, call: Call, work: Work | None, outcome: str) -> None:
    fresh = _begin(context, call, tx)
    if work is not None and work.project is not None:
        fresh.about(work.project, work.bucket, work.object, pseudonym=work.pseudonym)
    tx.audit.add(_entry(fresh, call, outcome))


def _entry(work: Work, call: Call, outcome: str) -> Entry:
    return Entry(
        id=work.audit_entry,
        bucket=work.bucket,
        at=work.real_now,
        role=call.caller.role.value,
        organisation=call.caller.organisation,
        person=work.veil.fingerprints.person(call.caller),
        verb=call.verb,
        outcome=outcome,
        request_id=call.request_id,
        project=work.project,
        object=work.object,
        pseudonym=work.pseudonym,
    )
