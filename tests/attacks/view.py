"""What an actor downloads: the released figures, asked for once over HTTP, node by node.

An *outsider* is a policy maker; a *coalition* is every project's coordinator in league with outsiders and insurers: it
prefers the own value where there is one, because the general value is that one with more noise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.domain.disclosure import sigma
from gateway.domain.lattice import (
    AGE_BAND,
    INSURER,
    MUNICIPALITY,
    OPTIONAL,
    PROJECT,
    SEX,
    Measure,
    PeriodKind,
    measures_of,
    nodes,
)
from tests.attacks.register import CAP
from tests.attacks.truth import Values
from tests.attacks.world import Row, World

Actor = Literal["outsider", "coalition"]
ACTORS: tuple[Actor, ...] = ("outsider", "coalition")
PAIRED = frozenset({INSURER, AGE_BAND, SEX, MUNICIPALITY})
"""Two optional dimensions at once are downloaded for these alone: they hold the attacker's targets."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One published cell, with how far its attacker takes it to lie from the truth."""

    beneficiaries: int
    actions: int
    spread_b: float
    spread_a: float
    providers: str = ""


Shelf = dict[Values, Shown]
Name = tuple[Measure, PeriodKind, tuple[str, ...]]


@dataclass
class View:
    """All that an actor sees: published cells by node; what is missing is protected.

    Shape: a node that was not asked for is empty; with a mechanism that hides all small cells and no others, what is
    missing has fewer than `hides_below`, and what is there lies within `width` of the truth.
    """

    actor: Actor
    shelves: dict[Name, Shelf] = field(default_factory=lambda: defaultdict(dict))
    hides_below: int = 0
    width: int = 0

    def shelf(self, kind: PeriodKind, *dims: str, measure: Measure = Measure.ACTIONS) -> Shelf:
        """The published cells of a node."""
        return self.shelves.get((measure, kind, dims), {})


def attacked_nodes(kind: PeriodKind, measure: Measure) -> list[tuple[str, ...]]:
    """The nodes that the attacker downloads."""
    found = []
    for node in nodes(kind, measure):
        optional = [name for name in node.dims if name in OPTIONAL]
        if len(optional) < 2 or set(optional) <= PAIRED:
            found.append(node.dims)
    return found


def download(
    world: World, actors: Sequence[Actor] = ACTORS, kinds: Sequence[PeriodKind] = tuple(PeriodKind)
) -> dict[Actor, View]:
    """The lattice as an outsider and, if asked for, as a coalition see it."""
    planted = world.planted
    bounds = (0, 0) if planted.has_floors else (planted.hides_below, planted.width)
    outsider, coalition = (View(actor, defaultdict(dict), *bounds) for actor in ACTORS)
    for kind in kinds:
        for measure in measures_of(kind):
            for dims in attacked_nodes(kind, measure):
                name = (measure, kind, dims)
                outsider.shelves[name] = general = shelf_of(world, kind, dims, measure, "general")
                if "coalition" in actors:
                    coalition.shelves[name] = {**general, **_own(world, kind, dims, measure)}
    return {"outsider": outsider, "coalition": coalition}


def _own(world: World, kind: PeriodKind, dims: Sequence[str], measure: Measure) -> Shelf:
    return shelf_of(world, kind, dims, measure, "own") if PROJECT in dims else {}


def shelf_of(world: World, kind: PeriodKind, dims: Sequence[str], measure: Measure, audience: str) -> Shelf:
    """The published cells of a node, for one audience: every project's coordinator, or a policy maker."""
    found: Shelf = {}
    for project in world.register.projects if PROJECT in dims else [None]:
        claims = {"project": project} if audience == "own" else {}
        role = "coordinator" if audience == "own" else "policy_maker"
        for row in world.ask(query(kind, dims, measure, project), role, **claims):
            if row["status"] == "published":
                named = {**row, PROJECT: project or "", PeriodKind.CONVENTION: project or ""}
                found[(named[kind], *(named[name] for name in dims))] = shown(world, kind, dims, row, audience, measure)
    return found


def query(kind: PeriodKind, dims: Iterable[str], measure: Measure, project: str | None) -> str:
    """A node as a question; of one project where it names projects."""
    by = [name for name in dims if name != PROJECT]
    parts = [f"measure={measure}"] + ([] if project is None else [f"project={project}"])
    if kind is PeriodKind.CONVENTION:
        parts.append(f"convention={project}")
    else:
        by.append(kind)
    return "&".join([*parts, *([f"by={','.join(by)}"] if by else [])])


def shown(
    world: World, kind: PeriodKind, dims: Sequence[str], row: Row, audience: str, measure: Measure = Measure.ACTIONS
) -> Shown:
    """A published row, and its spread by what is public about the mechanism."""
    spread = float(sigma(kind, dims, measure))
    of = world.planted.own if audience == "own" or measure.is_of_inclusions else world.planted.general
    beneficiaries, actions = int(row["beneficiaries"]), int(row["actions"] or 0)
    return Shown(
        beneficiaries, actions, of(spread, beneficiaries), of(CAP * spread, actions), row.get("providers") or ""
    )
