"""The command that erases who people were: `chroniccare erase`."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from gateway.app import build_context
from gateway.domain.identity import Ssin
from gateway.pseudonyms.kek import open_kek
from gateway.pseudonyms.keyring import change_keyring
from gateway.pseudonyms.rotation import shredded
from gateway.services.context import Context
from gateway.services.erase_person import CannotErase, ErasureReason, Shred, erase_person, finish_erasures
from gateway.settings import Settings, read_settings
from schemas.checks import is_ssin

WHY_NOT = {
    "still-open": "an inclusion is open: register its exit, or annul it",
    "on-its-way": "MyCareNet has not answered a message yet, or it waits for a person",
}
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


def erase(
    reason: Annotated[ErasureReason | None, typer.Option(help="why; the audit keeps it")] = None,
    ssin_file: Annotated[typer.FileText | None, typer.Option(help="an SSIN a line; - is standard input")] = None,
    again: Annotated[bool, typer.Option("--again", help="whoever was erased before: after a restore")] = False,
) -> None:
    """Make the numbers of people unreadable for good, here and in every backup of the register; exit 1 when one stays.

    Their facts stay, under pseudonyms that follow from nothing. A line is told by its number, never by what it holds.
    """
    if again == (reason is not None and ssin_file is not None):
        raise typer.BadParameter("either --reason and --ssin-file, or --again")
    settings = read_settings()
    context = build_context(settings)
    with closing(context.store):
        if ssin_file is None or reason is None:
            _finish(context)
            return
        lines = ssin_file.read().split()
        stayed = [number for number, line in enumerate(lines, 1) if not _erase(context, settings, number, line, reason)]
    if stayed:
        raise typer.Exit(1)


def _erase(context: Context, settings: Settings, number: int, line: str, reason: ErasureReason) -> bool:
    if not is_ssin(line):
        errors.print(f"line {number}: no SSIN")
        return False
    try:
        projects = erase_person(context, Ssin(line), reason, _shredder(settings))
    except CannotErase as refusal:
        errors.print(f"line {number}: {refusal.project}: {WHY_NOT[refusal.code]}")
        return False
    console.print(f"line {number}: erased in {', '.join(projects)}" if projects else f"line {number}: not there")
    return True


def _finish(context: Context) -> None:
    done = finish_erasures(context)
    console.print(f"{done.erased} erased again")
    if done.left:
        errors.print(f"{done.left} cannot be read, and have messages that are not answered: call it again")
        raise typer.Exit(1)


def _shredder(settings: Settings) -> Shred:
    """What destroys a key in the ring of these settings."""

    def shred(label: bytes) -> None:
        change_keyring(settings.keyring_path, partial(shredded, label=label), open_kek(settings.kek))

    return shred
