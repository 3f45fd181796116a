"""The catalogue of the synthetic sample: projects, pseudocodes, their assignments, and partners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from random import Random
from typing import Any

from gateway.domain.periods import Interval
from gateway.sandbox.generator_people import cbe_of, nihii_of
from gateway.sandbox.generator_pseudocodes import CODES

CONVENTION = {"effective_from": "2021-09-01", "last_day": "2022-12-31"}
START = date(2021, 9, 1)

PROJECTS: dict[str, tuple[dict[str, str], dict[str, int], int, int]] = {
    # id: names, zone (NIS code: population), beneficiaries, partners
    "demo-nord": (
        {"fr": "Démo Nord", "nl": "Demo Noord", "de": "Demo Nord", "en": "Demo North"},
        {"13040": 45000, "13008": 40000, "13025": 37000, "12025": 16000},
        1600,
        38,
    ),
    "demo-sud": (
        {"fr": "Démo Sud", "nl": "Demo Zuid", "de": "Demo Süd", "en": "Demo South"},
        {"92094": 88000, "92003": 27000, "91034": 13000},
        900,
        28,
    ),
    "demo-oost": (
        {"fr": "Démo Est", "nl": "Demo Oost", "de": "Demo Ost", "en": "Demo East"},
        {"71016": 66000, "73107": 39000, "72021": 25000},
        480,
        20,
    ),
    "demo-brussel": (
        {"fr": "Démo Bruxelles", "nl": "Demo Brussel", "de": "Demo Brüssel", "en": "Demo Brussels"},
        {"21006": 43000, "21010": 53000, "21008": 25000},
        230,
        14,
    ),
}

DISCIPLINES: dict[str, tuple[int, str, str, int]] = {
    # discipline: highest base of its NIHII numbers, qualification, category, share of the partners
    "physician": (199999, "004", "first_line", 5),
    "nurse": (499999, "401", "home_care", 7),
    "physiotherapist": (549999, "501", "first_line", 5),
    "pharmacist": (299999, "001", "first_line", 4),
    "dietitian": (579999, "601", "specialties", 3),
    "occupational_therapist": (619999, "001", "home_care", 4),
    "psychologist": (789999, "001", "specialties", 3),
    "social_worker": (899999, "001", "consultation_structure", 5),
}


ASSIGNED: dict[str, tuple[str, ...]] = {
    # most used first
    "demo-nord": ("794054", "794032", "794091", "794076", "794010", "794150", "794135", "794113", "794231", "794194"),
    "demo-sud": ("794054", "794010", "794172", "794032", "794113", "794216", "794231"),
    "demo-oost": ("794032", "794076", "794054", "794150", "794091"),
    "demo-brussel": ("794194", "794054", "794113", "794010"),
}
ASSIGNMENT_DAYS: dict[tuple[str, str], tuple[str, str | None]] = {
    ("demo-nord", "794231"): ("2022-01-01", None),
    ("demo-sud", "794231"): ("2022-02-01", None),
    ("demo-sud", "794216"): ("2022-01-01", None),
    ("demo-oost", "794091"): ("2021-09-01", "2022-03-31"),
}
PLANNED = {"demo-nord": (600, 2400), "demo-sud": (350, 1400)}


@dataclass(frozen=True, slots=True)
class Partner:
    """A provider's partnership in a project; `weight` is how busy they are there."""

    project: str
    nihii: str
    discipline: str
    days: Interval
    weight: float


