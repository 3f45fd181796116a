"""Every case of the catalogue, on both stores and through the production server: refused, quiet, and without effect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.http.problems import MEDIA_TYPE
from gateway.http.texts import problem_texts
from gateway.pseudonyms.keyring import Keyring, write_keyring
from tests.builders import SSIN
from tests.http.hostile.carriers import LINES_OF_A_REQUEST, Answer, Carrier, Server, in_process, served
from tests.http.hostile.catalogue import KEY, TARGETS, Case, all_cases, case, wires
from tests.http.wire import Gateway

PERSONS = (SSIN, "85.07.30-033.28", "85473003317", "85073095576")
INNER = re.compile(r'Traceback|File "|\.py\b|site-packages|sqlalchemy|psycopg|sqlite|werkzeug|SELECT |INSERT ', re.I)
AUDITED = (403, 404, 409, 412, 422)
"""A caller who is known and refused leaves one audit entry; nobody else leaves anything."""
MOST_MORE_BYTES = 50 * 2**20


def refused(carrier: Carrier, hostile: Case) -> list[str]:
    """What is wrong with the way in which a case was refused; nothing, if nothing is."""
    for one in hostile.before:
        assert carrier.send(one).status in (200, 201), one
    carrier.lines()
    before = carrier.counts()
    answer = carrier.send(hostile)
    after, lines = carrier.counts(), carrier.lines()
    token = carrier.token(hostile.role)
    return [
        *_of_answer(hostile, answer),
        *_of_text(answer.shown, token),
        *_of_text(json.dumps(lines, default=str, ensure_ascii=False), token),
        *_of_rows(before, after, answer.status),
        *_of_lines(lines, answer, hostile.code),
    ]


def _of_answer(hostile: Case, answer: Answer) -> Iterator[str]:
    document = json.loads(answer.body)
    if f"content-type: {MEDIA_TYPE}" not in answer.head.lower():
        yield f"no problem, but {answer.status}"
        return
    if document["code"] != hostile.code or document["code"] not in problem_texts():
        yield f"code {document['code']}, not {hostile.code}"
    if document["status"] != answer.status or not 400 <= answer.status < 500:
        yield f"status {answer.status}"
    if document["type"] != f"/problems/{document['code']}":
        yield "another type"
    fields = {one["code"] for one in document.get("errors", ())}
    if hostile.field is not None and fields != {hostile.field}:
        yield f"fields {fields}, not {hostile.field}"


def _of_text(shown: str, token: str) -> Iterator[str]:
    if any(secret in shown for secret in (*PERSONS, KEY, token)):
        yield "an identity, key or token comes back"
    if INNER.search(re.sub(r'"where": \[[^]]*\]', "", shown)):
        yield "the inside shows"


def _of_rows(before: Mapping[str, int], after: Mapping[str, int], status: int) -> Iterator[str]:
    more = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    if more and not (status in AUDITED and more == {"audit_entry": 1}):
        yield f"rows {more}"


def _of_lines(lines: list[dict[str, Any]], answer: Answer, code: str) -> Iterator[str]:
    told = [line for line in lines if line["event"] in LINES_OF_A_REQUEST]
    others = {line["event"] for line in lines} - {*LINES_OF_A_REQUEST, "auth_failed"}
    if len(told) != 1 or others:
        yield f"{len(told)} lines, and {others}"
    elif told[0]["event"] == "answered" and (told[0]["status"], told[0]["code"]) != (answer.status, code):
        yield "the line tells something else"


def faults(carrier: Carrier) -> dict[str, list[str]]:
    """Each case that is not refused as it must be, with what is wrong."""
    return {one.name: wrong for one in all_cases() if (wrong := refused(carrier, one))}


def included(gateway: Gateway) -> str:
    """The id of an inclusion on the register, which hostile requests may name; it is valid by now."""
    inclusion = str(gateway.include()["id"])
    gateway.at("2022-03-01T09:00:00+00:00")
    return inclusion


def test_catalogue_has_hundreds_of_cases_of_every_kind_none_of_them_twice() -> None:
    names = [one.name for one in all_cases()] + [one.name for one in wires("")]

    assert len(names) == len(set(names)) > 600


def test_targets_take_their_documents_so_that_what_is_changed_is_why_a_case_is_refused(light_gateway: Gateway) -> None:
    with in_process(light_gateway, included(light_gateway)) as carrier:
        for name, target in TARGETS.items():
            whole = json.dumps(target.document).encode()
            trial = "" if name in ("find", "simulation") else "?validate_only=true"
            sent = case("valid", name, whole, "")
            answer = carrier.send(Case("", sent.method, sent.path + trial, sent.role, "", whole, sent.headers))
            assert answer.status == 200, (name, answer.body)


def test_hostile_request_is_refused_quietly_and_without_effect_on_every_store(gateway: Gateway) -> None:
    with in_process(gateway, included(gateway)) as carrier:
        assert faults(carrier) == {}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Path:
    """A folder with the key ring that the register was filled under."""
    path = tmp_path_factory.mktemp("served")
    write_keyring(keyring, path / "keys.json")
    return path


@pytest.fixture
def server(light_gateway: Gateway, home: Path) -> Iterator[Server]:
    """The production server on a register like that of the other tests."""
    with ExitStack() as opened:
        yield opened.enter_context(served(light_gateway, included(light_gateway), home))


def test_hostile_request_is_refused_alike_by_the_production_server_which_lives_on_unchanged(server: Server) -> None:
    server.lines()
    for one in all_cases()[:50]:
        server.send(one)
    before = server.workers()

    found = {**faults(server), **_wire_faults(server)}

    after = server.workers()
    assert found == {}
    assert after.keys() == before.keys()
    assert all(after[one] - before[one] < MOST_MORE_BYTES for one in before)
    alive = server.speak(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert (alive.status, alive.body) == (200, b'{"status":"live"}')
    assert not re.search("python|werkzeug", alive.head, re.I)


def _wire_faults(server: Server) -> dict[str, list[str]]:
    """Each case of raw bytes that is not refused as it must be, with what is wrong."""
    found: dict[str, list[str]] = {}
    token = server.token("provider")
    for one in wires(token):
        server.lines()
        before = server.counts()
        answer = server.speak(one.raw)
        lines = server.lines()
        wrong = [f"status {answer.status}"] if answer.status not in one.answers else []
        wrong += _of_text(answer.shown + json.dumps(lines), token)
        wrong += _of_rows(before, server.counts(), answer.status)
        if answer.status and MEDIA_TYPE not in answer.head:
            wrong.append("no problem document")
        if answer.status and len(lines) - [line["event"] for line in lines].count("auth_failed") != 1:
            wrong.append(f"lines {[line['event'] for line in lines]}")
        if wrong:
            found[one.name] = wrong
    return found
