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
from gateway.pseudonyms.kek import open_kek
from gateway.pseudonyms.keyring import (
    Keyring,
    KeyringError,
    Purpose,
    change_keyring,
    new_keys,
    read_keyring,
    write_keyring,
)
from gateway.pseudonyms.rotation import announced, is_rotating, retired, used
from gateway.services.context import Context
from gateway.services.operator import note
from gateway.services.rename_people import clear_places, rename_people
from gateway.services.renew_seals import renew_seals
from gateway.settings import Settings, read_settings

keys_app = typer.Typer(help="The key ring.", no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)
CHANGES = {"announce": announced, "use": used, "retire": retired}
MOST_PASSES = 60
BREATH_SECONDS = 0.5
"""Between two passes, so that whoever was busy may be done."""


class Step(StrEnum):
    """A step of a rotation, where each is done by hand because gateways on several machines have rings of their own."""

    ANNOUNCE = "announce"
    USE = "use"
    RENEW = "renew"
    RETIRE = "retire"


STEPS = {
    Purpose.SEALING: [Step.ANNOUNCE, Step.USE, Step.RENEW],
    Purpose.PSEUDONYM: [Step.ANNOUNCE, Step.USE, Step.RENEW, Step.RETIRE],
    Purpose.RECEIPT: [Step.ANNOUNCE, Step.USE, Step.RETIRE],
    Purpose.ERASURE: [Step.ANNOUNCE, Step.USE, Step.RENEW],
}


@keys_app.command("create")
def keys_create() -> None:
    """Make a key ring; an existing one is never overwritten."""
    settings = read_settings()
    path = settings.keyring_path
    write_keyring(new_keys(settings.domain_name), path, open_kek(settings.kek))
    console.print(f"{path}: keep a copy apart; without it the register cannot be read")


@keys_app.command("list")
def keys_list() -> None:
    """Tell which keys there are, and how far each is; never a secret."""
    settings = read_settings()
    for key in read_keyring(settings.keyring_path, open_kek(settings.kek)).keys:
        console.print(f"{key.kid}: {key.standing}")


@keys_app.command("wrap")
def keys_wrap(
    before: Annotated[str, typer.Option("--from", help="what it is wrapped by now, as CHRONICCARE_KEK says it")] = "",
) -> None:
    """Wrap the secrets of the ring by the key-encryption key that CHRONICCARE_KEK names now.

    Processes that run keep the keys that they have; start them again with the new setting.
    """
    settings = read_settings()
    kek = open_kek(settings.kek)
    if kek is None:
        raise KeyringError("CHRONICCARE_KEK is missing: what the key ring shall be wrapped by")
    change_keyring(settings.keyring_path, lambda ring: ring, open_kek(before), wrap_with=kek)
    console.print(f"{settings.keyring_path}: wrapped by {kek.name}; destroy copies that are not")


@keys_app.command("rotate")
def keys_rotate(
    sealing: Annotated[bool, typer.Option("--sealing", help="of what is sealed")] = False,
    pseudonym: Annotated[bool, typer.Option("--pseudonym", help="of pseudonyms")] = False,
    receipt: Annotated[bool, typer.Option("--receipt", help="of receipts")] = False,
    erasure: Annotated[bool, typer.Option("--erasure", help="of erasures: the first, for a ring without one")] = False,
    step: Annotated[Step | None, typer.Option(help="this one alone, where rings are on several machines")] = None,
    settle: Annotated[float, typer.Option(help="seconds until every process has read the ring", min=0)] = 15.0,
) -> None:
    """Bring a new key into use while the register is used; to be repeated when it was cut.

    The new key is announced, and used once every process knows it; then everything is put under it. An old key of seals
    stays in the ring for older backups, until `--step retire`; one of pseudonyms is gone when nobody is under it, of
    one of receipts the public half stays.
    """
    asked = {Purpose.SEALING: sealing, Purpose.PSEUDONYM: pseudonym, Purpose.RECEIPT: receipt, Purpose.ERASURE: erasure}
    chosen = [purpose for purpose, is_chosen in asked.items() if is_chosen]
    if len(chosen) != 1:
        raise typer.BadParameter("name exactly one of --sealing, --pseudonym, --receipt, --erasure")
    settings, purpose = read_settings(), chosen[0]
    steps = STEPS[purpose] if step is None else [step]
    ring = read_keyring(settings.keyring_path, open_kek(settings.kek))
    if step is None and purpose is Purpose.PSEUDONYM and is_rotating(ring, purpose):
        steps = [Step.RENEW, Step.RETIRE]  # one that was cut
    for number, one in enumerate(steps):
        if number:
            time.sleep(settle)
        _take(settings, purpose, one, settle)


def _take(settings: Settings, purpose: Purpose, step: Step, settle: float) -> None:
    """Take one step; its audit entry comes first.

    Raises: KeyringError when something cannot be put under the key in use.
    """
    context = build_context(settings)
    with closing(context.store):
        note(context, f"keys_{step}_{purpose}")
        if step in (Step.RENEW, Step.RETIRE) and purpose in RENEWALS:
            RENEWALS[purpose](context)
        if step is not Step.RENEW:
            ring = change_keyring(settings.keyring_path, partial(_changed, step, purpose), open_kek(settings.kek))
            console.print(f"{step}: {', '.join(f'{key.kid} {key.standing}' for key in ring.versions(purpose))}")
        if step is Step.RETIRE and purpose is Purpose.PSEUDONYM:
            time.sleep(settle)
            clear_places(context)


def _changed(step: Step, purpose: Purpose, keyring: Keyring) -> Keyring:
    return CHANGES[step](keyring, purpose)


def _reseal(context: Context) -> None:
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


def _rename(context: Context) -> None:
    """Put everybody under the key in use, until nobody is left; who was being written to is tried by another pass.

    Raises: KeyringError when somebody cannot be renamed.
    """
    renamed = 0
    with errors.status("renaming") as status:
        for _ in range(MOST_PASSES):
            done = rename_people(context, lambda count: status.update(f"renaming: {count}"))
            renamed += done.renamed
            if not done.renamed and not done.left:
                break
            time.sleep(BREATH_SECONDS)
    console.print(f"renew: {renamed} people renamed")
    if done.left or done.broken:
        said = f"{done.left} people are busy, {done.broken} have a seal that cannot be opened"
        raise KeyringError(f"{said}, and keep their pseudonyms: call it again, or see RUNBOOK.md")


RENEWALS = {Purpose.SEALING: _reseal, Purpose.ERASURE: _reseal, Purpose.PSEUDONYM: _rename}