@dataclass(frozen=True)
class Scene:
    """Where the stories play: the catalogue, ready to be asked and written."""

    partners: tuple[Partner, ...]

    @cached_property
    def by_project(self) -> dict[str, list[Partner]]:
        """The partners of each project."""
        return {project: [one for one in self.partners if one.project == project] for project in PROJECTS}

    def partners_on(self, project: str, day: date, disciplines: tuple[str, ...] = tuple(DISCIPLINES)) -> list[Partner]:
        """The partners of a project on a day, of the given disciplines."""
        return [one for one in self.by_project[project] if one.discipline in disciplines and day in one.days]

    def body(self) -> dict[str, list[dict[str, Any]]]:
        """The catalogue as written to `catalogue.json`: what the registrar sends, in this order."""
        return {
            "projects": [_project(number, project) for number, project in enumerate(PROJECTS, 1)],
            "pseudocodes": [code.body() for code in CODES.values()],
            "assignments": list(_assignments()),
            "partners": [
                {
                    "project": one.project,
                    "nihii": one.nihii,
                    "category": DISCIPLINES[one.discipline][2],
                    "discipline": one.discipline,
                    "from": one.days.first.isoformat(),
                    "until": one.days.last and one.days.last.isoformat(),
                }
                for one in self.partners
            ],
        }


def assigned_on(code: str, project: str) -> Interval:
    """The days on which a pseudocode of a project is valid in it."""
    first, last = ASSIGNMENT_DAYS.get((project, code), ("2021-09-01", None))
    return Interval(date.fromisoformat(first), None if last is None else date.fromisoformat(last))


def _project(number: int, project: str) -> dict[str, Any]:
    names, zone, _, _ = PROJECTS[project]
    return {
        "id": project,
        "name": names,
        "nihii": nihii_of(949990 + number, "000"),
        "contractor": {"name": f"{names['en']} (synthetic)", "cbe": cbe_of(9999990 + number)},
        "zone": [{"nis": nis, "population": population} for nis, population in zone.items()],
        "convention": CONVENTION,
        "started_on": "2018-01-01",
    }


def _assignments() -> Iterator[dict[str, Any]]:
    for project, codes in ASSIGNED.items():
        for rank, code in enumerate(codes):
            days = assigned_on(code, project)
            row: dict[str, Any] = {"project": project, "code": code, "valid_from": days.first.isoformat()}
            row["valid_until"] = days.last and days.last.isoformat()
            if rank < 2 and project in PLANNED:
                beneficiaries, actions = PLANNED[project]
                row["planned"] = {"2022": {"beneficiaries": beneficiaries, "actions": actions}}
            yield row


def scene(rng: Random) -> Scene:
    """The catalogue with a hundred partners: a few busy ones, some who come later or leave, four in two projects."""
    taken = dict.fromkeys(DISCIPLINES, 0)
    partners: list[Partner] = []
    for project, (_, _, _, count) in PROJECTS.items():
        for number, discipline in enumerate(_shares(count)):
            base, qualification, _, _ = DISCIPLINES[discipline]
            modulus = 89 if discipline in ("nurse", "physician") and taken[discipline] % 3 == 1 else 97
            nihii = nihii_of(base - taken[discipline], qualification, modulus=modulus)
            taken[discipline] += 1
            partners.append(Partner(project, nihii, discipline, _days(number), min(rng.paretovariate(1.2), 6.0)))
    homes = [one for one in partners if one.project == "demo-nord" and one.days == Interval(START)]
    for one, elsewhere in zip(homes[:4], ("demo-sud", "demo-oost", "demo-sud", "demo-brussel"), strict=True):
        partners.append(Partner(elsewhere, one.nihii, one.discipline, Interval(START), 1.0))
    return Scene(tuple(partners))


def _shares(count: int) -> list[str]:
    """So many disciplines, each as often as its share and at least once."""
    whole = sum(share for _, _, _, share in DISCIPLINES.values())
    dealt = [
        name for name, (_, _, _, share) in DISCIPLINES.items() for _ in range(max(1, round(share * count / whole)))
    ]
    return dealt[:count] + ["nurse"] * (count - len(dealt))


def _days(number: int) -> Interval:
    if number % 13 == 7:
        return Interval(date(2022, 1, 1))
    return Interval(START, date(2022, 3, 31) if number % 17 == 9 else None)
