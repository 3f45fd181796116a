"""Who is insured where: every valid SSIN is a member, and what is said of it is a fixed function of the number.

| fact | comes from |
|---|---|
| `sex` | the number where it tells (`M`, `F`), else `X` (a bis number given before the sex was known) |
| `birth_date` | the number where it tells; what it leaves open is filled in from the digest |
| `insurer` | the digest, by `INSURERS`: uneven as in life |
| `municipality` | the digest, by `MUNICIPALITIES`: about as uneven as their populations |

The digest is SHA-256 of `mock-mycarenet:<ssin>`; bytes 0-7 choose the insurer, 8-15 the municipality, 16-23 the days.
"""

from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from flask import Blueprint
from stdnum.be import nn, ssn

from mock_mycarenet.bodies import load_body
from schemas.mycarenet.stand_in import MemberRequest

MEMBER_REQUEST: Final = MemberRequest()

# Insurer to share in percent: the five national unions, the auxiliary fund, the railways' fund.
INSURERS: Final = {"100": 40, "200": 6, "300": 28, "400": 5, "500": 17, "600": 2, "900": 2}

# NIS code, as in force in 2022, to weight: population in thousands.
MUNICIPALITIES: Final = {
    "11002": 530,  # Antwerpen
    "12025": 87,  # Mechelen
    "13040": 46,  # Turnhout
    "21004": 188,  # Bruxelles / Brussel
    "21009": 88,  # Ixelles / Elsene
    "21015": 130,  # Schaerbeek / Schaarbeek
    "24062": 102,  # Leuven
    "25014": 40,  # Braine-l'Alleud
    "25112": 35,  # Wavre
    "31005": 119,  # Brugge
    "34022": 78,  # Kortrijk
    "35013": 72,  # Oostende
    "41002": 89,  # Aalst
    "44021": 265,  # Gent
    "46021": 80,  # Sint-Niklaas
    "52011": 202,  # Charleroi
    "53053": 96,  # Mons
    "57081": 69,  # Tournai
    "62063": 195,  # Liège
    "62096": 64,  # Seraing
    "63023": 20,  # Eupen
    "63079": 55,  # Verviers
    "71022": 80,  # Hasselt
    "81001": 30,  # Arlon
    "92094": 113,  # Namur
}


def members_door() -> Blueprint:
    """`POST /members/find`."""
    door = Blueprint("members", __name__)

    @door.post("/members/find")
    def find() -> dict[str, str]:
        return member_of(load_body(MEMBER_REQUEST)["ssin"])

    return door


def member_of(ssin: str) -> dict[str, str]:
    """Insurer, sex, birth date and municipality of a valid SSIN: always the same for the same number.

    >>> member_of("85073003328")
    {'insurer': '100', 'sex': 'M', 'birth_date': '1985-07-30', 'municipality': '81001'}
    """
    digest = sha256(f"mock-mycarenet:{ssin}".encode()).digest()
    insurer, municipality, days = (int.from_bytes(digest[start : start + 8]) for start in (0, 8, 16))
    return {
        "insurer": _weighted(INSURERS, insurer),
        "sex": ssn.get_gender(ssin) or "X",
        "birth_date": _birth_date(ssin, days).isoformat(),
        "municipality": _weighted(MUNICIPALITIES, municipality),
    }


def _birth_date(ssin: str, number: int) -> date:
    """The date in the SSIN; a day, month or year that is not in it is the same for the same `number`."""
    known: date | None = nn.get_birth_date(ssin)
    if known is not None:
        return known
    year = nn.get_birth_year(ssin) or 1930 + number % 70
    month = nn.get_birth_month(ssin)
    first, days = (date(year, month, 1), 28) if month else (date(year, 1, 1), 365)
    return first + timedelta(days=number // 70 % days)


def _weighted(weights: dict[str, int], number: int) -> str:
    """The key in whose stretch of the summed weights `number` falls."""
    left = number % sum(weights.values())
    for key, weight in weights.items():
        if left < weight:
            return key
        left -= weight
    raise AssertionError  # the stretches cover every remainder
