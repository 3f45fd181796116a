"""The command line: `chroniccare`. Each command reads its settings, builds its parts, calls one thing."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.app import build_app, build_context, build_replica, build_serving_app, build_way_out
from gateway.audit_command import audit_app
from gateway.clock import real_now
from gateway.deliver_command import deliver_app, run_worker
from gateway.deny_command import deny_kid
from gateway.domain.errors import (
    AlreadyReleased,
    AlreadyRevised,
    NotDue,
    NotInLattice,
    NotReleased,
    StoreUnavailable,
    UnknownProject,
)
from gateway.domain.lattice import Period, PeriodKind
from gateway.domain.rulebook import RULES
from gateway.erase_command import erase
from gateway.extract_command import extract_app
from gateway.http.metrics import shared_metrics
from gateway.http.server import configure_logging, serve
from gateway.http.texts import LANGUAGES, rule_texts
from gateway.import_file import Import, ImportFailed, import_file
from gateway.keys_command import keys_app
from gateway.pseudonyms.kek import open_kek
from gateway.pseudonyms.keyring import KeyringError, new_keys, read_keyring, write_keyring
from gateway.pseudonyms.receipts import BrokenReceipt, verify_receipt
from gateway.reconcile_command import reconcile
from gateway.sandbox.client import Unreachable
from gateway.sandbox.closing import ClosingFailed
from gateway.sandbox.replay import ReplayFailed
from gateway.sandbox.show import play_sample, show_access, show_delivery, show_figures
from gateway.sandbox.supervisor import Plan, SandboxFailed, started
from gateway.services.close_period import GROUPS, Group, Reason, due_periods, release_period
from gateway.services.context import Context
from gateway.settings import Settings, SettingsError, read_settings, read_token
from gateway.store.backup import back_up, restore
from gateway.store.copying import BackupFailed
from gateway.store.dialects import RELEASE, UnsafeStore
from gateway.store.migrate import migrate

app = typer.Typer(
    help="The registration gateway for pilot projects of integrated care.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
receipt_app = typer.Typer(help="Receipts.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(keys_app, name="keys")
app.add_typer(receipt_app, name="receipt")
app.add_typer(extract_app, name="extract")
app.add_typer(deliver_app, name="deliver")
app.add_typer(audit_app, name="audit")
app.command("reconcile")(reconcile)
app.command("erase")(erase)
keys_app.command("deny-kid")(deny_kid)
console = Console()
errors = Console(stderr=True)
TOLD = (
    BackupFailed,
    ImportFailed,
    SettingsError,
    KeyringError,
    UnsafeStore,
    SandboxFailed,
    ReplayFailed,
    ClosingFailed,
    Unreachable,
)


def main() -> None:
    """Run the command; what it cannot do is one sentence on standard error and exit code 2."""
    try:
        app()
    except TOLD as problem:
        _end(str(problem))
    except StoreUnavailable:
        _end("the database does not answer, or its schema is not there: chroniccare migrate")


def _end(message: str) -> NoReturn:
    errors.print(f"chroniccare: {message}", soft_wrap=True, highlight=False)
    raise SystemExit(2) from None


@app.command("serve")
def serve_command(host: str = "127.0.0.1", port: int = 8080, workers: int = 1) -> None:
    """Run the gateway."""
    _serve(read_settings(), host, port, workers)


def _serve(settings: Settings, host: str, port: int, workers: int) -> None:
    build_app(settings)
    configure_logging()
    with shared_metrics() if workers > 1 else nullcontext():
        serve(partial(build_serving_app, settings), host, port, workers, settings.threads)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="NDJSON (.ndjson, .jsonl) or CSV (.csv)")],
    url: Annotated[str, typer.Option(help="address of the gateway")] = "http://127.0.0.1:8080",
    token_file: Annotated[Path | None, typer.Option(help="holds an access token; else CHRONICCARE_TOKEN does")] = None,
    atomic: Annotated[bool, typer.Option(help="all lines are done, or none; at most 1000")] = False,
    again: Annotated[bool, typer.Option(help="as a new batch, although the same file was sent before")] = False,
    language: Annotated[str, typer.Option(help=f"of what is told: {', '.join(LANGUAGES)}")] = "en",
) -> None:
    """Send a file as a batch, wait until it is done, and keep the results beside it; exit 1 when a line was refused.

    The same command again goes on with the same batch. Refused lines are kept in a file of their own, to be corrected
    and imported.
    """
    try:
        token = read_token() if token_file is None else token_file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise ImportFailed(f"{token_file} cannot be read as an access token") from None
    if language not in LANGUAGES:
        raise typer.BadParameter(f"--language is one of {', '.join(LANGUAGES)}")
    if not import_file(Import(file, url, token, atomic, again, language), console):
        raise typer.Exit(1)


@app.command("migrate")
def migrate_command(
    distributed: Annotated[bool, typer.Option(help="over the machines of Citus; once is enough")] = False,
) -> None:
    """Bring the database to the newest schema."""
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(settings.store_url, distributed=distributed)
    console.print("the schema is current")


@app.command("backup")
def backup_command(folder: Annotated[Path, typer.Argument(help="a new folder for it")]) -> None:
    """Copy the register into a folder while it is used; the key ring is not in it."""
    made = back_up(read_settings().store_url, folder, real_now())
    said = f"{folder}: {made.bytes} bytes, schema {made.schema}; the key ring is not in it, keep a copy elsewhere"
    console.print(said, soft_wrap=True, highlight=False)


@app.command("restore")
def restore_command(folder: Annotated[Path, typer.Argument(help="holds a backup")]) -> None:
    """Fill an empty database from a backup; with gateways and workers stopped."""
    put_back = restore(read_settings().store_url, folder)
    said = f"restored as of {put_back.made_at}, schema {put_back.schema}; next: the key ring, then chroniccare migrate"
    console.print(said, soft_wrap=True, highlight=False)


@app.command()
def release(
    month: str | None = None,
    quarter: str | None = None,
    year: str | None = None,
    convention: str | None = None,
    due: Annotated[bool, typer.Option(help="close every period that is due and open")] = False,
    measures: Annotated[
        str, typer.Option(help="inclusions, or actions; without it actions, and inclusion measures if still open")
    ] = "",
    revise: Annotated[
        Reason | None, typer.Option(help="draw a released period anew, once a year at most: why", show_default=False)
    ] = None,
) -> None:
    """Close a period and release its protected figures."""
    named = {"month": month, "quarter": quarter, "year": year, "convention": convention}
    asked = [(kind, label) for kind, label in named.items() if label is not None]
    if len(asked) + due != 1:
        raise typer.BadParameter("name exactly one of --month, --quarter, --year, --convention, --due")
    if due and revise is not None:
        raise typer.BadParameter("a revision names its period")
    if measures not in ("", *GROUPS):
        raise typer.BadParameter(f"--measures is one of {', '.join(GROUPS)}")
    try:
        periods = [Period(PeriodKind(kind), label) for kind, label in asked]
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    context = build_context(read_settings(), role=RELEASE)
    groups = [group for group in GROUPS if measures in ("", group)]
    with closing(context.store):
        for group in groups if due else ():
            for period in due_periods(context, group=group):
                _release(context, period, group)
        for period in periods:
            _release(context, period, groups[0] if measures else None, revise)


def _release(context: Context, period: Period, group: Group | None, revise: Reason | None = None) -> None:
    """Close what is open of a period and print what was released."""
    try:
        with Progress(console=errors, transient=True) as progress:
            nodes = progress.add_task(str(period), total=None)
            closed = release_period(
                context,
                period,
                group,
                reason=revise,
                report=lambda done, of: progress.update(nodes, completed=done, total=of),
            )
    except NotDue as refusal:
        raise typer.BadParameter(f"{period} can be closed from {refusal.available_from}") from None
    except NotReleased:
        raise typer.BadParameter(f"{period} is not released, so there is nothing to revise") from None
    except AlreadyRevised as refusal:
        raise typer.BadParameter(f"{period} can be revised from {refusal.available_from}") from None
    except AlreadyReleased:
        raise typer.BadParameter(f"{period} is released and never computed again") from None
    except NotInLattice as refusal:
        raise typer.BadParameter(f"no inclusion measure is counted over a {refusal.dimension}") from None
    except UnknownProject:
        raise typer.BadParameter(f"no project is called {period}") from None
    for one in closed:
        console.print(f"{one.release.id}: {one.published} cells published")


@receipt_app.command("verify")
def receipt_verify(file: Path, jwks: Annotated[Path, typer.Option(help="the saved /.well-known/jwks.json")]) -> None:
    """Check a receipt offline, with the public keys only."""
    try:
        claims = verify_receipt(file.read_text(encoding="ascii").strip(), json.loads(jwks.read_text(encoding="utf-8")))
    except (BrokenReceipt, OSError, ValueError):
        errors.print("the receipt is not one of these keys, or was changed")
        raise typer.Exit(1) from None
    console.print_json(data=claims)


@app.command()
def rules(language: str = "en") -> None:
    """Print the rule book."""
    if language not in LANGUAGES:
        raise typer.BadParameter(f"--language is one of {', '.join(LANGUAGES)}")
    for name, rule in RULES.items():
        console.print(f"[bold]{name}[/bold] ({rule.source}) {rule_texts()[name][language]}", highlight=False)


@app.command()
def check() -> None:
    """Check the configuration: settings, keys, database."""
    settings = read_settings()
    build_app(settings)
    build_way_out(settings)
    store, replica = build_context(settings).store, build_replica(settings)
    store.check()
    if replica is not None:
        replica.check()
    console.print("settings, keys and database are in order")


@app.command()
def sandbox(
    port: int = 8080,
    mock_port: int = 8081,
    data_dir: Annotated[Path, typer.Option(help="where everything is kept")] = Path(".sandbox"),
    database_url: Annotated[str, typer.Option(help="unset: the embedded store")] = "",
    workers: int = 1,
    empty: Annotated[bool, typer.Option(help="load no catalogue and no sample")] = False,
    once: Annotated[bool, typer.Option(help="play the sample, then stop")] = False,
) -> None:
    """Run gateway, worker and mock MyCareNet with a clock moved by hand, and the sample unless it is to stay empty."""
    plan = Plan(data_dir.resolve(), port, mock_port, database_url, workers)
    with _until_told():
        settings = _prepare(plan)
        serve_part = partial(_serve, settings, "127.0.0.1", plan.port, plan.workers)
        with started(plan, serve_part, partial(run_worker, settings, once=False)) as running:
            console.print(f"ready gateway={plan.gateway_url} mock={plan.mock_url}", soft_wrap=True, highlight=False)
            if not empty:
                play_sample(plan, console)
                show_delivery(plan, console)
                show_figures(plan, console)
                show_access(plan, console)
            while not once:
                time.sleep(0.5)
                running.check()


def _prepare(plan: Plan) -> Settings:
    """Make the data directory, missing keys and the schema; the settings of gateway and worker."""
    settings = read_settings(plan.environment())
    plan.data_dir.mkdir(parents=True, exist_ok=True)
    kek = open_kek(settings.kek)
    if not settings.keyring_path.exists():
        write_keyring(new_keys(settings.domain_name), settings.keyring_path, kek)
    read_keyring(settings.keyring_path, kek)
    migrate(settings.store_url)
    return settings


@contextmanager
def _until_told() -> Iterator[None]:
    """Leave the block at the first SIGINT or SIGTERM, wherever it is; a later one changes nothing, it is ending."""
    is_told = threading.Event()

    def told(*_: object) -> None:
        if not is_told.is_set():
            is_told.set()
            raise KeyboardInterrupt

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, told)
    with suppress(KeyboardInterrupt):
        yield
