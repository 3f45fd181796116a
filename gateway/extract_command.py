"""The commands about extracts that somebody saved: `chroniccare extract`. They need no gateway and no key ring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from gateway.check_extract import NotInOrder, check_extract
from gateway.compare_extracts import OUTCOMES, NotAnExtract, compare_extracts

extract_app = typer.Typer(help="Extracts.", no_args_is_help=True, pretty_exceptions_enable=False)


@extract_app.command("verify")
def extract_verify(
    folder: Annotated[Path, typer.Argument(help="holds the files of an extract and its manifest.json")],
    jwks: Annotated[Path, typer.Option(help="the saved /.well-known/jwks.json")],
) -> None:
    """Check an extract offline: signature, checksums, rows, columns, and the report's checks again."""
    try:
        keys = json.loads(jwks.read_text(encoding="utf-8"))
        found = check_extract(folder, keys)
    except (OSError, ValueError):
        _told(f"{jwks}: it is missing or holds no keys")
    except NotInOrder as problem:
        _told(str(problem))
    else:
        said = f"in order: {found.records} records, {found.files} files, signed with {found.key}"
        Console().print(said, highlight=False, soft_wrap=True)


@extract_app.command("diff")
def extract_diff(
    first: Annotated[Path, typer.Argument(help="folder of the earlier extract")],
    second: Annotated[Path, typer.Argument(help="folder of the later one")],
) -> None:
    """Show what was added, is gone and changed from one extract to another."""
    try:
        found = compare_extracts(first, second)
    except NotAnExtract as problem:
        _told(str(problem))
    table = Table("project", "period", "pseudocode", *OUTCOMES)
    for place, counts in sorted(found.places.items()):
        if any(counts[name] for name in OUTCOMES[:-1]):
            table.add_row(*place, *(str(counts[name] or "") for name in OUTCOMES))
    if table.row_count:
        Console().print(table)
    said = ", ".join(f"{found.total(name)} {name}" for name in OUTCOMES)
    Console().print(said, highlight=False, soft_wrap=True)


def _told(message: str) -> NoReturn:
    Console(stderr=True).print(message, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
