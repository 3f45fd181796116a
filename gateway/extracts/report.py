"""The disclosure report beside an extract: where its records come from, what they cover, what was checked of them.

Shape: nothing in it is an exact count; the same records give the same report.
Stage: anonymous.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain import disclosure, ladder, lattice
from gateway.domain.extract import Checks, Choice, Closed, decimal, share
from gateway.domain.lattice import PeriodKind
from gateway.extracts.texts import in_every_language, report_texts

FILE = "disclosure_report.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A release of the extract, with its place in the ledger."""

    closed: Closed
    rho: float
    rho_cumulated: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for a project and a period, and how many records that gave.

    Shape: `later` is the longer period that can show more, with the first day on which it can be released.
    """

    closed: Closed
    choice: Choice
    records: int
    later: tuple[PeriodKind, str, date] | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report tells.

    Shape: `asked` are the members of the request that decide on records, its range as `from` and `to`; `waiting` are
    the periods of the range that are not released, with the first day on which they can be; `files` are name, length
    and SHA-256.
    """

    asked: Mapping[str, str]
    entries: Sequence[Entry]
    replaces: Sequence[str]
    chosen: Sequence[Chosen]
    waiting: Sequence[tuple[PeriodKind, str, date]]
    checks: Checks
    files: Sequence[Mapping[str, Any]]

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "version": ladder.VERSION,
            "lattice": lattice.VERSION,
            "ladder": ladder.VERSION,
            "request": dict(self.asked),
            "parameters": parameters(),
            "releases": [_release(entry) for entry in self.entries],
            "replaces": list(self.replaces),
            "files": list(self.files),
            "records": self.checks.records,
            "smallest_weight": self.checks.fewest_beneficiaries,
            "rho": self._rho(),
            "rungs": [_rung(one) for one in self.chosen],
            "checks": [{**one, "how": report_texts()["checks"][one["check"]]} for one in self.checks.results()],
            "explanations": list(self._explanations()),
        }

    def _rho(self) -> dict[str, str]:
        """What the releases of the extract spent on one fact, and all releases up to the last of them."""
        spent, cumulated = (
            sum(one.rho for one in self.entries),
            max((one.rho_cumulated for one in self.entries), default=0),
        )
        return {"spent": f"{spent:.4f}", "cumulated": f"{cumulated:.4f}"}

    def _explanations(self) -> Iterator[dict[str, Any]]:
        """Why the extract is empty or thin, and when more can come."""
        texts = report_texts()["explanations"]
        if not self.checks.records:
            code = "nothing-new" if "since" in self.asked else "nothing"
            named = in_every_language(texts[code], first=self.asked["from"], last=self.asked["to"])
            yield {"code": code, "text": named}
        for kind, label, day in self.waiting:
            text = in_every_language(texts["not-released"], period=label, available_from=day.isoformat())
            about = {"period_kind": kind.value, "period": label, "available_from": day.isoformat()}
            yield {"code": "not-released", **about, "text": text}
        for one in self.chosen:
            if one.choice.is_needed and not one.choice.is_covered:
                yield _thin(one)


def parameters() -> dict[str, Any]:
    """The bounds and sigmas by which records are made; the same for every extract."""
    return {
        "fewest_beneficiaries": disclosure.FEWEST_BENEFICIARIES,
        "own_value_at_least": f"{disclosure.FEWEST_BENEFICIARIES} + 2 sigma",
        "fewest_pseudocodes": ladder.FEWEST_PSEUDOCODES,
        "coverage": share(ladder.COVERAGE),
        "sigma_beneficiaries": {
            recipient.value: {
                rung.name: decimal(disclosure.sigma(rung.period, rung.dims(recipient))) for rung in ladder.LADDER
            }
            for recipient in ladder.Recipient
        },
    }


def _release(entry: Entry) -> dict[str, Any]:
    closed = entry.closed
    return {
        "id": closed.id,
        "period_kind": closed.period.kind.value,
        "period": closed.period.label,
        "revision": closed.revision,
        "released_at": closed.released_at,
        "rho": f"{entry.rho:.4f}",
        "rho_cumulated": f"{entry.rho_cumulated:.4f}",
    }


def _rung(one: Chosen) -> dict[str, Any]:
    choice = one.choice
    return {
        "project": choice.project,
        "period_kind": one.closed.period.kind.value,
        "period": one.closed.period.label,
        "release": one.closed.id,
        "is_needed": choice.is_needed,
        "rung": None if choice.rung is None else choice.rung.name,
        "coverage": None if choice.coverage is None else share(choice.coverage),
        "is_covered": choice.is_covered,
        "records": one.records,
    }


def _thin(one: Chosen) -> dict[str, Any]:
    """Why a project's records of a period are none or few, and which longer period can show more."""
    choice, texts = one.choice, report_texts()
    code = "empty" if choice.rung is None else "unmeasured" if choice.coverage is None else "thin"
    rung = "" if choice.rung is None else choice.rung.name
    coverage = "" if choice.coverage is None else f"{int(choice.coverage * 100)} %"
    facts = {"project": choice.project, "period": one.closed.period.label, "rung": rung, "coverage": coverage}
    text = in_every_language(texts["explanations"][code], **facts)
    about = {"project": choice.project, "period_kind": one.closed.period.kind.value, "period": one.closed.period.label}
    if one.later is None:
        return {"code": code, **about, "text": text}
    kind, label, day = one.later
    more = in_every_language(texts["later"][kind.value], period=label, available_from=day.isoformat())
    joined = {language: f"{text[language]} {more[language]}" for language in text}
    return {"code": code, **about, "available_from": day.isoformat(), "text": joined}
