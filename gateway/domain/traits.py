"""What a person is counted under: generalised from what MyCareNet's acceptance brought back.

Stage: pseudonymous in, one of a few public classes out.
Source: DISCLOSURE 1.
"""

from __future__ import annotations

from datetime import date

from gateway.domain.lattice import AGE_BAND, CODES

UNKNOWN_SEX = "X"


def age_on(birth_date: date, on: date) -> int:
    """Completed years of life.

    >>> age_on(date(2004, 2, 29), date(2022, 2, 28)), age_on(date(2004, 2, 29), date(2022, 3, 1))
    (17, 18)
    """
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def age_band(birth_date: date | None, on: date, dimension: str = AGE_BAND) -> str | None:
    """The band of age on a period's first day: one of six, or of three as `age_group`; None when unknown.

    Shape: who is born later counts as new-born.

    >>> age_band(date(1947, 6, 30), date(2022, 7, 1)), age_band(date(1947, 6, 30), date(2022, 7, 1), "age_group")
    ('75-84', '75+')
    """
    if birth_date is None:
        return None
    age = max(0, age_on(birth_date, on))
    return next(band for band in reversed(CODES[dimension]) if int(band.rstrip("+").split("-")[0]) <= age)


def sex_of(known: str | None) -> str:
    """The sex, `X` when unknown.

    >>> sex_of("F"), sex_of(None)
    ('F', 'X')
    """
    return known if known in ("F", "M") else UNKNOWN_SEX


def district_of(municipality: str) -> str:
    """The district of a municipality: the first two digits of its NIS code.

    >>> district_of("25112")
    '25'
    """
    return municipality[:2]
