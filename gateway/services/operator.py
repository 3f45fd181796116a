"""The audit entries of whoever has the command line: nobody with a token."""

from __future__ import annotations

from uuid import UUID, uuid4

from gateway.domain.audit import Entry
from gateway.services.context import Context

COMMAND_LINE = "command-line"


def operator_entry(
    context: Context,
    verb: str,
    bucket: int = 0,
    project: str | None = None,
    about: UUID | None = None,
    outcome: str = "done",
    *,
    pseudonym: bytes | None = None,
    by: str = COMMAND_LINE,
) -> Entry:
    """The entry of something that was done by command, or tried; or at a door that asks for no token."""
    return Entry(
        id=context.veil.identifiers.new(bucket),
        bucket=bucket,
        at=context.real_now(),
        role="operator",
        organisation=by,
        person=by,
        verb=verb,
        outcome=outcome,
        request_id=str(uuid4()),
        project=project,
        object=about,
        pseudonym=pseudonym,
    )


def note(context: Context, verb: str, project: str | None = None, outcome: str = "done") -> None:
    """Write the audit entry of what is about to be done or told by command, and has no transaction of its own.

    Raises: StoreUnavailable, and it shall not be done (G16).
    """
    with context.store.transaction() as tx:
        tx.audit.add(operator_entry(context, verb, project=project, outcome=outcome))
