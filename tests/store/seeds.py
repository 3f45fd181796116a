"""A catalogue in the register: two projects, two partners, one pseudocode of each sort."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from gateway.store.transaction import Store, Transaction
from tests.builders import COLLEAGUE, PROJECT, PROJECT_LEVEL_PSEUDOCODE, PROVIDER, PSEUDOCODE, day, instant

OTHER_PROJECT = "demo-sud"
LATER_PSEUDOCODE = "794021"
FOREIGN_PSEUDOCODE = "794032"
SEEDED_AT = instant("2021-09-01T08:00+02:00")


def zone_of(project_id: str) -> list[dict[str, Any]]:
    """Two municipalities of a project's own."""
    if project_id == PROJECT:
        return [{"nis": "25112", "population": 35000}, {"nis": "25014", "population": 12000}]
    number = crc32(project_id.encode()) % 10_000
    return [{"nis": f"6{number:04}", "population": 30000}, {"nis": f"7{number:04}", "population": 8000}]


def a_project_document(project_id: str = PROJECT, **changes: Any) -> dict[str, Any]:
    return {
        "id": project_id,
        "name": {"fr": "Démo", "nl": "Demo"},
        "nihii": "12345625001",
        "contractor": {"name": "Demo ASBL", "cbe": "0403019261"},
        "zone": zone_of(project_id),
        "convention": {"effective_from": day("2021-09-01"), "last_day": day("2022-12-31")},
        **changes,
    }


def a_pseudocode_document(code: str = PSEUDOCODE, **changes: Any) -> dict[str, Any]:
    return {
        "code": code,
        "label": {"fr": f"Acte {code}", "nl": f"Handeling {code}"},
        "level": "population",
        "components": [3, 6],
        "cap": 2,
        "tariff": None,
        **changes,
    }


def an_assignment_document(project: str = PROJECT, code: str = PSEUDOCODE, **changes: Any) -> dict[str, Any]:
    return {
        "project": project,
        "code": code,
        "valid_from": day("2021-09-01"),
        "valid_until": None,
        "planned": None,
        **changes,
    }


def a_partner_document(project: str = PROJECT, provider: str = PROVIDER, **changes: Any) -> dict[str, Any]:
    return {
        "project": project,
        "provider": provider,
        "nihii": f"{provider}001",
        "category": "first_line",
        "discipline": "physician",
        "member_from": day("2021-09-01"),
        "member_until": None,
        **changes,
    }


def seed(tx: Transaction) -> None:
    """Both projects; the first knows every sort of partner and pseudocode."""
    catalogue = tx.catalogue
    for project in (PROJECT, OTHER_PROJECT):
        catalogue.add_project(a_project_document(project), SEEDED_AT)
        catalogue.put_partner(a_partner_document(project), SEEDED_AT)
    catalogue.put_partner(a_partner_document(provider=COLLEAGUE, member_until=day("2022-06-30")), SEEDED_AT)
    for code in (PSEUDOCODE, LATER_PSEUDOCODE, FOREIGN_PSEUDOCODE):
        catalogue.add_pseudocode(a_pseudocode_document(code), SEEDED_AT)
    catalogue.add_pseudocode(
        a_pseudocode_document(PROJECT_LEVEL_PSEUDOCODE, level="project", components=[14]), SEEDED_AT
    )
    later: dict[str, Any] = {"valid_from": day("2022-03-01"), "valid_until": day("2022-09-30")}
    for document in (
        an_assignment_document(),
        an_assignment_document(code=PROJECT_LEVEL_PSEUDOCODE),
        an_assignment_document(code=LATER_PSEUDOCODE, **later),
        an_assignment_document(OTHER_PROJECT),
        an_assignment_document(OTHER_PROJECT, FOREIGN_PSEUDOCODE),
    ):
        catalogue.put_assignment(document, SEEDED_AT)


def seeded(store: Store) -> Store:
    """The same store, with the catalogue in it."""
    with store.transaction() as tx:
        seed(tx)
    return store
