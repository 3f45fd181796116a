"""The cells that some facts enter, with their exact counts in the register with those facts, and in the one without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from gateway.domain.ladder import rung_nodes
from gateway.domain.lattice import COMPONENT, PROFESSION, PSEUDOCODE, Measure, Node, PeriodKind, nodes
from tests.attacks import truth
from tests.attacks.register import COMPONENTS_OF, PSEUDOCODES, Flags, Ints, Register


@dataclass(frozen=True, slots=True)
class Counts:
    """The exact statistics of a cell (DISCLOSURE 2); `wider` has all pseudocodes, None where the cell has them all."""

    beneficiaries: int
    actions: int
    providers: int
    largest: int
    second: int
    largest_beneficiaries: int
    wider: int | None
    valid: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One cell of a node, with and without the facts in question."""

    kind: str
    dims: tuple[str, ...]
    with_it: Counts
    without: Counts


@cache
def all_nodes() -> tuple[Node, ...]:
    """Everything about actions that is ever drawn: the lattice and the rungs of extracts."""
    kinds = tuple(PeriodKind)
    return tuple(node for kind in kinds for node in (*nodes(kind, Measure.ACTIONS), *rung_nodes(kind, Measure.ACTIONS)))


class Cells:
    """The cells of a register, found by the facts that enter them."""

    def __init__(self, register: Register) -> None:
        self.register, self.facts = register, register.facts
        code = self.facts[PSEUDOCODE]
        self._parts = {part: np.isin(code, _codes_of(part)) for part in range(1, 15)}
        self._valid: dict[tuple[PeriodKind, tuple[str, ...]], truth.Table] = {}

    def pairs(self, taken: Flags) -> Iterator[Pair]:
        """Every cell that some facts enter; components of one pseudocode, which are copies, left out."""
        period = {kind: truth.period_of(kind, self.facts["month"]) for kind in PeriodKind}
        for node in all_nodes():
            names = [name for name in node.dims if name != COMPONENT]
            keys = np.stack([period[node.period][taken], *(self.facts[name][taken] for name in names)], axis=1)
            parts = self._touched_parts(taken) if COMPONENT in node.dims else (None,)
            for key, part in product(np.unique(keys, axis=0).tolist(), parts):
                inside = period[node.period] == key[0]
                for name, value in zip(names, key[1:], strict=True):
                    if name != PSEUDOCODE:
                        inside = inside & (self.facts[name] == value)
                yield self._pair(node, names, key, inside, part, taken)

    def of_node(self, kind: PeriodKind, dims: tuple[str, ...]) -> Iterator[Counts]:
        """The cells of a node of actions that are not empty."""
        period = truth.period_of(kind, self.facts["month"])
        keys = np.stack([period, *(self.facts[name] for name in dims)], axis=1)
        for key in np.unique(keys, axis=0).tolist():
            inside = period == key[0]
            for name, value in zip(dims, key[1:], strict=True):
                if name != PSEUDOCODE:
                    inside = inside & (self.facts[name] == value)
            none = np.zeros_like(inside)
            yield self._pair(Node(kind, dims), list(dims), key, inside, None, none).with_it

    def _touched_parts(self, taken: Flags) -> tuple[int | None, ...]:
        touched = {part for code in np.unique(self.facts[PSEUDOCODE][taken]) for part in COMPONENTS_OF[code]}
        return tuple(part for part in sorted(touched) if len(_codes_of(part)) > 1)

    def _pair(
        self, node: Node, names: list[str], key: list[int], inside: Flags, part: int | None, taken: Flags
    ) -> Pair:
        narrow = inside
        if PSEUDOCODE in node.dims:
            narrow = inside & (self.facts[PSEUDOCODE] == key[1 + names.index(PSEUDOCODE)])
        if part is not None:
            narrow = inside & self._parts[part]
        has_wider = narrow is not inside
        valid = self._valid_in(node, names, key)
        found = [
            self._counts(narrow & kept, inside & kept if has_wider else None, valid)
            for kept in (np.ones_like(taken), ~taken)
        ]
        return Pair(node.period.value, node.dims, *found)

    def _counts(self, inside: Flags, wider: Flags | None, valid: int) -> Counts:
        rows = np.flatnonzero(inside)
        person, provider, n = (self.facts[name][rows] for name in ("person", "provider", "n"))
        own = np.bincount(provider, n, minlength=2).astype(np.int64)
        served = np.bincount(np.unique(person * len(own) + provider) % len(own), minlength=len(own))
        order = np.lexsort((served, own))[::-1]
        return Counts(
            beneficiaries=_distinct(person),
            actions=int(n.sum()),
            providers=int((own > 0).sum()),
            largest=int(own[order[0]]),
            second=int(own[order[1]]),
            largest_beneficiaries=int(served.max()),
            wider=None if wider is None else _distinct(self.facts["person"][wider]),
            valid=valid,
        )

    def _valid_in(self, node: Node, names: list[str], key: list[int]) -> int:
        traits = [name for name in names if name not in (PSEUDOCODE, PROFESSION)]
        place = (node.period, tuple(traits))
        if place not in self._valid:
            self._valid[place] = truth.valid_in(self.register, node.period, traits)
        numbers = [key[0], *(key[1 + names.index(name)] for name in traits)]
        name = truth.named(self.register, node.period, traits, numbers)
        return self._valid[place].get(name, (0, 0))[0]


def _codes_of(part: int) -> list[int]:
    return [code for code in range(len(PSEUDOCODES)) if part in COMPONENTS_OF[code]]


def _distinct(numbers: Ints) -> int:
    return len(np.unique(numbers))


def one_fact(register: Register, fact: int) -> Flags:
    """One fact alone."""
    flags: Flags = np.arange(len(register.facts["n"])) == fact
    return flags


def one_person(register: Register, person: int) -> Flags:
    """All the facts of one person."""
    flags: Flags = register.facts["person"] == person
    return flags


def some_facts(register: Register, chance: np.random.Generator, count: int) -> list[int]:
    """Facts to try for: as many of people with one fact alone as there are, a third at most, and others by chance."""
    person = register.facts["person"]
    lonely = np.flatnonzero(np.bincount(person)[person] == 1)
    chosen = chance.permutation(lonely)[: count // 3].tolist()
    others = chance.choice(len(person), count, replace=False).tolist()
    return [*chosen, *(one for one in others if one not in chosen)][:count]
