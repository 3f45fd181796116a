"""Disclosure control: the one crossing from exact counts to anonymous figures.

Each cell is protected once, when its period closes: keyed noise on the values and keyed, noisy floors on what is
published. Four rules decide (inclusion measures: 1 and 3 alone), and every failure looks the same:

1. at least ten beneficiaries, exactly, and a few more by a keyed draw, so that the tenth is not what shows;
2. not homogeneous: enough others have the same traits without the action;
3. the own value lies clearly above ten;
4. enough actions remain beside the two largest providers. It protects providers from outsiders: the own coordinator,
   who stands in agreements with them, sees a cell that fails it alone.

The *own* value is for the project's coordinator, the *general* one for everybody else.
The noise is calibrated by a budget per fact, with no formal guarantee: the floors and the second draw depend on the
data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Literal, Protocol

from gateway.domain.lattice import COMPONENT, PROJECT, PSEUDOCODE, TRAITS, VERSION, Dims, Measure, PeriodKind
from gateway.domain.noise import draw, grid

Audience = Literal["own", "general"]
Uniform = Callable[[str], int]
"""The keyed draw: 64 uniform bits for a label."""

FEWEST_BENEFICIARIES = 10
LENGTH: dict[PeriodKind, Fraction] = {
    PeriodKind.MONTH: Fraction(1),
    PeriodKind.QUARTER: Fraction(5, 4),
    PeriodKind.YEAR: Fraction(3, 2),
    PeriodKind.CONVENTION: Fraction(3, 2),
}


def sigma(period: PeriodKind, dims: Collection[str], measure: Measure = Measure.ACTIONS) -> Fraction:
    """The noise of a cell's beneficiaries, by its kind of period and the names of its other dimensions.

    Shape: 3, or 6.5 with an optional dimension; times 1 to 1.5 with the period's length; twice for all projects, and
    twice again for all pseudocodes (a component counts as one; not for inclusion measures).

    >>> sigma(PeriodKind.MONTH, ["project", "pseudocode"]), sigma(PeriodKind.YEAR, ["sex"])
    (Fraction(3, 1), Fraction(39, 1))
    >>> sigma(PeriodKind.MONTH, ["project"], Measure.JOINED)
    Fraction(3, 1)
    """
    base = Fraction(13, 2) if any(name in TRAITS for name in dims) else Fraction(3)
    roll_up = 1 if PROJECT in dims else 2
    if not measure.is_of_inclusions and PSEUDOCODE not in dims and COMPONENT not in dims:
        roll_up *= 2
    return base * LENGTH[period] * roll_up


@cache
def _sigma_of(names: tuple[str, ...]) -> Fraction:
    """The same for a cell of actions, by the names of all its dimensions: there are few, and many cells of each."""
    return sigma(next(kind for kind in PeriodKind if kind in names), names)


def _kind_of(dims: Dims) -> PeriodKind:
    """The kind of period among a cell's dimensions.

    Raises: ValueError when names are not sorted, come twice or hold no or two periods, or a value cannot stand in a
    label.
    """
    names = [name for name, _ in dims]
    kinds = [kind for kind in PeriodKind if kind in names]
    if len(kinds) != 1 or names != sorted(set(names)) or any(set(value) & set("|=") for _, value in dims):
        raise ValueError("a cell has one period and sorted dimensions")
    return kinds[0]


@dataclass(frozen=True, slots=True)
class ExactCell:
    """What the register counts for one cell.

    Shape: `dims` are (name, value), sorted by name, the period among them, absent ones left out. `actions` are clipped
    at `cap` per beneficiary, month and pseudocode; `largest` and `second` are the actions of the two largest
    providers, `largest_beneficiaries` the most people that any provider served. `all_pseudocodes` are the people of
    the same cell without its pseudocode or component, None when it has none; `valid` those with the same traits whose
    inclusion is valid on any day of the period.
    Stage: pseudonymous; never leaves the register.
    Raises: ValueError for dims of another shape, or `all_pseudocodes` missing or one too many.
    """

    dims: Dims
    beneficiaries: int
    actions: int
    providers: int
    largest: int
    second: int
    largest_beneficiaries: int
    cap: int
    all_pseudocodes: int | None
    valid: int

    def __post_init__(self) -> None:
        _kind_of(self.dims)
        names = dict(self.dims)
        if (PSEUDOCODE in names or COMPONENT in names) != (self.all_pseudocodes is not None):
            raise ValueError("a cell of one pseudocode or component, and no other, has an all_pseudocodes")

    @property
    def sigma(self) -> Fraction:
        """The noise of its beneficiaries; `cap` times that for its actions."""
        return _sigma_of(tuple(name for name, _ in self.dims))


@dataclass(frozen=True, slots=True)
class ProtectedCell:
    """One published cell, for one audience.

    Shape: `actions` and `margin_actions` are None for inclusion measures; `providers` is a number for outsiders, a
    band for the own coordinator, None where it is not published. A margin is plus or minus.
    Stage: anonymous.
    """

    dims: Dims
    audience: Audience
    beneficiaries: int
    actions: int | None
    providers: int | str | None
    margin_beneficiaries: int
    margin_actions: int | None


def copied(cells: Iterable[ProtectedCell], component: str) -> list[ProtectedCell]:
    """The cells of a component that consists of one pseudocode: those of that pseudocode, never drawn again.

    Shape: no number of providers, like every component.
    Source: DISCLOSURE 1.
    """
    return [
        replace(
            cell,
            dims=tuple(
                sorted((COMPONENT, component) if name == PSEUDOCODE else (name, value) for name, value in cell.dims)
            ),
            providers=None,
        )
        for cell in cells
    ]


@dataclass(frozen=True, slots=True)
class _Draws:
    """The keyed noise of one cell in one release: nothing is drawn twice, everything can be drawn again."""

    release_id: str
    dims: Dims
    uniform: Uniform

    def label(self, measure: str, audience: str) -> str:
        """What the key is applied to."""
        return "|".join(
            (VERSION, self.release_id, measure, audience, *(f"{name}={value}" for name, value in self.dims))
        )

    def noise(self, measure: str, audience: str, spread: Fraction) -> int:
        """The noise of one value."""
        return draw(grid(spread), self.uniform(self.label(measure, audience)))


def second_spread(largest: int) -> Fraction:
    """The second draw of outsiders' values: a tenth of what one provider may account for, and never less than one.

    Without that least spread, whether somebody's provider is the largest shows in small cells to who sees both values.

    >>> second_spread(40), second_spread(3)
    (Fraction(4, 1), Fraction(1, 1))

    Source: DISCLOSURE 3.
    """
    return max(Fraction(1), Fraction(largest, 10))


def is_too_small(beneficiaries: int, noise: int) -> bool:
    """Whether a group has fewer than ten, or too few above ten: the floor only ever rises.

    Were it the same for every cell, a tenth person would show in all the small cells that appear with them.

    >>> is_too_small(10, 0), is_too_small(9, 0), is_too_small(12, -3)
    (False, True, True)

    Source: rule 1.
    """
    return beneficiaries - abs(noise) < FEWEST_BENEFICIARIES


def is_homogeneous(beneficiaries: int, others_included: int, noise: int) -> bool:
    """Whether too few of a group are without the action, so that membership alone would tell it.

    >>> is_homogeneous(40, 44, 0), is_homogeneous(40, 45, 0), is_homogeneous(296, 300, 0)
    (True, False, False)

    Source: rule 2.
    """
    return 10 * (others_included - beneficiaries + noise) < min(others_included, 300 - others_included)


def is_dominated(cell: ExactCell, noise: int) -> bool:
    """Whether the two largest providers leave too few actions for the others to hide one of them.

    Source: rule 4.
    """
    remainder = cell.actions - cell.largest - cell.second - Fraction(cell.largest, 5)
    return remainder + noise < cell.cap * cell.sigma / 2


def band(providers: int) -> str:
    """The band in which the own coordinator sees a number of providers.

    >>> [band(number) for number in (-3, 2, 3, 5, 6, 10, 11)]
    ['1-2', '1-2', '3-5', '3-5', '6-10', '6-10', '11+']
    """
    return next((name for last, name in ((2, "1-2"), (5, "3-5"), (10, "6-10")) if providers <= last), "11+")


def _margin(audience: Audience, spread: Fraction, shown: int) -> int:
    """Two sigma; to outsiders 17 % of what is shown where that is more. Rounded up."""
    return ceil(max(2 * spread, Fraction(17 * shown, 100) if audience == "general" else 0))


def _own_value_is_clear(value: int, spread: Fraction) -> bool:
    """Whether an own value lies clearly above ten.

    Source: rule 3.
    """
    return value >= FEWEST_BENEFICIARIES + spread * 3 / 2


def protect(cell: ExactCell, *, release_id: str, uniform: Uniform) -> list[ProtectedCell]:
    """What is published of one cell of actions: nothing, the own value, the general one, or both (own first).

    Shape: a cell of all projects has no own coordinator, so never an own value. Empty looks the same whichever rule
    failed, and for a true zero.
    Stage: the crossing from pseudonymous to anonymous.
    Source: A2, C 5 §3.
    Not: a component of one pseudocode; it copies that pseudocode's cell and is never drawn.

    >>> dims = (("month", "2022-02"), ("project", "demo-nord"), ("pseudocode", "794010"))
    >>> cell = ExactCell(dims, 40, 80, 8, 20, 10, 10, 2, 60, 100)
    >>> [(shown.audience, shown.actions) for shown in protect(cell, release_id="r", uniform=lambda label: 2**63)]
    [('own', 80), ('general', 80)]
    """
    draws, spread = _Draws(release_id, cell.dims, uniform), cell.sigma
    if is_too_small(cell.beneficiaries, draws.noise("n1", "both", spread / 4)):
        return []
    groups = (cell.valid,) if cell.all_pseudocodes is None else (cell.all_pseudocodes, cell.valid)
    n2 = draws.noise("n2", "both", spread / 4)
    if any(is_homogeneous(cell.beneficiaries, group, n2) for group in groups):
        return []
    own = cell.beneficiaries + draws.noise("beneficiaries", "own", spread)
    if not _own_value_is_clear(own, spread):
        return []
    actions = cell.actions + draws.noise("actions", "own", cell.cap * spread)
    providers = _noisy_providers(cell, draws)
    shown = []
    if PROJECT in dict(cell.dims):
        shown.append(_shown(cell, "own", own, actions, None if providers is None else band(providers)))
    if not is_dominated(cell, draws.noise("n4", "both", cell.cap * spread / 4)):
        beneficiaries = own + draws.noise("beneficiaries", "general", second_spread(cell.largest_beneficiaries))
        actions += draws.noise("actions", "general", second_spread(cell.largest))
        number = None if providers is None else max(1, providers)
        shown.append(_shown(cell, "general", max(1, beneficiaries), actions, number))
    return shown


def _noisy_providers(cell: ExactCell, draws: _Draws) -> int | None:
    """The providers with the one draw for both audiences; None with an optional dimension or for a component."""
    if any(name in TRAITS or name == COMPONENT for name, _ in cell.dims):
        return None
    return cell.providers + draws.noise("providers", "both", cell.sigma)


def _shown(
    cell: ExactCell, audience: Audience, beneficiaries: int, value: int, providers: int | str | None
) -> ProtectedCell:
    """A cell as one audience sees it: never fewer actions than beneficiaries."""
    actions = max(beneficiaries, value)
    return ProtectedCell(
        dims=cell.dims,
        audience=audience,
        beneficiaries=beneficiaries,
        actions=actions,
        providers=providers,
        margin_beneficiaries=_margin(audience, cell.sigma, beneficiaries),
        margin_actions=_margin(audience, cell.cap * cell.sigma, actions),
    )


def protect_inclusions(
    dims: Dims, measure: Measure, beneficiaries: int, *, release_id: str, uniform: Uniform
) -> list[ProtectedCell]:
    """What is published of one cell of an inclusion measure: nothing, or its value for every audience (own first).

    Shape: no provider stands behind it, so the general value is the own one. The measure names its draw.
    Stage: the crossing from pseudonymous to anonymous.
    Source: A2, C 5 §3; rules 1 and 3.
    Raises: ValueError for dims of another shape.

    >>> dims = (("month", "2022-02"), ("project", "demo-nord"))
    >>> protect_inclusions(dims, Measure.JOINED, 40, release_id="r", uniform=lambda label: 2**63)[0].beneficiaries
    40
    """
    spread = sigma(_kind_of(dims), dict(dims), measure)
    draws = _Draws(release_id, dims, uniform)
    if is_too_small(beneficiaries, draws.noise(f"n1-{measure.value}", "both", spread / 4)):
        return []
    value = beneficiaries + draws.noise(measure.value, "own", spread)
    if not _own_value_is_clear(value, spread):
        return []
    audiences: list[Audience] = ["own", "general"] if PROJECT in dict(dims) else ["general"]
    return [
        ProtectedCell(dims, audience, value, None, None, _margin(audience, spread, value), None)
        for audience in audiences
    ]


class Mechanism(Protocol):
    """How exact cells become published ones; another one than `KEYED` is for tests that show what it withstands."""

    at_least: int
    """Cells with fewer beneficiaries are never published, so they need not be counted."""

    def actions(self, cell: ExactCell, *, release_id: str, uniform: Uniform) -> list[ProtectedCell]:
        """What is published of a cell of actions."""
        ...

    def inclusions(
        self, dims: Dims, measure: Measure, beneficiaries: int, *, release_id: str, uniform: Uniform
    ) -> list[ProtectedCell]:
        """What is published of a cell of an inclusion measure."""
        ...


class _Keyed:
    """The mechanism of this page."""

    at_least = FEWEST_BENEFICIARIES
    actions = staticmethod(protect)
    inclusions = staticmethod(protect_inclusions)


KEYED: Mechanism = _Keyed()


@dataclass(frozen=True, slots=True)
class Change:
    """How a published value moved since the period before; `is_real` when noise alone does not explain it.

    Stage: anonymous.
    """

    difference: int
    is_real: bool


def change(before: int, margin_before: int, after: int, margin_after: int) -> Change:
    """What to think of two values of one cell, by their published margins.

    Shape: a margin is two sigma, so noise explains up to `sqrt(m1^2 + m2^2)`: 2 sqrt(2) sigma for equal ones.

    >>> change(40, 6, 48, 6), change(40, 6, 49, 6)
    (Change(difference=8, is_real=False), Change(difference=9, is_real=True))

    Source: DISCLOSURE 4.
    """
    difference = after - before
    return Change(difference, difference**2 > margin_before**2 + margin_after**2)
