"""What `make run` shows: progress of the replay, what it compared, released figures, URLs and tokens."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.sandbox.closing import close_months, figures, print_figures
from gateway.sandbox.replay import SAMPLE_DIR, ReplayResult, Tokens, replay
from gateway.sandbox.supervisor import Plan, SandboxFailed

DEMO_PROJECT = "demo-nord"
CLAIMS: dict[str, dict[str, Any]] = {
    "provider": {},
    "project_admin": {"project": DEMO_PROJECT},
    "coordinator": {"project": DEMO_PROJECT},
    "insurer": {"insurer": "100"},
    "policy_maker": {},
    "registrar": {},
    "auditor": {},
}


def play_sample(plan: Plan, console: Console) -> ReplayResult:
    """Replay the sample with a progress bar and compare every answer with what was expected.

    Raises: SandboxFailed when any answer differs.
    """
    columns = (TextColumn("replaying the sample"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("replay", total=None)
        result = replay(
            plan.gateway_url,
            plan.mock_url,
            report=lambda done, total: progress.update(task, completed=done, total=total),
        )
    refused = ", ".join(f"{code} {count}" for code, count in sorted(result.refused.items()))
    console.print(
        f"{result.sent} communications in {result.seconds:.0f} s ({result.requests_per_second:.0f} per second): "
        f"{result.accepted} accepted, {sum(result.refused.values())} refused ({refused})"
    )
    if result.differences:
        for difference in result.differences[:20]:
            console.print(str(difference))
        raise SandboxFailed(f"{len(result.differences)} answers differ from what the sample expects")
    console.print("every answer is the one that the sample expects")
    return result


def show_figures(plan: Plan, console: Console, last_instant: datetime | None) -> None:
    """Close the sample's months and print what is released."""
    if last_instant is not None:
        close_months(plan.gateway_url, last_instant)
    token = Tokens(plan.mock_url).token(role="policy_maker")
    print_figures(figures(plan.gateway_url, token, detail=DEMO_PROJECT), console)


def show_access(plan: Plan, console: Console) -> None:
    """Print the addresses, and one ready-made token per role."""
    console.print(f"gateway {plan.gateway_url}   mock MyCareNet {plan.mock_url}")
    tokens = Tokens(plan.mock_url)
    provider = json.loads((SAMPLE_DIR / "catalogue.json").read_text(encoding="utf-8"))["partners"][0]["nihii"]
    for role, claims in CLAIMS.items():
        given = {"nihii": provider} if role == "provider" else claims
        console.print(f"[bold]{role}[/bold] {given or ''}", highlight=False)
        console.print(tokens.token(role=role, **given), soft_wrap=True, highlight=False)
