"""What has had its time is removed, a page at a time, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from gateway.clock import real_now
from gateway.services import purge as purging
from gateway.services.purge import EVENTS_KEPT_FOR, MADE_KEPT_FOR, UNMADE_KEPT_FOR, purge
from gateway.store.dialects import WORKER
from gateway.store.extracts import Extract, ExtractState
from gateway.store.idempotency import KEPT_FOR
from gateway.store.pulses import MISSED_FOR
from gateway.store.tables import extract, idempotency
from gateway.store.transaction import Store
from gateway.store.webhook_tables import webhook, webhook_event
from gateway.store.webhooks import Event, EventState, Webhook
from tests.builders import PROJECT
from tests.services.desk import Desk
from tests.store.rows import rows

NOW = real_now()
AN_HOUR = timedelta(hours=1)
_numbers = count(1)


def _event(hook: UUID, ended_at: datetime | None) -> Event:
    about, long_ago = UUID(int=next(_numbers)), NOW - 3 * EVENTS_KEPT_FOR
    state = EventState.WAITING if ended_at is None else EventState.DELIVERED
    known = Event(7, about, hook, PROJECT, about, "inclusion", about, "accepted", None, NOW, long_ago, long_ago)
    return Event(**{**{name: getattr(known, name) for name in Event.__slots__}, "state": state, "ended_at": ended_at})


def _extract(state: ExtractState, created_at: datetime, expires_at: datetime | None = None) -> Extract:
    who = {"role": "insurer", "organisation": "100", "person": "p", "request": {}}
    times = {"created_at": created_at, "next_attempt_at": created_at, "expires_at": expires_at}
    return Extract(shard=1, id=UUID(int=next(_numbers)), state=state, **who, **times)  # type: ignore[arg-type]  # as named


@pytest.fixture
def filled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk with five of each kind that have had their time, and whatever just has not; two make a page."""
    monkeypatch.setattr(purging, "ROWS_AT_ONCE", 2)
    kept, gone, told = (UUID(int=next(_numbers)) for _ in range(3))
    with desk.context.store.transaction() as tx:
        for number in range(5):
            tx.idempotency.claim(desk.key(f"old-{number}"), NOW - KEPT_FOR - AN_HOUR)
            tx.extracts.add(_extract(ExtractState.FAILED, NOW - UNMADE_KEPT_FOR - AN_HOUR))
        tx.idempotency.claim(desk.key("new"), NOW - KEPT_FOR + AN_HOUR)
        for one in (kept, gone, told):
            tx.webhooks.add(Webhook(one, PROJECT, "https://software.example/hook", None, NOW))
        tx.webhooks.tell([_event(kept, NOW - EVENTS_KEPT_FOR - AN_HOUR) for _ in range(5)])
        tx.webhooks.tell([_event(kept, None), _event(told, NOW - EVENTS_KEPT_FOR + AN_HOUR)])
        for one in (gone, told):
            tx.webhooks.remove(one, NOW - EVENTS_KEPT_FOR - AN_HOUR)
        tx.extracts.add(_extract(ExtractState.DONE, NOW - MADE_KEPT_FOR - AN_HOUR))
        for made in (
            _extract(ExtractState.CANCELLED, NOW - UNMADE_KEPT_FOR + AN_HOUR),
            _extract(ExtractState.CANCELLED, NOW - MADE_KEPT_FOR, expires_at=NOW),
            _extract(ExtractState.DONE, NOW - MADE_KEPT_FOR + AN_HOUR),
            _extract(ExtractState.RUNNING, NOW - 2 * MADE_KEPT_FOR),
        ):
            tx.extracts.add(made)
        tx.pulses.turn("killed", "sending", NOW - MISSED_FOR - AN_HOUR)
    return desk


def _left(desk: Desk) -> list[int]:
    return [len(rows(desk.database_url, table)) for table in (idempotency, webhook_event, webhook, extract)]


def test_what_has_had_its_time_goes_and_nothing_else(filled: Desk) -> None:
    with closing(Store(filled.database_url, filled.clock, connections=2, role=WORKER)) as store:
        removed = purge(replace(filled.context, store=store))

    assert removed == {
        "keys": 5,
        "events": 5,
        "webhooks": 1,
        "rates": 0,
        "extracts": 6,
        "workers": 1,
        "folders": 0,
        "batches": 0,
    }
    assert _left(filled) == [1, 2, 2, 4]
    assert set(purge(filled.context).values()) == {0}


def test_whoever_is_told_to_stop_ends_with_the_page_and_another_goes_on(filled: Desk) -> None:
    told = iter([False, True])

    removed = purge(filled.context, lambda: next(told, True))

    assert _first(removed.values()) == [2, 0, 0, 0]
    assert _left(filled) == [4, 7, 3, 10]
    assert _first(purge(filled.context).values()) == [3, 5, 1, 6]


def _first(counts: Iterable[int]) -> list[int]:
    return list(counts)[:4]
