"""Problems that pass: a key in flight, a commit that comes too late. The same key works later."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gateway.store import transaction
from tests.http.wire import Gateway, an_inclusion_request


@pytest.mark.parametrize("gateway", ["postgresql"], indirect=True)  # SQLite's one writer lets nobody wait beside it
def test_key_of_a_request_that_runs_for_long_is_in_flight(gateway: Gateway) -> None:
    first = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key="k")
    engine = create_engine(gateway.database_url, poolclass=NullPool)

    with engine.connect() as holder, holder.begin():
        holder.execute(text("UPDATE idempotency SET created_at = created_at"))
        running = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key="k")
    later = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key="k")

    assert (running.status_code, running.get_json()["code"]) == (409, "idempotency-key-in-flight")
    assert running.headers["Retry-After"] == "1"
    assert later.status_code == 201
    assert later.data == first.data


def test_what_is_stamped_too_long_ago_is_not_committed(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    before = gateway.counts()
    monkeypatch.setattr(transaction, "STAMP_LIFE_SECONDS", -1.0)
    late = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key="k")
    after = gateway.counts()
    monkeypatch.undo()

    again = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key="k")

    assert (late.status_code, late.get_json()["code"]) == (503, "commit-too-late")
    assert late.headers["Retry-After"] == "5"
    assert after == before
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers


def test_twenty_requests_with_one_key_at_once_get_one_answer(gateway: Gateway) -> None:
    answers: list[tuple[int, bytes]] = []
    gateway.token("provider", nihii="10000106001")

    def send() -> None:
        answer = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", key="one")
        answers.append((answer.status_code, answer.data))

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    done = {body for status, body in answers if status == 201}
    assert len(answers) == 20
    assert {status for status, _ in answers} <= {201, 409}
    assert len(done) == 1
    assert gateway.counts()["inclusion"] == 1
