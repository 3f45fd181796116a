"""The door of figures (CONTRACT 6.1, 6.2): a question to the lattice, answered as JSON or CSV. Stage: anonymous."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from gateway.domain.disclosure import Change, change
from gateway.domain.errors import FieldError, InvalidRequest
from gateway.domain.lattice import DIMENSIONS, Measure, Period, PeriodKind, is_declared
from gateway.http import bodies
from gateway.http.routes import Incoming, Outgoing, Route
from gateway.services.next_step import Cell, Question, Step
from gateway.services.release_aggregate import Figures, get_aggregates, list_releases
from gateway.store.releases import Release
from schemas.aggregate import AggregateQuery, AggregateRelease, ReleaseList

_NOT_FILTERS = ("by", "from", "to", "measure")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KINDS = frozenset(kind.value for kind in PeriodKind)
_FIGURES = ("beneficiaries", "actions", "providers", "margin_beneficiaries", "margin_actions")
_NO_FIGURES = [None] * len(_FIGURES)
_figures_of = attrgetter(*_FIGURES)


def _ask(incoming: Incoming) -> Any:
    """The verb that answers a question; what the lattice does not hold is refused in its turn, after 403."""
    question = question_of(incoming.query)
    return partial(get_aggregates, question=question, with_step=not _wants_csv(incoming))


def question_of(query: Mapping[str, Any]) -> Question:
    """A question from its parameters.

    Shape: exactly one kind of period, in `by` or as a filter; `surplus` names what no lattice holds: also a dimension
    with another value than one that is declared, and a period with a day in its place.
    Raises: InvalidRequest for an ill-formed period.
    """
    by = tuple(query["by"].split(",")) if "by" in query else ()
    filters = {name: value for name, value in query.items() if name not in _NOT_FILTERS}
    named = [name for name in (*by, *filters) if name in _KINDS]
    surplus = next((name for name in (*by, *filters) if name not in DIMENSIONS and name not in _KINDS), None)
    if surplus is None and len(named) != 1:
        surplus = named[1] if named else "period"
    kind = PeriodKind(named[0]) if named else PeriodKind.MONTH
    is_grouped = kind.value in by
    first, last = (query.get("from"), query.get("to")) if is_grouped else (filters.get(kind), filters.get(kind))
    takes_range = is_grouped and kind is not PeriodKind.CONVENTION
    if surplus is None and not takes_range and ("from" in query or "to" in query):
        surplus = "from" if "from" in query else "to"
    undeclared = list(_undeclared(kind, first, last, filters))
    if surplus is None and undeclared:
        surplus = undeclared[0]
    return Question(
        by=tuple(name for name in by if name != kind),
        filters={name: value for name, value in filters.items() if name != kind},
        kind=kind,
        is_period_grouped=is_grouped,
        measure=Measure(query["measure"]),
        first=first,
        last=last,
        surplus=None if surplus is None else bodies.shown(surplus.strip()),
        order=by,
    )


def _undeclared(kind: PeriodKind, first: str | None, last: str | None, filters: dict[str, str]) -> Iterator[str]:
    """The names of filters and ends of periods whose values the lattice does not know: lists, ranges, days.

    Raises: InvalidRequest for a period that is nothing of the sort.
    """
    for name, label in (("from", first), ("to", last)):
        if label is not None:
            said = kind.value if kind in filters else name
            if _DAY.fullmatch(label):
                yield said
            else:
                _check_period(kind, label, said)
    yield from (name for name, value in filters.items() if name in DIMENSIONS and not is_declared(name, value))


def _check_period(kind: PeriodKind, label: str, said: str) -> None:
    try:
        Period.parse(kind, label)
    except ValueError:
        raise InvalidRequest([FieldError(f"?{said}", "invalid-parameter")]) from None


def _dump(figures: Figures, incoming: Incoming) -> Outgoing:
    headers = {"Vary": "Accept, Authorization"}
    if _wants_csv(incoming):
        return Outgoing(None, headers, text=csv_of(figures), content_type="text/csv; charset=utf-8")
    return Outgoing(document(figures), headers)


def _wants_csv(incoming: Incoming) -> bool:
    """Whether the answer is a table, in which a next step has no place."""
    accept = incoming.headers.get("Accept", "")
    kinds = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    return "text/csv" in kinds and "application/json" not in kinds


def document(figures: Figures) -> dict[str, Any]:
    """Figures as the members of their answer; the same for every caller of one audience."""
    question = figures.question
    return {
        "by": list(question.order),
        "filters": _filters(question),
        "cells": list(_documents(figures)),
        "release": {
            "lattice": "v1",
            "measure": question.measure.value,
            "audience": figures.audience,
            "releases": [
                {"id": one.id, "period": one.period, "released_at": _instant(one)} for one in figures.releases
            ],
            "pseudonyms": "per project: a person in two projects counts once in each",
        },
        "additive": False,
        "next_step": None if figures.next_step is None else _step(figures.next_step),
    }


def _filters(question: Question) -> dict[str, str]:
    period = {} if question.is_period_grouped else {question.kind.value: str(question.first)}
    return {**question.filters, **period}


def _step(step: Step) -> dict[str, Any]:
    question = step.question
    asked = {"by": ",".join(question.order)} if question.order else {}
    asked |= _filters(question)
    if question.measure is not Measure.ACTIONS:
        asked["measure"] = question.measure.value
    if question.is_period_grouped and question.first is not None:
        asked["from"] = question.first
    if question.is_period_grouped and question.last is not None:
        asked["to"] = question.last
    url = f"/v1/aggregates?{urlencode(asked, safe=',')}"
    return {"by": list(question.order), "filters": _filters(question), "url": url, "shown": step.shown}


def _documents(figures: Figures) -> Iterator[dict[str, Any]]:
    """The cells, each with its change since the period before where both are published."""
    order, kind = figures.question.order, figures.question.kind.value
    before: dict[tuple[str, ...], Cell] = {}
    follows = cache(Period.is_before)
    for cell in figures.cells:
        name = tuple(cell.named.values())
        shown = _cell(cell.row, _dims(cell, order, kind))
        last = before.get(name)
        if cell.row is not None and last is not None and last.row is not None and follows(last.period, cell.period):
            shown["change"] = _change(last.row, cell.row)
        before[name] = cell
        yield shown


def _change(before: Any, after: Any) -> dict[str, Any]:
    moved = [
        (
            "beneficiaries",
            before.beneficiaries,
            before.margin_beneficiaries,
            after.beneficiaries,
            after.margin_beneficiaries,
        )
    ]
    if before.actions is not None and after.actions is not None:
        moved.append(("actions", before.actions, before.margin_actions, after.actions, after.margin_actions))
    return {name: _difference(change(*values)) for name, *values in moved}


def _difference(found: Change) -> dict[str, Any]:
    return {"difference": found.difference, "is_real": found.is_real}


def _instant(release: Release) -> str:
    return release.released_at.isoformat().replace("+00:00", "Z")


def _cell(row: Any | None, dims: dict[str, str]) -> dict[str, Any]:
    if row is None:
        return {"dims": dims, "status": "protected", "beneficiaries": None, "actions": None, "providers": None}
    providers = row.providers
    return {
        "dims": dims,
        "status": "published",
        "beneficiaries": row.beneficiaries,
        "actions": row.actions,
        "providers": int(providers) if providers is not None and providers.isdigit() else providers,
        "margin": {"beneficiaries": row.margin_beneficiaries, "actions": row.margin_actions},
    }


def _dims(cell: Cell, order: Sequence[str], kind: str) -> dict[str, str]:
    named = {**cell.named, kind: cell.period.label}
    return {name: named[name] for name in order}


def csv_of(figures: Figures) -> str:
    """The same figures as CSV: one line per cell, empty where protected.

    Source: RFC 4180.
    """
    order, kind = figures.question.order, figures.question.kind.value
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*order, "status", *_FIGURES])
    for cell in figures.cells:
        dims = _dims(cell, order, kind).values()
        if cell.row is None:
            writer.writerow([*dims, "protected", *_NO_FIGURES])
        else:
            writer.writerow([*dims, "published", *_figures_of(cell.row)])  # an absent one is empty
    return text.getvalue()


def _list_releases(incoming: Incoming) -> Any:
    return list_releases


def _dump_releases(releases: list[Release], incoming: Incoming) -> Outgoing:
    cumulated = 0.0
    items = []
    for one in releases:
        cumulated += one.rho
        items.append(
            {
                "id": one.id,
                "period": one.kind,
                "value": one.period,
                "measures": "actions" if one.measure == Measure.ACTIONS else "inclusions",
                "lattice": one.lattice,
                "revision": one.revision,
                "released_at": one.released_at,
                "reason": one.reason,
                "rho": f"{one.rho:.4f}",
                "rho_cumulated": f"{cumulated:.4f}",
            }
        )
    return Outgoing({"items": items, "next": None})


ROUTES = (
    Route("GET", "/v1/aggregates", "get_aggregates", _ask, _dump, AggregateRelease, query=AggregateQuery),
    Route("GET", "/v1/releases", "list_releases", _list_releases, _dump_releases, ReleaseList),
)
