"""After the replay: closes its months, and shows what was released of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from gateway.domain.periods import BRUSSELS, add_months, day_of
from gateway.sandbox.client import Answer, Client
from gateway.sandbox.replay import move_clock

FIRST_MONTH = date(2021, 9, 1)
CLOSING_DAY = 10
PROTECTED = "·"


class ClosingFailed(Exception):
    """The sandbox did not close a month, or did not show its figures."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One released cell; pseudocode None stands for all of them, `beneficiaries` None for a protected cell.

    Stage: anonymous.
    """

    project: str
    pseudocode: str | None
    month: str
    beneficiaries: int | None
    actions: int | None


def close_months(
    gateway_url: str,
    last_instant: datetime,
    *,
    first_month: date = FIRST_MONTH,
    report: Callable[[str], None] = lambda month: None,
) -> list[str]:
    """Close every month up to that of an instant, moving the clock forward to where each is due; the months closed.

    Shape: a month closed before is not in the answer. `report` gets each month when it is closed.
    Raises: ClosingFailed.
    """
    closed = []
    with Client(gateway_url, timeout=600) as client:
        move_clock(client, _text(last_instant))
        for month in _months(first_month, day_of(last_instant)):
            name = f"{month:%Y-%m}"
            if _close(client, name, add_months(month, 1).replace(day=CLOSING_DAY)):
                closed.append(name)
            report(name)
    return closed


def figures(gateway_url: str, token: str, *, detail: str | None = None) -> list[Figure]:
    """Released figures by month: of every project, and of each pseudocode of one (the first when none is named).

    Shape: projects first; `token` needs a role that may see every project, such as `policy_maker`.
    Raises: ClosingFailed.
    """
    with Client(gateway_url) as client:
        projects = [item["id"] for item in _ask(client, "/v1/projects?limit=1000", token)["items"]]
        rows = [cell for project in projects for cell in _cells(client, token, project, "month")]
        detailed = detail or next(iter(projects), None)
        if detailed is not None:
            rows += _cells(client, token, detailed, "pseudocode,month")
    return rows


def print_figures(rows: Sequence[Figure], console: Console | None = None) -> None:
    """Print the figures as tables: projects by month, then one project's pseudocodes by month."""
    out = console or Console()
    totals = [row for row in rows if row.pseudocode is None]
    details = [row for row in rows if row.pseudocode is not None]
    out.print(
        _table(
            "Released figures, all pseudocodes: beneficiaries, actions below",
            "project",
            totals,
            lambda row: row.project,
        )
    )
    if details:
        title = f"Released figures, {details[0].project}: beneficiaries, actions below"
        out.print(_table(title, "pseudocode", details, lambda row: row.pseudocode or ""))
    out.print(
        f"[dim]{PROTECTED} protected: not published, a true zero included. Noise is added once, when a month closes; "
        "figures do not add up.[/dim]"
    )


def _months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = add_months(first, 1)


def _close(client: Client, month: str, due_on: date) -> bool:
    """Release a month; when it is not due yet, move the clock to where the gateway says it is, and ask once more."""
    move_clock(client, _text(datetime.combine(due_on, time(), BRUSSELS)))
    answer = _release(client, month)
    if answer.code == "not-due":
        move_clock(client, _instant(answer.body["available_from"]))
        answer = _release(client, month)
    if answer.status >= 300 and answer.code != "already-released":
        raise ClosingFailed(f"{month}: {answer.status} {answer.code}")
    return answer.status < 300


def _release(client: Client, month: str) -> Answer:
    return client.send("POST", "/sandbox/release", {"month": month}, key=f"sample-close-{month}")


def _instant(day_or_instant: str) -> str:
    """A day's first instant in Brussels; an instant stays."""
    moment = datetime.fromisoformat(day_or_instant)
    return _text(moment if moment.tzinfo else moment.replace(tzinfo=BRUSSELS))


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ask(client: Client, path: str, token: str) -> Any:
    answer = client.send("GET", path, token=token)
    if answer.code == "not-released":
        return {"cells": []}
    if answer.status >= 300:
        raise ClosingFailed(f"{path}: {answer.status} {answer.code}")
    return answer.body


def _cells(client: Client, token: str, project: str, by: str) -> list[Figure]:
    cells = _ask(client, f"/v1/aggregates?by={by}&project={project}", token)["cells"]
    return [
        Figure(
            project,
            cell["dims"].get("pseudocode"),
            cell["dims"]["month"],
            cell["beneficiaries"] if cell["status"] == "published" else None,
            cell["actions"] if cell["status"] == "published" else None,
        )
        for cell in cells
    ]


def _table(title: str, first: str, rows: Sequence[Figure], name_of: Callable[[Figure], str]) -> Table:
    months = sorted({row.month for row in rows})
    table = Table(first, title=title, title_justify="left", box=SIMPLE)
    for month in months:
        table.add_column(month.replace("-", "\n"), justify="right")
    cells = {(name_of(row), row.month): row for row in rows}
    for name in dict.fromkeys(name for name, _ in cells):
        table.add_row(name, *(_shown(cells.get((name, month))) for month in months))
    return table


def _shown(row: Figure | None) -> str:
    if row is None or row.beneficiaries is None:
        return PROTECTED
    return f"{row.beneficiaries}\n[dim]{row.actions}[/dim]"
