"""What a pseudonymiser is: the one crossing from identified to pseudonymous, whoever holds its secret.

Stage: identified in, pseudonymous out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, Self

from gateway.domain.identity import Ssin

Person = tuple[Ssin, str]
"""Somebody, and the project in which a pseudonym shall stand for them."""


class Unasked(Exception):
    """Pseudonyms that somebody else makes and that nobody asked for yet; `ahead` does, outside any transaction."""

    def __init__(self, people: Collection[Person]) -> None:
        super().__init__()
        self.people = people


class Pseudonymiser(Protocol):
    """Gives the pseudonym of a person in a project, always the same, and where everything about it lives."""

    def pseudonymise(self, ssin: Ssin, project: str) -> bytes:
        """The pseudonym that stands for a person in a project, and nowhere else.

        Shape: 32 bytes.
        Cost: no I/O, for a transaction waits meanwhile.
        Raises: Unasked where it has to be asked for first.
        """
        ...

    def candidates(self, ssin: Ssin, project: str) -> Sequence[bytes]:
        """Every pseudonym under which a person may be found: what `pseudonymise` gives, and those of other keys.

        Shape: one, unless keys are being rotated.
        Raises: as `pseudonymise`.
        """
        ...

    def ahead(self, people: Collection[Person]) -> Self:
        """A pseudonymiser that knows these people, for one use.

        Cost: a request each, where another service makes the pseudonyms; never within a transaction.
        Raises: PseudonymiserUnavailable.
        """
        ...

    def bucket(self, pseudonym: bytes) -> int:
        """Where everything about a person lives.

        Shape: 0 to 4095.
        """
        ...
