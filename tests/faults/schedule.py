"""Which fault comes when: a row that follows from the seed alone, in which every kind has its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.breaking import Kind


@dataclass(frozen=True, slots=True)
class Turn:
    """One fault to come.

    Units: seconds; `pause` passes before it. `seed` decides what is left to chance within it.
    """

    kind: Kind
    pause: float
    seconds: float
    seed: int


def schedule(seed: int, kinds: Sequence[Kind], *, pause: float, deep: bool) -> Iterator[Turn]:
    """Faults without end: all kinds in a row that is shuffled, then all of them again."""
    dice = Random(seed)
    while True:
        for kind in dice.sample(kinds, len(kinds)):
            seconds = dice.uniform(kind.shortest, kind.deep if deep and dice.random() < 0.2 else kind.longest)
            yield Turn(kind, dice.uniform(0.5, 1.5) * pause, seconds, dice.randrange(2**32))
