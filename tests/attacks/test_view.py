"""Collusion gives nothing: whoever asks, and however, an audience sees the same figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.domain.lattice import CODES, INSURER, PROJECT, PSEUDOCODE, Measure, PeriodKind
from gateway.pseudonyms.veil import Veil
from tests.attacks import repetition
from tests.attacks.inference import actions
from tests.attacks.mechanisms import ours
from tests.attacks.register import Size, a_register
from tests.attacks.view import download, query
from tests.attacks.world import World, a_world
from tests.http.issuer import Issuer, an_issuer

SEED = 9
MONTH = PeriodKind.MONTH
DIMS = (PROJECT, PSEUDOCODE, INSURER)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with an_issuer() as opened:
        yield opened


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, veil: Veil, issuer: Issuer) -> Iterator[World]:
    """One project, its two months closed."""
    register = a_register(Size((500,), months=2), SEED)
    with a_world(register, ours(SEED), tmp_path_factory.mktemp("world"), veil, issuer) as world:
        world.close((MONTH,))
        yield world


def test_insurers_see_the_figures_of_other_outsiders(closed: World) -> None:
    outsider = download(closed, ["outsider"], (MONTH,))["outsider"].shelf(MONTH, *DIMS)
    (project,) = closed.register.projects

    seen = {}
    for insurer in CODES[INSURER]:
        asked = f"{query(MONTH, DIMS[:2], Measure.ACTIONS, project)}&insurer={insurer}"
        for row in closed.ask(asked, "insurer", insurer=insurer):
            if row["status"] == "published":
                seen[(row["month"], project, row["pseudocode"], insurer)] = int(row["actions"])

    assert seen
    assert seen == {key: shown.actions for key, shown in outsider.items()}


def test_equivalent_questions_of_several_accounts_have_one_answer(closed: World) -> None:
    views = download(closed, kinds=(MONTH,))

    for view in views.values():
        asked = repetition.ask_again(closed, view)
        assert asked
        assert all(len(answers) == 1 for answers in asked.values())


def test_coalition_sees_every_cell_that_outsiders_see(closed: World) -> None:
    views = download(closed, kinds=(MONTH,))

    outsider, coalition = (set(views[actor].shelves[actions(MONTH, *DIMS[:2])]) for actor in ("outsider", "coalition"))
    assert outsider <= coalition
