"""The catalogue in the register: written with its history, read from memory until its version moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.domain.errors import AlreadyExists, UnknownProject
from gateway.domain.periods import Interval
from gateway.store.tables import catalogue_history, catalogue_version
from gateway.store.transaction import Store
from tests.builders import COLLEAGUE, PROJECT, PROJECT_LEVEL_PSEUDOCODE, PROVIDER, PSEUDOCODE, day, instant
from tests.conftest import LegalClock
from tests.store.rows import counts, rows
from tests.store.seeds import (
    FOREIGN_PSEUDOCODE,
    LATER_PSEUDOCODE,
    OTHER_PROJECT,
    a_partner_document,
    a_project_document,
    a_pseudocode_document,
    an_assignment_document,
)

NOW = instant("2022-03-01T08:00+01:00")


@pytest.fixture
def second(register: Store, database_url: str, legal_clock: LegalClock) -> Iterator[Store]:
    """The same register as another process sees it."""
    opened = Store(database_url, legal_clock)
    yield opened
    opened.close()


def test_catalogue_is_what_was_written(register: Store) -> None:
    with register.reading() as tx:
        catalogue = tx.catalogue.current()

    project = catalogue.project(PROJECT)
    assert sorted(catalogue.projects) == [PROJECT, OTHER_PROJECT]
    assert project.convention.interval == Interval(day("2021-09-01"), day("2022-12-31"))
    assert project.partners == {
        PROVIDER: (Interval(day("2021-09-01")),),
        COLLEAGUE: (Interval(day("2021-09-01"), day("2022-06-30")),),
    }
    assert project.assignments[LATER_PSEUDOCODE] == Interval(day("2022-03-01"), day("2022-09-30"))
    assert catalogue.pseudocodes[PROJECT_LEVEL_PSEUDOCODE].level == "project"
    assert catalogue.pseudocodes[PSEUDOCODE].components == (3, 6)


def test_catalogue_is_read_once_until_its_version_moves(register: Store) -> None:
    with register.reading() as tx:
        first = tx.catalogue.current()
    with register.reading() as tx:
        again = tx.catalogue.current()

    assert again is first


def test_change_by_one_process_is_seen_by_another_at_once(register: Store, second: Store) -> None:
    with second.reading() as tx:
        assert COLLEAGUE not in tx.catalogue.current().project(OTHER_PROJECT).partners

    with register.transaction() as tx:
        tx.catalogue.put_partner(a_partner_document(OTHER_PROJECT, COLLEAGUE), NOW)

    with second.reading() as tx:
        assert COLLEAGUE in tx.catalogue.current().project(OTHER_PROJECT).partners


def test_change_is_seen_within_its_own_transaction(register: Store) -> None:
    with register.transaction() as tx:
        tx.catalogue.add_project(a_project_document("demo-est"), NOW)

        assert tx.catalogue.current().project("demo-est").partners == {}


def test_change_that_is_rolled_back_is_remembered_by_nobody(register: Store) -> None:
    with register.transaction() as tx:
        tx.catalogue.add_project(a_project_document("demo-est"), NOW)
        tx.catalogue.current()
        tx.discard()

    with register.transaction() as tx:
        tx.catalogue.add_project(a_project_document("demo-west"), NOW)
    with register.reading() as tx:
        catalogue = tx.catalogue.current()

    assert catalogue.project("demo-west").id == "demo-west"
    with pytest.raises(UnknownProject):
        catalogue.project("demo-est")


def test_every_change_is_kept_in_the_history(register: Store, database_url: str) -> None:
    before = rows(database_url, catalogue_version)[0]["version"]

    with register.transaction() as tx:
        tx.catalogue.put_partner(a_partner_document(provider=COLLEAGUE, member_until=day("2022-03-31")), NOW)
        tx.catalogue.put_assignment(an_assignment_document(code=FOREIGN_PSEUDOCODE), NOW)

    *_, partner, assignment = rows(database_url, catalogue_history, "version")
    assert rows(database_url, catalogue_version)[0]["version"] == before + 2
    assert (partner["version"], partner["noun"], partner["key"]) == (before + 1, "partner", f"{PROJECT}/{COLLEAGUE}")
    assert partner["document"]["member_until"] == "2022-03-31"
    assert (assignment["noun"], assignment["key"]) == ("assignment", f"{PROJECT}/{FOREIGN_PSEUDOCODE}")
    assert partner["recorded_at"] == assignment["recorded_at"] == NOW


def test_project_twice_is_refused_and_changes_nothing(register: Store, database_url: str) -> None:
    before = counts(database_url)

    with pytest.raises(AlreadyExists), register.transaction() as tx:
        tx.catalogue.add_project(a_project_document(), NOW)

    assert counts(database_url) == before


def test_pseudocode_twice_is_refused_and_changes_nothing(register: Store, database_url: str) -> None:
    before = counts(database_url)

    with pytest.raises(AlreadyExists), register.transaction() as tx:
        tx.catalogue.add_pseudocode(a_pseudocode_document(level="project"), NOW)

    assert counts(database_url) == before


def test_project_is_replaced_while_it_has_the_version_that_was_read(register: Store) -> None:
    shorter = a_project_document(
        convention={"effective_from": day("2021-09-01"), "last_day": day("2022-06-30")},
        zone=[{"nis": "25031", "population": 9000}],
        registration_closes_on=day("2022-08-31"),
        started_on=day("2018-01-01"),
    )

    with register.transaction() as tx:
        is_replaced = tx.catalogue.replace_project(shorter, 1, NOW)
        is_replaced_again = tx.catalogue.replace_project(shorter, 1, NOW)
        found = tx.catalogue.find_project(PROJECT)

    assert (is_replaced, is_replaced_again) == (True, False)
    assert found == {**shorter, "version": 2}


def test_unknown_project_is_not_found(register: Store) -> None:
    with register.reading() as tx:
        assert tx.catalogue.find_project("demo-ouest") is None


def test_projects_are_listed_by_id_with_their_zones(register: Store) -> None:
    with register.reading() as tx:
        first = tx.catalogue.projects("", 1)
        rest = tx.catalogue.projects(PROJECT, 10)

    assert [one["id"] for one in (*first, *rest)] == [PROJECT, OTHER_PROJECT]
    assert first[0]["zone"] == [{"nis": "25014", "population": 12000}, {"nis": "25112", "population": 35000}]


@pytest.mark.parametrize(
    ("project", "on", "expected"),
    [
        (None, None, [PSEUDOCODE, LATER_PSEUDOCODE, FOREIGN_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (None, "2022-01-15", [PSEUDOCODE, FOREIGN_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (None, "2021-08-31", []),
        (PROJECT, None, [PSEUDOCODE, LATER_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (PROJECT, "2022-02-28", [PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (PROJECT, "2022-03-01", [PSEUDOCODE, LATER_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (PROJECT, "2022-09-30", [PSEUDOCODE, LATER_PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (PROJECT, "2022-10-01", [PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE]),
        (OTHER_PROJECT, None, [PSEUDOCODE, FOREIGN_PSEUDOCODE]),
    ],
)
def test_pseudocodes_are_listed_once_by_project_and_day(
    register: Store, project: str | None, on: str | None, expected: list[str]
) -> None:
    with register.reading() as tx:
        whole = tx.catalogue.pseudocodes(project, on and day(on), "", 10)  # type: ignore[arg-type]  # a day, or none
        after = tx.catalogue.pseudocodes(project, on and day(on), PSEUDOCODE, 1)  # type: ignore[arg-type]  # a day, or none

    assert [one["code"] for one in whole] == expected
    assert [one["code"] for one in after] == expected[1:2]


def test_pseudocode_of_a_project_bears_its_days_there(register: Store) -> None:
    with register.reading() as tx:
        (found,) = tx.catalogue.pseudocodes(PROJECT, None, PSEUDOCODE, 1)
        assert tx.catalogue.has_pseudocode(LATER_PSEUDOCODE)
        assert not tx.catalogue.has_pseudocode("000000")

    assert found == {
        **a_pseudocode_document(LATER_PSEUDOCODE),
        "valid_from": day("2022-03-01"),
        "valid_until": day("2022-09-30"),
        "planned": None,
    }
