"""The runbook describes the metrics and the alarms that there are, and the alarms watch metrics that there are."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import ROUTES
from gateway.clock import real_now
from gateway.domain.errors import Finding, NotInformed
from gateway.http.api.open import codes
from gateway.http.metrics import Metrics, Standing
from gateway.services.check_readiness import Looked
from gateway.store.audit import Unchained
from gateway.store.outbox import Backlog
from gateway.store.pulses import Pulse, Waiting, Workers
from tests.debian import NotToBeHad, program
from tests.documents.texts import ROOT, quoted, read, rows, section


def shown() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of every metric that a gateway shows."""
    metrics, now = Metrics(), real_now()
    metrics.answered("GET /live", 200, 0.1)
    metrics.refused("not-informed", NotInformed())
    pulses, workers = {"close": Pulse(now, 1, 1.0), "sealing-1": Pulse(now, 1, 0.0)}, Workers(1, {"sending": now})
    standing = Standing(Backlog(0, 0, None), Waiting(0, 0), pulses, {}, workers, Unchained(0, None), now)
    families: Any = text_string_to_metric_families(
        metrics.text(standing, Looked([Finding("disk", True)], 1, ahead_seconds=0.0)).decode()
    )
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


SAMPLES = {
    "counter": ["_total"],
    "summary": ["_count", "_sum"],
    "histogram": ["_bucket", "_count", "_sum"],
    "gauge": [""],
}
WORK = {"sending", "mailbox", "webhooks", "circuit", "close", "audit"}


def alarms() -> dict[str, str]:
    """The expression of every alarm."""
    (group,) = yaml.safe_load(read("docs/alerts.yaml"))["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def test_every_alarm_is_in_the_runbook_and_no_other() -> None:
    assert [row[0].strip("`") for row in rows(section(read("RUNBOOK.md"), "Alarms"))] == list(alarms())


def test_alarms_name_metrics_and_labels_that_there_are() -> None:
    families = shown()
    samples = {name + end: labels for name, (kind, labels) in families.items() for end in SAMPLES[kind]}

    for expression in alarms().values():
        named = re.findall(r"(chroniccare_\w+)(?:\{([^}]*)\})?", expression)
        assert named
        for name, selected in named:
            assert name in samples, name
            assert set(re.findall(r"(\w+)=", selected)) <= samples[name], expression


def test_alarms_name_codes_routes_and_work_that_there_are() -> None:
    known = {*codes(), *(f"{route.method} {route.path}" for route in ROUTES), *WORK}
    said = [one for expression in alarms().values() for one in re.findall(r'"([^"]+)"', expression)]

    assert {part for one in said for part in one.split("|")} <= known


def test_prometheus_itself_takes_the_alarms() -> None:
    try:
        tool = program("prometheus", "promtool")
    except NotToBeHad as why:
        pytest.skip(f"promtool is not to be had, so the alarms were read by our own test alone: {why}")
    subprocess.run([tool, "check", "rules", ROOT / "docs" / "alerts.yaml"], check=True, capture_output=True)
