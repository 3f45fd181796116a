"""The command of reconciliation: `chroniccare reconcile` compares a month of one project, or of all."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.app import build_context
from gateway.domain.errors import StatementUnavailable, UnknownProject
from gateway.domain.lattice import Period, PeriodKind
from gateway.domain.reconciliation import Reconciliation
from gateway.http.texts import LANGUAGES, difference_text
from gateway.services.context import Context
from gateway.services.operator import note
from gateway.services.reconcile import reconcile_month
from gateway.settings import read_settings

PATIENCE = timedelta(minutes=10)


def reconcile(
    month: Annotated[str, typer.Option(help="in which facts were communicated, like 2022-02")],
    project: Annotated[str, typer.Option(help="its id; without it every project")] = "",
    language: Annotated[str, typer.Option(help=f"one of {', '.join(LANGUAGES)}")] = "en",
) -> None:
    """Compare what was asked, sent and answered in a month; exit 1 when the sides differ, 2 when they cannot be had."""
    try:
        Period(PeriodKind.MONTH, month)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    if language not in LANGUAGES:
        raise typer.BadParameter(f"--language is one of {', '.join(LANGUAGES)}")
    context = build_context(read_settings())
    context = replace(context, statements=replace(context.statements, patience=PATIENCE))
    with closing(context.store):
        try:
            differ = [_tell(one, month, _reconciled(context, one, month), language) for one in _of(context, project)]
        except UnknownProject:
            raise typer.BadParameter(f"no project is called {project}") from None
        except StatementUnavailable:
            Console(stderr=True).print("MyCareNet gave no whole statement: try again later", soft_wrap=True)
            raise typer.Exit(2) from None
    if any(differ):
        raise typer.Exit(1)


def _of(context: Context, project: str) -> list[str]:
    """The projects to compare. Raises: UnknownProject."""
    with context.store.reading() as tx:
        catalogue = tx.catalogue.current()
    return [catalogue.project(project).id] if project else sorted(catalogue.projects)


def _reconciled(context: Context, project: str, month: str) -> Reconciliation:
    """A project's month, of which the audit knows before anybody does (G16). Raises: StatementUnavailable."""
    outcome = "done"
    try:
        return reconcile_month(context, project, month)
    except StatementUnavailable as problem:
        outcome = problem.code
        raise
    finally:
        note(context, "reconcile", project, outcome)


def _tell(project: str, month: str, found: Reconciliation, language: str) -> bool:
    """Print a project's month; whether its sides differ."""
    console = Console()
    sent = ", ".join(f"{count} {state.value}" for state, count in sorted(found.sent.items())) or "none"
    listed = f"{found.listed.get(True, 0)} accepted, {found.listed.get(False, 0)} rejected"
    said = f"{project} {month}: asked {found.asked}; sent: {sent}; MyCareNet lists: {listed}; "
    console.print(f"{said}{len(found.differences)} differences", highlight=False, soft_wrap=True)
    table = Table("difference", "message", "about")
    for one in found.differences:
        said = f"[bold]{one.kind.value}[/bold] {difference_text(one.kind.value, one.remedy.value, language)}"
        table.add_row(said, str(one.message_id), f"{one.message_kind or ''} {one.reference}".strip())
    if found.differences:
        console.print(table)
    return bool(found.differences)
