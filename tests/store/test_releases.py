"""Released figures: kept once, found by their period, never counted anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.disclosure import ProtectedCell
from gateway.domain.errors import AlreadyReleased
from gateway.store.releases import Release, dims_key
from gateway.store.transaction import Store
from tests.builders import PROJECT, PSEUDOCODE, instant
from tests.store.rows import counts

RELEASE = Release(
    id="actions-month-2022-02-1",
    lattice="v1",
    measure="actions",
    kind="month",
    period="2022-02",
    revision=1,
    released_at=instant("2022-03-10T08:00Z"),
    rho=0.246,
    declared={PROJECT: {"pseudocodes": [PSEUDOCODE], "municipalities": ["25014", "25112"]}},
)
DIMS = (("month", "2022-02"), ("project", PROJECT))
CELL = ProtectedCell(DIMS, "own", 41, 83, "3-5", 12, 24)
GENERAL = ProtectedCell(DIMS, "general", 40, 82, 4, 12, 24)


def test_release_is_found_as_it_was_kept(store: Store) -> None:
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [CELL, GENERAL])

    with store.reading() as tx:
        assert tx.releases.find("actions", "month", "2022-02") == RELEASE
        assert tx.releases.find("actions", "month", "2022-03") is None
        assert tx.releases.find("actions", "quarter", "2022-02") is None


def test_cells_are_found_by_audience_and_dimensions(store: Store) -> None:
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [CELL, GENERAL])

    with store.reading() as tx:
        own = tx.releases.cells("own", {RELEASE.id: [dims_key(DIMS), "month=2022-02"], "another": [dims_key(DIMS)]})
        general = tx.releases.cells("general", {RELEASE.id: [dims_key(DIMS)]})

    one = (RELEASE.id, "month=2022-02|project=demo-nord")
    assert list(own) == list(general) == [one]
    assert (own[one].beneficiaries, own[one].providers) == (41, "3-5")
    assert (general[one].actions, general[one].providers) == (82, "4")


def test_cell_without_providers_keeps_none(store: Store) -> None:
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [replace(CELL, providers=None, actions=None, margin_actions=None)])

    with store.reading() as tx:
        (row,) = tx.releases.cells("own", {RELEASE.id: [dims_key(DIMS)]}).values()
    assert (row.providers, row.actions, row.margin_actions) == (None, None, None)


def test_release_without_any_published_cell_is_kept(store: Store) -> None:
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [])

    with store.reading() as tx:
        assert tx.releases.list() == [RELEASE]


def test_latest_revision_is_in_force(store: Store) -> None:
    revised = replace(RELEASE, id="actions-month-2022-02-2", revision=2, reason="court-order")

    with store.transaction() as tx:
        tx.releases.add(RELEASE, [])
        tx.releases.add(revised, [])
        tx.releases.add(replace(RELEASE, id="b", period="2022-03"), [])
        found = tx.releases.find("actions", "month", "2022-02")
        each = tx.releases.find_each("actions", "month", ["2022-04", "2022-03", "2022-02"])

    assert found == revised
    assert {period: one.id for period, one in each.items()} == {"2022-02": revised.id, "2022-03": "b"}


def test_same_revision_twice_is_refused_by_the_database(store: Store, database_url: str) -> None:
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [CELL])
    before = counts(database_url)

    for again in (RELEASE, replace(RELEASE, id="another")):
        with pytest.raises(AlreadyReleased), store.transaction() as tx:
            tx.releases.add(again, [GENERAL])

    assert counts(database_url) == before


def test_general_cells_of_a_release_are_beside_their_own_ones(store: Store) -> None:
    of_women = replace(GENERAL, dims=(("month", "2022-02"), ("project", PROJECT), ("sex", "F")))
    of_all = replace(GENERAL, dims=(("month", "2022-02"),))
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [of_women, GENERAL, CELL, of_all])
        tx.releases.add(replace(RELEASE, id="another", period="2022-03"), [replace(CELL, dims=of_women.dims), GENERAL])

    with store.reading() as tx:
        found = {row.dims: tuple(row)[1:] for row in tx.releases.general(RELEASE.id, ["month=%|project=%", "year=%"])}

    assert found == {dims_key(DIMS): (40, 82, 12, 24, 41), dims_key(of_women.dims): (40, 82, 12, 24, None)}


@pytest.mark.parametrize("count", [0, 1, 8, 9, 48, 49, 97, 2_500])
def test_any_number_of_cells_is_found(store: Store, count: int) -> None:
    many = [replace(CELL, dims=(*DIMS, ("pseudocode", f"{number:06}"))) for number in range(count)]
    names = [dims_key(one.dims) for one in many]
    with store.transaction() as tx:
        tx.releases.add(RELEASE, [CELL, *many])
        tx.releases.add(replace(RELEASE, id="another", period="2022-03"), many)

    with store.reading() as tx:
        found = tx.releases.cells("own", {RELEASE.id: names, "another": names[:3]})

    assert set(found) == {(RELEASE.id, name) for name in names} | {("another", name) for name in names[:3]}


def test_ledger_is_in_order_of_release_and_keeps_to_what_is_asked(store: Store) -> None:
    later = replace(RELEASE, id="b", period="2022-03", released_at=instant("2022-04-10T08:00Z"))
    quarter = replace(RELEASE, id="c", kind="quarter", period="2022-Q1", released_at=instant("2022-05-15T08:00Z"))
    joined = replace(RELEASE, id="d", measure="joined", released_at=instant("2022-02-01T08:00Z"))

    with store.transaction() as tx:
        for one in (quarter, later, joined, RELEASE):
            tx.releases.add(one, [])
        assert tx.releases.list() == [joined, RELEASE, later, quarter]
        assert tx.releases.list("actions") == [RELEASE, later, quarter]
        assert tx.releases.list("actions", "month") == [RELEASE, later]
        assert tx.releases.list(kind="month") == [joined, RELEASE, later]
        assert tx.releases.periods("actions", "month") == ["2022-02", "2022-03"]
