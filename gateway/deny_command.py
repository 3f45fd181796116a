"""The command that takes the trust from a key of the token issuer: `chroniccare keys deny-kid`."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console

from gateway.app import build_context
from gateway.http.denied import OLDEST_SECONDS
from gateway.services.deny_key import deny_key, lift_denial
from gateway.settings import read_settings
from gateway.upstream.jwks import KID

console = Console()


def deny_kid(
    kid: Annotated[str, typer.Argument(help="as the issuer's JWK set and the header of a token name it")],
    lift: Annotated[bool, typer.Option(help="trust it again")] = False,
) -> None:
    """Refuse whatever a key of the token issuer signed, on every gateway of this register."""
    if not KID.fullmatch(kid):
        raise typer.BadParameter("a kid has 1 to 64 letters, digits, hyphens and underscores")
    context = build_context(read_settings())
    with closing(context.store):
        if lift and not lift_denial(context, kid):
            raise typer.BadParameter("it is not denied")
        if not lift:
            deny_key(context, kid)
    said = "trusted again" if lift else "denied"
    console.print(f"{kid}: {said}, on every gateway within {OLDEST_SECONDS:.0f} seconds", soft_wrap=True)
