"""What `make run` shows: progress of the replay, what it compared, released figures, URLs and tokens."""

from __future__ import annotations

import json
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.sandbox.client import Client
from gateway.sandbox.closing import close_months, figures, print_figures
from gateway.sandbox.replay import SAMPLE_DIR, ReplayResult, Tokens, replay
from gateway.sandbox.supervisor import Plan, SandboxFailed

DEMO_PROJECT = "demo-nord"
DRAIN_SECONDS = 120.0
CLAIMS: dict[str, dict[str, Any]] = {
    "provider": {},
    "project_admin": {"project": DEMO_PROJECT},
    "coordinator": {"project": DEMO_PROJECT},
    "insurer": {"insurer": "100"},
    "policy_maker": {},
    "registrar": {},
    "auditor": {},
}


def play_sample(plan: Plan, console: Console) -> None:
    """Replay the sample with a progress bar, compare every answer with what was expected, and close its months.

    Shape: done once for a data directory; one that was killed half-way is done again, under the same keys.
    Raises: SandboxFailed when any answer differs.
    """
    done = plan.data_dir / "sample-played"
    if done.exists():
        console.print("the sample is in the register already")
        return
    result = _replay(plan, console)
    if result.last_instant is not None:
        close_months(plan.gateway_url, result.last_instant)
    done.touch()


def _replay(plan: Plan, console: Console) -> ReplayResult:
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


def show_delivery(plan: Plan, console: Console) -> None:
    """Wait until MyCareNet answered everything, and print what it received.

    Raises: SandboxFailed when the backlog does not drain.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    with Client(plan.gateway_url) as gateway, Client(plan.mock_url) as mock:
        with console.status("waiting for MyCareNet's answers"):
            while "chroniccare_outbox_unanswered 0.0" not in str(gateway.send("GET", "/metrics").body):
                if time.monotonic() > deadline:
                    raise SandboxFailed("MyCareNet did not answer every message in time: see the worker's log")
                time.sleep(0.2)
        received = [item["message_id"] for item in mock.send("GET", "/ledger").body["items"]]
    console.print(f"{len(set(received))} messages delivered to MyCareNet and answered, each once in our books")


def show_figures(plan: Plan, console: Console) -> None:
    """Print what is released."""
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
