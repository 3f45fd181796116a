"""The commands of delivery: `deliver` runs the worker, `retry` is for what failed, `resend` for what MyCareNet lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from gateway.app import build_context, build_poster, build_spans, build_way_out
from gateway.domain.delivery import Message
from gateway.http.api.batch_lines import read_line
from gateway.http.server import configure_logging
from gateway.services.checkpoints import CheckpointFile
from gateway.services.context import Context
from gateway.services.retry_delivery import NotFailed, ResendReason, RetryReason, resend_delivery, retry_delivery
from gateway.settings import Settings, read_settings
from gateway.worker import Worker, run_round, run_until_stopped

deliver_app = typer.Typer(help="Delivery to MyCareNet.", pretty_exceptions_enable=False)
WHY_NOT = {
    None: "there is no such message",
    "pending": "it is not sent yet, and will be tried by itself",
    "sent": "MyCareNet has it, and its answer is awaited",
    "accepted": "MyCareNet accepted it",
    "rejected": (
        "MyCareNet answered it, and its fact is out of the counts: correct what was wrong and register it anew, "
        "under a message of its own"
    ),
}
NO_NUMBER = "it bore a number that was replaced since and is destroyed: register anew what MyCareNet lacks"
WHY_NOT_AGAIN = {**WHY_NOT, "failed": "it failed: deliver retry is for that", "sent": NO_NUMBER, "accepted": NO_NUMBER}


@deliver_app.callback(invoke_without_command=True)
def deliver(context: typer.Context, once: Annotated[bool, typer.Option(help="one round, then stop")] = False) -> None:
    """Do batches, build extracts and deliver the outbox to MyCareNet until told to stop."""
    if context.invoked_subcommand is not None:
        if once:
            raise typer.BadParameter("--once is of deliver alone")
        return
    run_worker(read_settings(), once=once)


def run_worker(settings: Settings, *, once: bool) -> None:
    """Run the worker until told to stop, or for one round."""
    configure_logging()
    (way_out, pace), (mailbox, _) = build_way_out(settings), build_way_out(settings)
    with closing(build_spans(settings, "worker")) as spans:
        context, checkpoints = build_context(settings, spans), CheckpointFile(settings.checkpoints_path.resolve())
        worker = Worker(context, way_out, mailbox, build_poster(settings), pace, read_line, checkpoints)
        if once:
            run_round(worker)
            return
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: worker.stop.set())
        run_until_stopped(worker)


@deliver_app.command("retry")
def deliver_retry(
    message: Annotated[UUID, typer.Argument(help="its id, as GET /v1/deliveries lists it")],
    reason: Annotated[RetryReason, typer.Option(help="why it will go through this time")],
) -> None:
    """Let a message that failed go again, under the same id; what waits behind it follows."""
    _again(lambda context: retry_delivery(context, message, reason), message, WHY_NOT)


@deliver_app.command("resend")
def deliver_resend(
    message: Annotated[UUID, typer.Argument(help="its id, as reconciliation lists it")],
    reason: Annotated[ResendReason, typer.Option(help="how it is known that MyCareNet lost it")],
) -> None:
    """Let a message that MyCareNet took and does not list go again, under the same id; an acceptance stands."""
    _again(lambda context: resend_delivery(context, message, reason), message, WHY_NOT_AGAIN)


def _again(do: Callable[[Context], Message], message: UUID, why_not: Mapping[str | None, str]) -> None:
    """Let a message go again, and say so; exit 1 with a sentence when it may not."""
    context = build_context(read_settings())
    with closing(context.store):
        try:
            due = do(context)
        except NotFailed as refusal:
            Console(stderr=True).print(f"{message}: {why_not[refusal.state]}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
    Console().print(f"{due.id}: due again ({due.kind} {due.reference})", highlight=False, soft_wrap=True)
