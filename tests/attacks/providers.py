"""The attack on a dominant provider, by an outsider: its actions. The own coordinator knows them (C 4)."""

from __future__ import annotations

import numpy as np

from gateway.domain.lattice import PROJECT, PSEUDOCODE, PeriodKind
from tests.attacks import truth
from tests.attacks.inference import Knowledge, actions, clustering
from tests.attacks.register import PROVIDERS, Ints
from tests.attacks.score import Tally
from tests.attacks.view import View

CODE = (PROJECT, PSEUDOCODE)
CLOSE = 0.1
"""A guess is a success within a tenth of the truth."""


def dominant_provider(view: View, known: Knowledge) -> Tally:
    """The actions of a provider who does most: the cell's, less those of a competitor who asks, less the rest."""
    tried = hits = baseline = 0
    for kind in (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR):
        name = actions(kind, *CODE)
        for key, (whole, half) in _by_provider(known, kind).items():
            largest, second = np.argsort(whole)[::-1][:2]
            true = int(whole[largest])
            if 2 * true < whole.sum() or whole.sum() < 20:
                continue
            before, unsure = 2.0 * half[largest], 2 * clustering(kind, "actions") * (half[largest] + 0.5)
            after, shown = before, view.shelves[name].get(key)
            if shown is not None:
                rest = 2 * (half.sum() - half[largest] - half[second])
                said = shown.actions - whole[second] - rest
                spread = shown.spread_a**2 + clustering(kind, "actions") * (rest + 0.5)
                after = before + unsure / (unsure + spread) * (said - before)
            tried += 1
            hits += abs(after - true) <= CLOSE * true
            baseline += abs(before - true) <= CLOSE * true
    return Tally("dominant provider", view.actor, tried, hits, baseline)


def _by_provider(known: Knowledge, kind: PeriodKind) -> dict[truth.Values, tuple[Ints, Ints]]:
    """The actions of each provider per cell: all of them, and those for the known half."""
    register = known.register.in_time() if kind is PeriodKind.MONTH else known.register
    facts = register.facts
    found: dict[truth.Values, tuple[Ints, Ints]] = {}
    keys = np.stack([truth.period_of(kind, facts["month"]), facts[PROJECT], facts[PSEUDOCODE]], axis=1)
    cells, cell = np.unique(keys, axis=0, return_inverse=True)
    place = cell.reshape(-1) * PROVIDERS + facts["provider"] % PROVIDERS
    mine = facts["n"] * known.is_known[facts["person"]]
    shape = (len(cells), PROVIDERS)
    whole = np.bincount(place, facts["n"], len(cells) * PROVIDERS).astype(np.int64).reshape(shape)
    half = np.bincount(place, mine, len(cells) * PROVIDERS).astype(np.int64).reshape(shape)
    for number, values in enumerate(cells.tolist()):
        found[truth.named(register, kind, CODE, values)] = (whole[number], half[number])
    return found
