"""The runbook describes the metrics that there are."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from gateway.clock import real_now
from gateway.domain.errors import Finding, NotInformed
from gateway.http.metrics import Metrics, Standing
from gateway.store.outbox import Backlog
from gateway.store.pulses import Pulse, Waiting
from tests.documents.texts import quoted, read, rows, section


def shown() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of every metric that a gateway shows."""
    metrics, now = Metrics(), real_now()
    metrics.answered("GET /live", 200, 0.1)
    metrics.refused("not-informed", NotInformed())
    standing = Standing(Backlog(0, 0, None), Waiting(0, 0), {"close": Pulse(now, 1, 1.0)}, now)
    families: Any = text_string_to_metric_families(metrics.text(standing, [Finding("disk", True)], 1).decode())
    found = {}
    for family in families:
        if family.samples[0].name.endswith("_created"):
            continue
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        found[family.name] = (family.type, labels)
    return found


def documented() -> dict[str, tuple[str, set[str]]]:
    """The same as the runbook has it."""
    table = rows(section(read("RUNBOOK.md"), "Metrics"))
    return {row[0].strip("`"): (row[1], set(quoted(row[2]))) for row in table}


def test_every_metric_is_described_and_no_other() -> None:
    assert documented() == shown()
