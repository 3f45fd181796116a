"""The door of explanations and simulations (CONTRACT 4.2, 7.5): steps in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.domain.explanation import Simulation, Step, Supposition
from gateway.domain.project import Convention
from gateway.domain.termination import Termination
from gateway.http.routes import Incoming, Outgoing, Route, identifier
from gateway.http.texts import explanation_texts, language_of
from gateway.services import explain
from schemas import simulation as wire


def _explain(incoming: Incoming) -> Any:
    return lambda work: explain.explain_inclusion(work, identifier(incoming.path["inclusion_id"]))


def _simulate(incoming: Incoming) -> Any:
    payload = incoming.payload
    supposed = Supposition(
        included_at=payload.get("inclusion", {}).get("communicated_at"),
        exited_at=payload.get("exit", {}).get("communicated_at"),
        performed_on=payload.get("action", {}).get("performed_on"),
        convention=Convention(**payload["convention"]) if "convention" in payload else None,
        termination=Termination(**payload["termination"]) if "termination" in payload else None,
    )
    return partial(explain.simulate, supposed=supposed)


def _dump_explanation(steps: list[Step], incoming: Incoming) -> Outgoing:
    language = _language(incoming)
    return Outgoing({"steps": [_step(step, language) for step in steps]}, {"Content-Language": language})


def _dump_simulation(found: Simulation, incoming: Incoming) -> Outgoing:
    language = _language(incoming)
    document = {
        "valid_from": found.valid_from,
        "valid_until": found.valid_until,
        "ends_on": found.ends_on,
        "last_day": found.last_day,
        "steps": [_step(step, language) for step in found.steps],
    }
    return Outgoing(document, {"Content-Language": language})


def _language(incoming: Incoming) -> str:
    return language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))


def _step(step: Step, language: str) -> dict[str, Any]:
    shown = {name: _plain(value) for name, value in step.inputs.items()}
    result = _plain(step.result)
    text = explanation_texts()[step.told_as or step.rule][language].format_map({**shown, "result": result})
    return {"rule": step.rule, "source": step.source, "inputs": shown, "result": result, "text": text}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Mapping():
            return {name: _plain(part) for name, part in value.items()}
        case _:
            return value


ROUTES = (
    Route(
        "GET",
        "/v1/inclusions/<inclusion_id>/explanation",
        "explain_inclusion",
        _explain,
        _dump_explanation,
        wire.Explanation,
    ),
    Route(
        "POST",
        "/v1/simulation",
        "simulate",
        _simulate,
        _dump_simulation,
        wire.Simulation,
        body=wire.SimulationRequest,
    ),
)
