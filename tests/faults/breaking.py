"""What a kind of fault is: how it breaks a rig, on which stores, for how long, and who may notice.

Shape: a `Break` is a context manager of a rig: broken on entering, lifted on leaving.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.faults.history import EVERY_GATEWAY
from tests.faults.rig import Rig

BOTH = ("sqlite", "postgresql")


class Noticed(NamedTuple):
    """Who may notice a fault; as `Window` says it."""

    gateways: tuple[int, ...] = ()
    upstream: bool = False
    clock: bool = False
    failover: bool = False
    silent: bool = False


UPSTREAM = Noticed(upstream=True)
ALL = Noticed((EVERY_GATEWAY,))
Break = Callable[[Rig, Random], AbstractContextManager[Noticed]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault, on which stores there is one, and for how long it lasts.

    Units: seconds, from the shortest to the longest; `deep` is the longest in a campaign of its own.
    """

    name: str
    broken: Break
    stores: tuple[str, ...] = BOTH
    shortest: float = 0.0
    longest: float = 0.5
    deep: float = 2.0
    needs: Callable[[Rig], str | None] = lambda _: None
