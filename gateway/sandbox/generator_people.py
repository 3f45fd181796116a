"""Synthetic people: beneficiaries' SSINs and providers' NIHII numbers, right in form and meant for nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from stdnum.be import ssn

from gateway.sandbox.generator_calendar import FIRST_DAY

FIRST_SERIAL, LAST_SERIAL = 950, 997
"""Serial numbers of one birth date and sex are given out upwards from 001: these are practically never reached."""

AGE_BANDS = ((0, 17, 2), (18, 39, 7), (40, 59, 20), (60, 74, 32), (75, 84, 26), (85, 99, 13))
BIS_SHARE = 0.015


@dataclass(frozen=True, slots=True)
class Person:
    """A beneficiary who does not exist; `intensity` is how many actions a month are likely, 0 to 3."""

    number: int
    ssin: str
    intensity: float


def ssin_of(birth_date: date, serial: int, *, bis: bool = False) -> str:
    """The SSIN of a birth date and serial number, with its check digits; a BIS number has 40 added to the month.

    >>> ssin_of(date(1985, 7, 30), 33)
    '85073003328'
    >>> ssin_of(date(2017, 7, 30), 33)
    '17073003384'
    """
    month = birth_date.month + (40 if bis else 0)
    digits = f"{birth_date:%y}{month:02}{birth_date.day:02}{serial:03}"
    century = "2" if birth_date.year >= 2000 else ""
    return f"{digits}{97 - int(century + digits) % 97:02}"


def nihii_of(base: int, qualification: str, *, modulus: int = 97) -> str:
    """The NIHII number of six digits, with check digits modulo 97 (or 89) and three digits of qualification.

    >>> nihii_of(199999, "004"), nihii_of(499999, "401", modulus=89)
    ('19999915004', '49999903401')
    """
    return f"{base:06}{modulus - base % modulus:02}{qualification}"


def cbe_of(base: int) -> str:
    """The enterprise number of eight digits, with its check digits.

    >>> cbe_of(2025421)
    '0202542136'
    """
    return f"{base:08}{97 - base % 97:02}"


def people(rng: Random, count: int) -> list[Person]:
    """So many people, no SSIN twice: old more often than young, a few of them with a BIS number."""
    found: dict[str, Person] = {}
    weights = [weight for _, _, weight in AGE_BANDS]
    while len(found) < count:
        youngest, oldest, _ = rng.choices(AGE_BANDS, weights)[0]
        birth_date = FIRST_DAY - timedelta(days=rng.randrange(youngest * 365 + 200, oldest * 365 + 200))
        serial = rng.randint(FIRST_SERIAL, LAST_SERIAL)
        ssin = ssin_of(birth_date, serial, bis=rng.random() < BIS_SHARE)
        intensity = rng.choices((0.0, 0.6, 1.4, 2.4), (44, 31, 18, 7))[0]
        if ssin not in found:
            found[ssin] = Person(len(found), ssin, intensity)
    return list(found.values())


def mistyped(rng: Random, ssin: str) -> str:
    """An SSIN with two neighbouring digits exchanged, so that its check digits are wrong."""
    while True:
        at = rng.randrange(8)
        typed = ssin[:at] + ssin[at + 1] + ssin[at] + ssin[at + 2 :]
        if not ssn.is_valid(typed):
            return typed
