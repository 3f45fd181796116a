"""All attacks on one world, by every actor: what is downloaded, what is asked again, what a revision changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.attacks import differencing, groups, providers, reconstruction, repetition
from tests.attacks.extracts import records
from tests.attacks.inference import Knowledge
from tests.attacks.score import Tally
from tests.attacks.view import ACTORS, Actor, View, download
from tests.attacks.world import World

LINEAR = (
    differencing.marginal,
    differencing.subset,
    differencing.roll_up,
    differencing.nesting,
    differencing.components,
    differencing.inclusion_flows,
    differencing.extract_and_aggregates,
    differencing.second_extract,
    reconstruction.reconstruction,
    groups.zero_against_small,
    groups.equality,
    groups.singling_out,
)


def campaign(world: World, actors: Sequence[Actor] = ACTORS) -> list[Tally]:
    """Every attack on a world whose periods are closed; at the end its months are revised."""
    return attack(world, download(world, actors), actors)


def attack(world: World, views: dict[Actor, View], actors: Sequence[Actor] = ACTORS) -> list[Tally]:
    """The same with what is downloaded already."""
    rungs = records(world)
    for view in views.values():
        view.shelves.update({name: shelf for name, shelf in rungs.items() if name not in view.shelves})
    known = Knowledge(world.register, world.register.seed + 1000)
    asked = {actor: repetition.ask_again(world, views[actor]) for actor in actors}
    found = [tally for actor in actors for tally in _of_actor(world, views[actor], known, asked[actor])]
    if "coalition" in actors:
        found.append(repetition.both_audiences(views["outsider"], views["coalition"], known))
    found.append(providers.dominant_provider(views["outsider"], known))
    world.revise_months()
    for actor in actors:
        revised = repetition.months_now(world, actor)
        found.append(repetition.late_record(views[actor], revised, known, world.planted))
    return found


def _of_actor(world: World, view: View, known: Knowledge, asked: repetition.Asked) -> Iterator[Tally]:
    yield groups.small_cells(view, known, world.planted)
    for one in LINEAR:
        yield one(view, known)
    yield groups.homogeneity(view, known, world.planted)
    yield repetition.averaging(view, known, asked)
    yield repetition.from_month_to_month(view, known, world.planted)
