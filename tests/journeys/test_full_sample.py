"""The sample over HTTP on both stores: every answer as expected, the register as an undisturbed run leaves it, and
released figures that agree with exact counts within their margins."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import cycle, islice
from typing import Any

import pytest
from sqlalchemy import select

from gateway.domain.periods import day_of
from gateway.sandbox.client import Client
from gateway.sandbox.closing import close_months, figures
from gateway.sandbox.replay import SAMPLE_DIR, ReplayResult, Tokens, replay
from gateway.store.tables import action, inclusion, pseudocode
from tests.live.register import counts, expected_counts, rows
from tests.sandboxes import STORES, Sandbox, live_sandbox

LINES = 1200
MONTH = "2021-10"
BENEFICIARIES_OF_A_CELL = 36
ALL = "all"
Cell = tuple[str, str]


@dataclass(frozen=True)
class Played:
    """A sandbox in which the sample's first lines were played, what was counted then, and what is released."""

    box: Sandbox
    result: ReplayResult
    counts: dict[str, Counter[tuple[Any, ...]]]
    closed: list[str]
    exact: dict[Cell, tuple[int, int]]

    def cells(self, role: str, by: str, **claims: str) -> dict[Cell, dict[str, Any]]:
        """The published cells of the month, by project and pseudocode."""
        token, project = self.box.token(role, **claims), claims.get("project")
        query = f"/v1/aggregates?by={by}&month={MONTH}" + (f"&project={project}" if project else "")
        answer = self.box.send("GET", query, token=token)
        assert answer.status_code == 200, answer.text
        return {
            (one["dims"].get("project", project or ALL), one["dims"].get("pseudocode", ALL)): one
            for one in answer.json()["cells"]
            if one["status"] == "published"
        }


