"""The commands of the key ring: `chroniccare keys`."""

from __future__ import annotations

import time
from contextlib import closing
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from gateway.app import build_context
from gateway.pseudonyms.keyring import (
    Keyring,
    KeyringError,
    Purpose,
    change_keyring,
    new_keys,
    read_keyring,
    write_keyring,
)
from gateway.pseudonyms.rotation import announced, retired, used
from gateway.services.context import Context
from gateway.services.operator import note
from gateway.services.renew_seals import renew_seals
from gateway.settings import Settings, read_settings

keys_app = typer.Typer(help="The key ring.", no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)
CHANGES = {"announce": announced, "use": used, "retire": retired}


class Step(StrEnum):
    """A step of a rotation, where each is done by hand because gateways on several machines have rings of their own."""

    ANNOUNCE = "announce"
    USE = "use"
    RENEW = "renew"
    RETIRE = "retire"


@keys_app.command("create")
def keys_create() -> None:
    """Make a key ring; an existing one is never overwritten."""
    settings = read_settings()
    path = settings.keyring_path
    write_keyring(new_keys(settings.domain_name), path)
    console.print(f"{path}: keep a copy apart; without it the register cannot be read")


@keys_app.command("list")
def keys_list() -> None:
    """Tell which keys there are, and how far each is; never a secret."""
    for key in read_keyring(read_settings().keyring_path).keys:
        console.print(f"{key.kid}: {key.phase}")


@keys_app.command("rotate")
def keys_rotate(
    sealing: Annotated[bool, typer.Option("--sealing", help="of what is sealed")] = False,
    receipt: Annotated[bool, typer.Option("--receipt", help="of receipts")] = False,
    step: Annotated[Step | None, typer.Option(help="this one alone, where rings are on several machines")] = None,
    settle: Annotated[float, typer.Option(help="seconds until every process has read the ring", min=0)] = 15.0,
) -> None:
    """Bring a new key into use while the register is used; to be repeated when it was cut.

    The new key is announced, and used once every process knows it; then everything is sealed anew. The old key stays
    in the ring for older backups, until `--step retire`.
    """
    chosen = [purpose for purpose, is_chosen in ((Purpose.SEALING, sealing), (Purpose.RECEIPT, receipt)) if is_chosen]
    if len(chosen) != 1:
        raise typer.BadParameter("name exactly one of --sealing, --receipt")
    settings, purpose = read_settings(), chosen[0]
    steps = [step] if step is not None else [Step.ANNOUNCE, Step.USE, Step.RENEW]
    if purpose is Purpose.RECEIPT:
        steps = [one for one in steps if one is not Step.RENEW]
    for number, one in enumerate(steps):
        if number:
            time.sleep(settle)
        _take(settings, purpose, one)


def _take(settings: Settings, purpose: Purpose, step: Step) -> None:
    """Take one step; its audit entry comes first.

    Raises: KeyringError when something cannot be opened with the keys that are there.
    """
    context = build_context(settings)
    with closing(context.store):
        note(context, f"keys_{step}_{purpose}")
        if step in (Step.RENEW, Step.RETIRE) and purpose is Purpose.SEALING:
            _renew(context)
    if step is not Step.RENEW:
        ring = change_keyring(settings.keyring_path, partial(_changed, step, purpose))
        console.print(f"{step}: {', '.join(f'{key.kid} {key.phase}' for key in ring.versions(purpose))}")


def _changed(step: Step, purpose: Purpose, keyring: Keyring) -> Keyring:
    return CHANGES[step](keyring, purpose)


def _renew(context: Context) -> None:
    """Seal everything with the key in use, until nothing is left; what was written meanwhile is found by another pass.

    Raises: KeyringError when something cannot be opened.
    """
    renewed = 0
    with errors.status("sealing anew") as status:
        while (done := renew_seals(context, lambda count: status.update(f"sealing anew: {count}"))).renewed:
            renewed += done.renewed
    console.print(f"renew: {renewed} seals renewed")
    if done.broken:
        raise KeyringError(f"{done.broken} seals cannot be opened and stayed as they are: see RUNBOOK.md")
