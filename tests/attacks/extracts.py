"""The records of every extract that may ever be made, as their recipients together would see them.

They are read from the released cells: the finest traits, the two rules of DISCLOSURE 7 on records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gateway.domain.ladder import FEWEST_PSEUDOCODES, Recipient, Rung, fewest_own, rungs_of
from gateway.domain.lattice import PSEUDOCODE, Measure, PeriodKind
from tests.attacks.inference import actions
from tests.attacks.truth import Values
from tests.attacks.view import Name, Shelf, shown
from tests.attacks.world import World, periods

ORDER = ("project", "pseudocode", "insurer", "sex", "district", "age_group")
Figures = Mapping[str, int]


def records(world: World) -> dict[Name, Shelf]:
    """Every record of every rung, for policy makers and all insurers together."""
    found: dict[Name, Shelf] = {}
    for kind in (PeriodKind.QUARTER, PeriodKind.YEAR, PeriodKind.CONVENTION):
        for period in periods(world.register, kind):
            own, general = _released(world, kind, period.label)
            for rung in rungs_of(kind):
                for recipient in Recipient:
                    dims = tuple(sorted(rung.dims(recipient), key=ORDER.index))
                    shelf = found.setdefault(actions(kind, *dims), {})
                    shelf.update(_records(world, rung, recipient, period.label, own, general))
    return found


def _released(world: World, kind: PeriodKind, label: str) -> tuple[dict[str, Figures], dict[str, Figures]]:
    own: dict[str, Figures] = {}
    general: dict[str, Figures] = {}
    with world.gateway.context.store.reading() as tx:
        release = tx.releases.find(Measure.ACTIONS, kind, label)
        for row in [] if release is None else tx.releases.general(release.id, ["%"]):
            general[row.dims] = {"beneficiaries": row.beneficiaries, "actions": row.actions or 0}
            if row.own_beneficiaries is not None:
                own[row.dims] = {"beneficiaries": row.own_beneficiaries}
    return own, general


def _records(
    world: World,
    rung: Rung,
    recipient: Recipient,
    label: str,
    own: Mapping[str, Figures],
    general: Mapping[str, Figures],
) -> Shelf:
    """The records of one rung: own value clear of ten by two sigma, three pseudocodes in their class."""
    dims = tuple(sorted(rung.dims(recipient), key=ORDER.index))
    wanted, fewest = {*dims, rung.period.value}, fewest_own(rung.period, dims)
    clear: dict[Values, Figures] = {}
    for text, figures in general.items():
        named = dict(part.split("=") for part in text.split("|"))
        mine = own.get(text)
        if set(named) == wanted and mine and mine["beneficiaries"] >= fewest:
            clear[(label, *(named[name] for name in dims))] = figures
    place = dims.index(PSEUDOCODE) + 1
    classes = Counter(key[:place] + key[place + 1 :] for key in clear)
    return {
        key: shown(world, rung.period, dims, {name: str(one) for name, one in figures.items()}, "general")
        for key, figures in clear.items()
        if classes[key[:place] + key[place + 1 :]] >= FEWEST_PSEUDOCODES
    }
