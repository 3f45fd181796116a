"""The commands of the audit: `chroniccare audit`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from gateway.app import build_context
from gateway.domain.audit import BUCKETS_OF_A_CHAIN, Broken, Fault
from gateway.domain.identity import Ssin
from gateway.http.texts import LANGUAGES, access_text, access_texts
from gateway.pseudonyms.receipts import BrokenReceipt
from gateway.services.chain_audit import sign_ends
from gateway.services.checkpoints import BrokenCheckpoints, CheckpointFile, CheckpointRefused
from gateway.services.report_access import report_access
from gateway.services.verify_audit import Verified, verify_audit
from gateway.settings import Settings, read_settings
from schemas.checks import is_ssin

audit_app = typer.Typer(help="The audit.", no_args_is_help=True, pretty_exceptions_enable=False)


@audit_app.command("verify")
def audit_verify(
    kept: Annotated[Path | None, typer.Option(help="holds checkpoints that were kept elsewhere, a line each")] = None,
) -> None:
    """Hash every entry again and compare with its chain and the checkpoints; exit 1 when one is not as it was."""
    settings = read_settings()
    context = build_context(settings)
    with closing(context.store):
        try:
            elsewhere = [] if kept is None else kept.read_text(encoding="ascii").split()
            lines = _checkpoints(settings).lines()
            found = verify_audit(context, lines, context.veil.receipts.jwks(), elsewhere)
        except BrokenCheckpoints as problem:
            _told(f"checkpoint {problem.number}: it is not signed by our keys, or does not follow the one before it")
        except (BrokenReceipt, OSError, ValueError):
            _told(f"{kept} holds something that is no checkpoint of our keys")
    _tell(found)


@audit_app.command("checkpoint")
def audit_checkpoint() -> None:
    """Sign where the chains end now, if they grew, and print the newest checkpoint, to be kept elsewhere."""
    settings = read_settings()
    context, checkpoints = build_context(settings), _checkpoints(settings)
    with closing(context.store):
        try:
            sign_ends(context, checkpoints)
        except CheckpointRefused:
            _told("a chain is shorter or other than it was when it was last signed: chroniccare audit verify")
        except BrokenCheckpoints as problem:
            _told(f"checkpoint {problem.number} is broken: chroniccare audit verify")
        except OSError:
            _told(f"{settings.checkpoints_path} cannot be written")
    for line in checkpoints.lines()[-1:]:
        typer.echo(line)


@audit_app.command("report")
def audit_report(
    ssin_file: Annotated[typer.FileText, typer.Option(help="holds the person's SSIN; - is standard input")],
    language: Annotated[str, typer.Option(help=f"of the person: {', '.join(LANGUAGES)}")] = "fr",
) -> None:
    """Tell a person who consulted or changed what the register holds about them, when and why; audited itself."""
    if language not in LANGUAGES:
        raise typer.BadParameter(f"--language is one of {', '.join(LANGUAGES)}")
    digits = ssin_file.read(100).strip()
    if not is_ssin(digits):
        _told("the file holds no SSIN: eleven digits, and nothing else")
    context = build_context(read_settings())
    with closing(context.store):
        entries = report_access(context, Ssin(digits))
    said = access_texts()["said"]
    typer.echo(said["heading" if entries else "none"][language])
    for entry in entries:
        typer.echo(access_text(entry, language))


def _checkpoints(settings: Settings) -> CheckpointFile:
    return CheckpointFile(settings.checkpoints_path.resolve())


def _tell(found: Verified) -> None:
    """Print what was found; exit 1 when anything is broken."""
    console, waiting = Console(), found.unchained
    since = "" if waiting.oldest_at is None else f", the oldest of {waiting.oldest_at:%Y-%m-%dT%H:%M:%SZ}"
    signed = f"; {found.checkpoints} checkpoints, the last of {found.checkpointed_at}" if found.checkpoints else ""
    said = f"{found.entries} entries looked at{signed}; {waiting.count} not chained yet{since}"
    console.print(said, highlight=False, soft_wrap=True)
    for one in found.broken:
        console.print(_described(one), highlight=False, soft_wrap=True)
    if found.broken:
        raise typer.Exit(1)
    console.print("every one of them is as it was", highlight=False)


def _described(one: Broken) -> str:
    first = one.chain * BUCKETS_OF_A_CHAIN
    place = f"chain {one.chain} (buckets {first} to {first + BUCKETS_OF_A_CHAIN - 1}), place {one.position}"
    if one.fault is Fault.REWRITTEN:
        return f"{place} to {one.until}: rewritten"
    return f"{place}: {one.fault}" + ("" if one.entry is None else f", entry {one.entry}")


def _told(message: str) -> NoReturn:
    Console(stderr=True).print(message, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
