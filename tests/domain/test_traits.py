"""Traits: birth dates become bands and municipalities districts; the unknown has a class only where one is declared."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.lattice import AGE_BAND, AGE_GROUP, CODES
from gateway.domain.traits import age_band, age_on, district_of, sex_of

TODAY = date(2022, 7, 1)
BIRTH_DATES = st.dates(date(1900, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("birth_date", "on", "age"),
    [
        (date(1947, 7, 1), date(2022, 6, 30), 74),
        (date(1947, 7, 1), date(2022, 7, 1), 75),
        (date(2004, 2, 29), date(2022, 2, 28), 17),
        (date(2004, 2, 29), date(2022, 3, 1), 18),
        (date(2004, 2, 29), date(2024, 2, 29), 20),
        (date(2022, 7, 1), date(2022, 7, 1), 0),
    ],
)
def test_age_is_in_completed_years(birth_date: date, on: date, age: int) -> None:
    assert age_on(birth_date, on) == age


@pytest.mark.parametrize(
    ("first_age", "band", "group"),
    [
        (0, "0-17", "0-59"),
        (18, "18-39", "0-59"),
        (40, "40-59", "0-59"),
        (60, "60-74", "60-74"),
        (75, "75-84", "75+"),
        (85, "85+", "75+"),
    ],
)
def test_band_begins_on_the_birthday(first_age: int, band: str, group: str) -> None:
    birthday = date(TODAY.year - first_age, TODAY.month, TODAY.day)
    bands, groups = CODES[AGE_BAND], CODES[AGE_GROUP]

    assert (age_band(birthday, TODAY), age_band(birthday, TODAY, AGE_GROUP)) == (band, group)
    day_younger = birthday + timedelta(days=1)
    assert age_band(day_younger, TODAY) == bands[max(0, bands.index(band) - 1)]
    assert age_band(day_younger, TODAY, AGE_GROUP) in groups[max(0, groups.index(group) - 1) : groups.index(group) + 1]


@pytest.mark.parametrize("dimension", [AGE_BAND, AGE_GROUP])
def test_unknown_birth_date_is_in_no_band(dimension: str) -> None:
    assert age_band(None, TODAY, dimension) is None


def test_who_is_born_after_the_first_day_counts_as_new_born() -> None:
    assert age_band(date(2022, 8, 15), TODAY) == "0-17"


def test_oldest_are_in_the_last_band() -> None:
    assert (age_band(date(1900, 1, 1), TODAY), age_band(date(1900, 1, 1), TODAY, AGE_GROUP)) == ("85+", "75+")


@given(BIRTH_DATES, BIRTH_DATES)
def test_bands_hold_the_age_and_the_coarse_ones_hold_the_fine(birth_date: date, on: date) -> None:
    age = max(0, age_on(birth_date, on))

    found = {dimension: age_band(birth_date, on, dimension) for dimension in (AGE_BAND, AGE_GROUP)}

    for band in found.values():
        assert band is not None
        first, _, last = band.rstrip("+").partition("-")
        assert int(first) <= age <= int(last or 200)
    assert (found[AGE_GROUP] == "75+") is (found[AGE_BAND] in ("75-84", "85+"))
    assert (found[AGE_GROUP] == "60-74") is (found[AGE_BAND] == "60-74")


@pytest.mark.parametrize(("known", "sex"), [("F", "F"), ("M", "M"), (None, "X"), ("X", "X"), ("", "X"), ("f", "X")])
def test_sex_that_is_not_known_is_x(known: str | None, sex: str) -> None:
    assert sex_of(known) == sex


@pytest.mark.parametrize(("municipality", "district"), [("25112", "25"), ("62063", "62"), ("01001", "01")])
def test_district_is_the_first_two_digits(municipality: str, district: str) -> None:
    assert district_of(municipality) == district