@cache
def catalogue() -> dict[str, list[dict[str, Any]]]:
    return dict(json.loads((SAMPLE_DIR / "catalogue.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module", params=STORES)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with live_sandbox(request, tmp_path_factory) as box:
        result = replay(box.gateway, box.mock, report=lambda *_: None, limit=LINES)
        counted = counts(box.store_url)
        act_more(box)
        closed = close_months(box.gateway, datetime(2021, 11, 1, 9, tzinfo=UTC))
        yield Played(box, result, counted, closed, exact_cells(box.store_url))


def act_more(box: Sandbox) -> None:
    """Register enough actions of October for figures to be released: under every pseudocode, by every partner."""
    tokens = Tokens(box.mock)
    requests = [(body["project"], body) for body in more_actions()]

    def send(part: list[tuple[str, dict[str, Any]]]) -> int:
        with Client(box.gateway) as client:
            return sum(
                client.send(
                    "POST",
                    "/v1/actions",
                    body,
                    token=tokens.token(role="project_admin", project=project),
                    key=f"more-{body['pseudocode']}-{body['ssin']}-{project}",
                ).status
                == 201
                for project, body in part
            )

    with ThreadPoolExecutor(4) as threads:
        taken = sum(threads.map(send, [requests[start::4] for start in range(4)]))
    tokens.close()
    assert taken > 0.9 * len(requests)


def more_actions() -> Iterator[dict[str, Any]]:
    """Actions for those whom the first lines include in September, a stretch of them per pseudocode."""
    persons = defaultdict(list)
    with (SAMPLE_DIR / "communications.ndjson").open(encoding="utf-8") as lines:
        for row in map(json.loads, islice(lines, LINES)):
            is_early = day_of(datetime.fromisoformat(row["at"])).month == 9
            if row["path"] == "/v1/inclusions" and row["expect"]["status"] == 201 and is_early:
                persons[row["body"]["project"]].append(row["body"]["ssin"])
    levels = {one["code"]: one["level"] for one in catalogue()["pseudocodes"]}
    partners = {
        project: cycle([one["nihii"] for one in catalogue()["partners"] if lasts(one, project)]) for project in persons
    }
    for number, one in enumerate(catalogue()["assignments"]):
        project, start = one["project"], number * 17
        if levels[one["code"]] == "population" and one["valid_from"] <= "2021-10-05":
            for ssin in islice(cycle(persons[project]), start, start + BENEFICIARIES_OF_A_CELL):
                yield {
                    "project": project,
                    "ssin": ssin,
                    "pseudocode": one["code"],
                    "performed_on": "2021-10-05",
                    "performed_by": next(partners[project]),
                    "occurrence": 9,
                }


def lasts(partner: dict[str, Any], project: str) -> bool:
    return partner["project"] == project and partner["from"] <= "2021-10-05" and partner["until"] is None


def exact_cells(store_url: str) -> dict[Cell, tuple[int, int]]:
    """Beneficiaries and actions of October by cell, clipped at the cap for each of them: counted here, one by one."""
    caps = dict(tuple(row) for row in rows(store_url, select(pseudocode.c.code, pseudocode.c.cap)))
    query = select(action.c.project, action.c.pseudocode, action.c.pseudonym).where(
        action.c.superseded_at.is_(None),
        action.c.status == "recorded",
        action.c.performed_on >= datetime(2021, 10, 1, tzinfo=UTC).date(),
        action.c.performed_on < datetime(2021, 11, 1, tzinfo=UTC).date(),
        action.c.inclusion.in_(
            select(inclusion.c.id).where(
                inclusion.c.superseded_at.is_(None), inclusion.c.status.in_(("open", "exited"))
            )
        ),
    )
    performed = Counter(tuple(row) for row in rows(store_url, query))
    people, acts = defaultdict(set), Counter[Cell]()
    for (project, code, pseudonym), number in performed.items():
        for cell in ((project, code), (project, ALL), (ALL, code), (ALL, ALL)):
            people[cell].add((project, pseudonym))
            acts[cell] += min(number, caps[code])
    return {cell: (len(people[cell]), acts[cell]) for cell in acts}


def test_every_answer_is_the_one_that_the_sample_expects(played: Played) -> None:
    assert played.result.differences == ()
    assert played.result.sent == LINES


def test_the_register_holds_what_an_undisturbed_run_leaves(played: Played) -> None:
    assert played.counts == expected_counts(LINES)


def test_months_are_closed_once(played: Played) -> None:
    assert played.closed == ["2021-09", "2021-10", "2021-11"]
    assert close_months(played.box.gateway, datetime(2021, 11, 1, 9, tzinfo=UTC)) == []


def test_published_figures_agree_with_exact_counts_within_their_margins(played: Played) -> None:
    """A margin is two sigma: most lie within one, and all within two of them."""
    shown = {
        **played.cells("policy_maker", "project,pseudocode"),
        **played.cells("policy_maker", "project"),
        **played.cells("policy_maker", "pseudocode"),
    }
    far = []
    for cell, one in shown.items():
        for value, exact in zip(("beneficiaries", "actions"), played.exact[cell], strict=True):
            far.append(abs(one[value] - exact) / one["margin"][value])

    assert len(far) >= 40
    assert max(far) <= 2
    assert sum(distance <= 1 for distance in far) >= 0.8 * len(far)


def test_a_coordinator_sees_the_own_figures_with_at_most_as_wide_margins(played: Played) -> None:
    for project in [one["id"] for one in catalogue()["projects"]]:
        own = played.cells("coordinator", "pseudocode", project=project)
        general = played.cells("policy_maker", "pseudocode", project=project)
        assert general.keys() <= own.keys()
        for cell, one in own.items():
            beneficiaries, actions = played.exact[cell]
            assert abs(one["beneficiaries"] - beneficiaries) <= 2 * one["margin"]["beneficiaries"]
            assert abs(one["actions"] - actions) <= 2 * one["margin"]["actions"]
            if cell in general:
                assert one["margin"]["beneficiaries"] <= general[cell]["margin"]["beneficiaries"]


def test_no_cell_of_fewer_than_ten_beneficiaries_is_published(played: Played) -> None:
    shown = [
        cell
        for by in ("project,pseudocode", "project", "pseudocode")
        for cell in played.cells("policy_maker", by)
        if played.exact.get(cell, (0, 0))[0] < 10
    ]

    assert shown == []


def test_the_figures_of_the_sandbox_are_those_of_the_interface(played: Played) -> None:
    token = played.box.token("policy_maker")
    shown = {
        row.project: (row.beneficiaries, row.actions)
        for row in figures(played.box.gateway, token)
        if row.month == MONTH and row.pseudocode is None and row.beneficiaries is not None
    }

    cells = played.cells("policy_maker", "project")
    assert shown == {project: (one["beneficiaries"], one["actions"]) for (project, _), one in cells.items()}
