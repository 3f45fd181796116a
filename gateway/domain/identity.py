"""The identity of a person, in a type that does not print itself."""

from __future__ import annotations

from typing import final


@final
class Ssin:
    """A valid social security identification number (NISS/INSZ), eleven ASCII digits.

    Stage: identified. `str` and `repr` give no digit; `reveal` does, for the veil and the way out only.
    Not: it does not check the number; `schemas.checks` did.

    >>> Ssin("85073003328")
    Ssin(***)
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        """The eleven digits."""
        return self._digits

    def __repr__(self) -> str:
        return "Ssin(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ssin) and other._digits == self._digits

    def __hash__(self) -> int:
        return hash(self._digits)
