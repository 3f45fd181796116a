"""The open doors (CONTRACT 3, "No token"): health, keys, problems, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.domain.errors import NotFound, NotReady, Problem, StoreUnavailable
from gateway.domain.rulebook import RULES, VERSION
from gateway.http.metrics import Metrics, Standing
from gateway.http.openapi.answers import Readiness
from gateway.http.openapi.refusals import leaves as leaves  # noqa: PLC0414 - one walk of the tree for both
from gateway.http.statuses import status_of
from gateway.http.texts import problem_texts, rule_texts
from gateway.http.watch import Watch
from gateway.services.context import Context
from schemas import strict_json

_READINESS = Readiness()


def add_open_doors(app: Flask, context: Context, metrics: Metrics, watch: Watch) -> None:
    """Register them on an app."""

    def live() -> Response:
        return _json({"status": "live"})

    def ready() -> Response:
        looked = watch()
        if not all(one.ok for one in looked.findings):
            raise NotReady(looked.findings)
        waiting = None if looked.outbox_seconds is None else {"oldest_seconds": int(max(0, looked.outbox_seconds))}
        clock = None if looked.ahead_seconds is None else {"ahead_seconds": round(looked.ahead_seconds)}
        told = {"status": "ready", "checks": looked.findings, "outbox": waiting, "clock": clock}
        return _json(_READINESS.dump(told))

    def jwks() -> Response:
        return _json(context.renewed().veil.receipts.jwks())

    def show_metrics() -> Response:
        looked = watch()
        text = metrics.text(_standing(context), looked)
        return Response(text, content_type=CONTENT_TYPE_LATEST)

    doors: dict[str, Callable[..., Response]] = {
        "/live": live,
        "/ready": ready,
        "/.well-known/jwks.json": jwks,
        "/metrics": show_metrics,
        "/problems": list_problems,
        "/v1/rules": list_rules,
        "/problems/<code>": get_problem,
    }
    for path, view in doors.items():
        app.add_url_rule(path, f"GET {path}", view, methods=["GET"])


def _standing(context: Context) -> Standing | None:
    try:
        with context.store.reading() as tx:
            tx.see(lambda: None)
            backlog, waiting, now = tx.outbox.backlog(), tx.pulses.waiting(), context.real_now()
            pulses, latencies, workers = tx.pulses.all(), tx.pulses.latencies(), tx.pulses.workers(now)
            return Standing(backlog, waiting, pulses, latencies, workers, tx.audit.unchained(), now)
    except StoreUnavailable:
        return None


def list_problems() -> Response:
    """Every code with its texts, status and remedy."""
    return _json({"items": [_page(code) for code in sorted(codes())], "next": None})


def get_problem(code: str) -> Response:
    """The page of one code."""
    if code not in codes():
        raise NotFound
    if "text/html" in request.headers.get("Accept", ""):
        return Response(_html(_page(code)), content_type="text/html; charset=utf-8")
    return _json(_page(code))


def list_rules() -> Response:
    """The rule book as data: each rule with its article and four texts."""
    items = [
        {"id": name, "source": rule.source, "interpretation": rule.interpretation, "text": rule_texts()[name]}
        for name, rule in RULES.items()
    ]
    return _json({"version": VERSION, "items": items, "next": None})


def codes() -> dict[str, int]:
    """Every code with its status: those of the error tree, and those that a field gives its request."""
    statuses = {kind.code: status_of(kind) for kind in leaves(Problem)}
    return {code: statuses.get(code, 400) for code in problem_texts() if code != "field"}


def _page(code: str) -> dict[str, Any]:
    texts = problem_texts()[code]
    return {"code": code, "type": f"/problems/{code}", "status": codes()[code], **texts}


def _html(page: dict[str, Any]) -> str:
    parts = [
        f'<section lang="{language}"><h2>{page["title"][language]}</h2>'
        f"<p>{page['detail'][language]}</p><p>{page['remedy'][language]}</p></section>"
        for language in page["title"]
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{page["code"]}</title></head>'
        f"<body><h1>{page['code']} ({page['status']})</h1>{''.join(parts)}</body></html>"
    )


def _json(document: Any) -> Response:
    return Response(strict_json.dumps(document), content_type="application/json")
