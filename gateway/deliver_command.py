"""The command of delivery: `chroniccare deliver` runs the worker, `chroniccare deliver retry` is for what failed."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from gateway.app import build_context, build_poster, build_spans, build_way_out
from gateway.http.api.batch_lines import read_line
from gateway.http.server import configure_logging
from gateway.services.checkpoints import CheckpointFile
from gateway.services.retry_delivery import NotFailed, RetryReason, retry_delivery
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
    context = build_context(read_settings())
    with closing(context.store):
        try:
            retried = retry_delivery(context, message, reason)
        except NotFailed as refusal:
            Console(stderr=True).print(f"{message}: {WHY_NOT[refusal.state]}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
    Console().print(f"{retried.id}: due again ({retried.kind} {retried.reference})", highlight=False, soft_wrap=True)
