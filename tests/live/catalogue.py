"""A small catalogue for a live sandbox: three conventions with different ends, two partners, three pseudocodes."""

from __future__ import annotations

from typing import Any, Protocol

from tests.builders import a_nis

LONG, SHORT, MID = "demo-long", "demo-short", "demo-mid"
NIHII, COLLEAGUE = "10000106001", "20000212001"
CODE, OTHER_CODE = "794010", "794032"
CONVENTIONS: dict[str, dict[str, Any]] = {
    LONG: {"convention": {"effective_from": "2021-09-01", "last_day": "2024-12-31"}},
    SHORT: {
        "convention": {"effective_from": "2021-09-01", "last_day": "2022-06-30"},
        "registration_closes_on": "2022-09-30",
    },
    MID: {"convention": {"effective_from": "2021-09-01", "last_day": "2022-06-15"}},
}


def names(text: str) -> dict[str, str]:
    return {"fr": text, "nl": text}


def a_project(project: str, **changes: Any) -> dict[str, Any]:
    document = {
        "id": project,
        "name": names("Demo"),
        "nihii": "94999127000",
        "contractor": {"name": "Demo (synthetic)", "cbe": "0999999130"},
        "zone": [{"nis": a_nis(project), "population": 45000}],
        "convention": {"effective_from": "2021-09-01", "last_day": "2022-12-31"},
    }
    return {**document, **changes}


def a_pseudocode(code: str, **changes: Any) -> dict[str, Any]:
    return {"code": code, "label": names("Action"), "level": "population", "components": [3], **changes}


def an_inclusion(project: str, ssin: str, **changes: Any) -> dict[str, Any]:
    agreement = {"agreed_on": "2021-09-01", "informed": True, "in_target_group": True}
    return {"project": project, "ssin": ssin, "agreement": agreement, **changes}


def an_action(project: str, ssin: str, performed_on: str, **changes: Any) -> dict[str, Any]:
    return {"project": project, "ssin": ssin, "pseudocode": CODE, "performed_on": performed_on, **changes}


class Deployment(Protocol):
    """A gateway and an issuer of tokens, however they run."""

    def token(self, role: str) -> str:
        """A token for a role."""
        ...

    def send(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
        """A request, and its answer."""
        ...


def enter(box: Deployment) -> None:
    """Enter the catalogue as the registrar."""
    registrar = box.token("registrar")
    for code in (CODE, OTHER_CODE):
        _must(box.send("POST", "/v1/pseudocodes", a_pseudocode(code), token=registrar))
    for project, facts in CONVENTIONS.items():
        _must(box.send("POST", "/v1/projects", a_project(project, **facts), token=registrar))
        for code in (CODE, OTHER_CODE):
            days = {"valid_from": "2021-09-01", "valid_until": None}
            _must(box.send("PUT", f"/v1/projects/{project}/pseudocodes/{code}", days, token=registrar))
        for nihii in (NIHII, COLLEAGUE):
            partner = {"category": "first_line", "discipline": "nurse", "from": "2021-09-01", "until": None}
            _must(box.send("PUT", f"/v1/projects/{project}/partners/{nihii}", partner, token=registrar))


def _must(answer: Any) -> None:
    assert answer.status_code < 300, answer.text
