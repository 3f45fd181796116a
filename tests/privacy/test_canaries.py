"""Canary SSINs on every path in, with processes of their own and on both stores; then a hunt for them everywhere.

The keys of the ring and the tokens of the callers are hunted too. The mock is told SSINs by necessity: it may neither
store nor log one.
"""

from __future__ import annotations

import json
import socket
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from sqlalchemy import select

from gateway.store.tables import idempotency
from tests.live.catalogue import LONG, NIHII, a_project, a_pseudocode, an_action, an_inclusion, enter, names
from tests.live.register import everything, rows
from tests.privacy.hunt import Sighting, files_under, forms_of_secret, forms_of_ssin, hunt, values_of
from tests.sandboxes import STORES, Sandbox, live_sandbox, synthetic_ssin


@dataclass
class Field:
    """A sandbox in which canaries were planted: each with the name of its path in, and every answer that came."""

    box: Sandbox
    canaries: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    receipts: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def canary(self, path: str) -> str:
        return self.canaries.setdefault(path, synthetic_ssin(30_000 + len(self.canaries)))

    def token(self, role: str, **asked: Any) -> str:
        self.tokens.append(self.box.token(role, **asked))
        return self.tokens[-1]

    def send(self, name: str, method: str, path: str, *, token: str = "", **given: Any) -> requests.Response:
        headers = {"Idempotency-Key": f"{name} of the hunt".replace(" ", "-"), **given.pop("headers", {})}
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        self.keys.append(headers["Idempotency-Key"])
        answer = requests.request(method, self.box.gateway + path, headers=headers, timeout=30, **given)
        said = "\n".join(f"{header}: {value}" for header, value in answer.headers.items())
        self.answers += [(f"headers of {name}", said.encode()), (f"answer to {name}", answer.content)]
        self.statuses[name] = answer.status_code
        if "json" in answer.headers.get("Content-Type", "") and isinstance(answer.json(), dict):
            receipt = answer.json().get("receipt")
            self.receipts += [(f"receipt of {name}", receipt)] if receipt else []
        return answer

    def sighted(self, *places: Iterator[tuple[str, bytes]]) -> dict[str, set[Sighting]]:
        """Which canaries are in some places, by the name of their path in."""
        contents = [content for place in places for content in place]
        found = {path: hunt(forms_of_ssin(ssin), contents) for path, ssin in self.canaries.items()}
        return {path: sightings for path, sightings in found.items() if sightings}


@pytest.fixture(scope="module", params=STORES)
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with live_sandbox(request, tmp_path_factory) as box:
        enter(box)
        box.move_clock("2021-12-10T08:00:00Z")
        found = Field(box)
        plant_facts(found)
        plant_refusals(found)
        plant_texts(found)
        plant_requests(found)
        plant_tokens(found)
        box.drain()
        found.send("metrics", "GET", "/metrics")
        yield found


def plant_facts(found: Field) -> None:
    """Where an SSIN belongs: inclusion, look-up, action, exit, annulment."""
    provider, admin = found.token("provider", nihii=NIHII), found.token("project_admin", project=LONG)
    ssin = found.canary("an inclusion")
    made = found.send("inclusion", "POST", "/v1/inclusions", token=provider, json=an_inclusion(LONG, ssin)).json()
    found.send("inclusion again", "POST", "/v1/inclusions", token=provider, json=an_inclusion(LONG, ssin))
    found.send("find", "POST", "/v1/inclusions/find", token=provider, json={"project": LONG, "ssin": ssin})
    found.send("get", "GET", f"/v1/inclusions/{made['id']}", token=admin)
    found.send("list", "GET", f"/v1/inclusions?project={LONG}", token=admin)
    found.box.move_clock("2022-01-10T08:00:00Z")
    act = an_action(LONG, ssin, "2022-01-10")
    action = found.send("action", "POST", "/v1/actions", token=provider, json=act).json()
    found.send("action again", "POST", "/v1/actions", token=provider, json=act)
    found.send("actions", "GET", f"/v1/actions?project={LONG}", token=admin)
    mistake = {"reason": "wrong-person"}
    found.send("action annulled", "POST", f"/v1/actions/{action['id']}/annulment", token=provider, json=mistake)
    leaving = {"reason": "moved"}
    found.send("exit", "POST", f"/v1/inclusions/{made['id']}/exit", token=provider, json=leaving)
    found.box.play("reject-all")
    rejected = an_inclusion(LONG, found.canary("a rejected inclusion"))
    found.send("rejected", "POST", "/v1/inclusions", token=provider, json=rejected)
    found.box.drain()
    found.box.play("accept")
    stranger = {"project": LONG, "ssin": found.canary("a look-up of nobody")}
    found.send("find nobody", "POST", "/v1/inclusions/find", token=provider, json=stranger)
    trial = an_inclusion(LONG, found.canary("a validation"))
    found.send("validate only", "POST", "/v1/inclusions?validate_only=true", token=provider, json=trial)


def plant_refusals(found: Field) -> None:
    """Bodies that are refused: by a rule, by their form, by the role."""
    provider, coordinator = found.token("provider", nihii=NIHII), found.token("coordinator", project=LONG)
    uninformed = an_inclusion(LONG, found.canary("a body that a rule refuses"))
    uninformed["agreement"] = {**uninformed["agreement"], "informed": False}
    stranger = an_action(LONG, found.canary("an action for a stranger"), "2022-01-10")
    bodies = {
        "refused by a rule": uninformed,
        "unknown member": an_inclusion(LONG, synthetic_ssin(1), patient=found.canary("an unknown member")),
        "unknown name": an_inclusion(LONG, synthetic_ssin(1)) | {found.canary("the name of a member"): 1},
        "number": an_inclusion(LONG, synthetic_ssin(1)) | {"ssin": int(found.canary("a number"))},
        "dotted": an_inclusion(LONG, dotted(found.canary("a dotted SSIN"))),
        "wrong project": an_inclusion("nowhere", found.canary("an unknown project")),
        "project": an_inclusion(found.canary("the id of a project"), synthetic_ssin(1)),
        "agreement": an_inclusion(LONG, synthetic_ssin(1)) | {"agreement": found.canary("an agreement")},
    }
    for name, body in bodies.items():
        found.send(name, "POST", "/v1/inclusions", token=provider, json=body)
    found.send("stranger", "POST", "/v1/actions", token=provider, json=stranger)
    wrong_code = an_action(LONG, synthetic_ssin(1), "2022-01-10", pseudocode=found.canary("a pseudocode"))
    found.send("pseudocode", "POST", "/v1/actions", token=provider, json=wrong_code)
    foreign = an_inclusion(LONG, found.canary("a foreign role"))
    found.send("foreign role", "POST", "/v1/inclusions", token=coordinator, json=foreign)
    found.send("no token", "POST", "/v1/inclusions", json=an_inclusion(LONG, found.canary("a body without token")))
    broken = {
        "cut": '{"ssin": "%s",',
        "twice": '{"ssin": "%s", "ssin": "1"}',
        "no JSON": "ssin=%s",
        "deep": "[" * 20 + '"%s"' + "]" * 20,
        "latin": '{"ssin": "%s\xe9"}',
    }
    for name, text in broken.items():
        content = (text % found.canary(f"malformed JSON, {name}")).encode("latin-1")
        json_type = {"Content-Type": "application/json"}
        found.send(name, "POST", "/v1/inclusions", token=provider, data=content, headers=json_type)
    form = {"Content-Type": f"text/plain; ssin={found.canary('a content type')}"}
    found.send("content type", "POST", "/v1/inclusions", token=provider, data=b"{}", headers=form)


def plant_texts(found: Field) -> None:
    """Free text of the catalogue."""
    registrar = found.token("registrar")
    named = a_project("demo-name", name=names(f"Demo {found.canary('the name of a project')}"))
    contractor = {"name": dotted(found.canary("the name of a contractor")), "cbe": "0999999130"}
    label = a_pseudocode("794999", label=names(spaced(found.canary("the label of a pseudocode"))))
    found.send("project name", "POST", "/v1/projects", token=registrar, json=named)
    of_contractor = a_project("demo-contractor", contractor=contractor)
    found.send("contractor", "POST", "/v1/projects", token=registrar, json=of_contractor)
    found.send("label", "POST", "/v1/pseudocodes", token=registrar, json=label)
    project = a_project(found.canary("the id of a new project"))
    found.send("project id", "POST", "/v1/projects", token=registrar, json=project)


def plant_requests(found: Field) -> None:
    """URL, headers and idempotency key."""
    provider, admin = found.token("provider", nihii=NIHII), found.token("project_admin", project=LONG)
    in_query, in_path = found.canary("a query string"), found.canary("a path")
    found.send("query", "GET", f"/v1/inclusions?project={LONG}&ssin={in_query}", token=admin)
    found.send("query name", "GET", f"/v1/inclusions?{in_query}=1", token=admin)
    found.send("query status", "GET", f"/v1/inclusions?status={quote(dotted(in_query))}", token=admin)
    found.send("cursor", "GET", f"/v1/inclusions?cursor={b64encode(in_query.encode()).decode()}", token=admin)
    for name, path in {
        "inclusion by SSIN": f"/v1/inclusions/{in_path}",
        "nowhere": f"/v1/beneficiaries/{in_path}",
        "problem": f"/problems/{in_path}",
        "encoded": f"/v1/inclusions/{quote(spaced(in_path))}",
        "slashes": f"//{in_path}//x/",
    }.items():
        found.send(name, "GET", path, token=provider)
    found.send("method", f"FIND{found.canary('a method')}", "/live")
    headers = {"Idempotency-Key": found.canary("an idempotency key")}
    body = an_inclusion(LONG, synthetic_ssin(2))
    found.send("key", "POST", "/v1/inclusions", token=provider, json=body, headers=headers)
    for name in ("X-Request-ID", "Accept-Language", "If-Match", "User-Agent", "Referer", "Cookie", "Content-Digest"):
        found.send(f"header {name}", "GET", "/v1/projects", token=provider, headers={name: found.canary(f"a {name}")})
    found.send("host", "GET", "/live", headers={"Host": f"{found.canary('a host')}.example"})


def plant_tokens(found: Field) -> None:
    """What a token may say, honest or not."""
    ssin = found.canary("a claim")
    for name, claims in {"sub": {"sub": ssin}, "jti": {"jti": f"x-{ssin}"}, "own": {"ssin": ssin}}.items():
        token = found.token("provider", nihii=NIHII, claims=claims)
        found.send(f"claim {name}", "GET", "/v1/projects", token=token)
        found.send(
            f"claim {name}, find", "POST", "/v1/inclusions/find", token=token, json={"project": LONG, "ssin": ssin}
        )
    odd = found.token("provider", nihii=NIHII, header={"kid": found.canary("a kid")})
    found.send("kid", "GET", "/v1/projects", token=odd)
    for name in ("Bearer", "Basic", "SSIN"):
        header = {"Authorization": f"{name} {found.canary('an Authorization header')}"}
        found.send(f"scheme {name}", "GET", "/v1/projects", headers=header)


def dotted(ssin: str) -> str:
    return f"{ssin[:2]}.{ssin[2:4]}.{ssin[4:6]}-{ssin[6:9]}.{ssin[9:]}"


def spaced(ssin: str) -> str:
    return f"{ssin[:2]} {ssin[2:4]} {ssin[4:6]} {ssin[6:9]} {ssin[9:]}"


def files_of(found: Field) -> Iterator[tuple[str, bytes]]:
    yield from files_under(found.box.data_dir)
    yield "standard error", found.box.errors.encode()


def database_of(found: Field) -> Iterator[tuple[str, bytes]]:
    yield from values_of(everything(found.box.store_url))


def test_the_canaries_were_let_in_where_they_belong(planted: Field) -> None:
    taken = {name: planted.statuses[name] for name in ("inclusion", "find", "action", "exit", "rejected", "key")}

    assert taken == {"inclusion": 201, "find": 200, "action": 201, "exit": 200, "rejected": 201, "key": 201}
    assert {planted.statuses[name] for name in ("project name", "contractor", "label", "project id")} == {400}
    assert max(planted.statuses.values()) < 500
    assert len(planted.canaries) > 35


def test_an_ssin_is_no_id_of_a_project(planted: Field) -> None:
    registrar = planted.token("registrar")
    for ssin in (synthetic_ssin(50_000), f"demo-{synthetic_ssin(50_001)}"):
        body = a_project(ssin)
        answer = planted.box.send("POST", "/v1/projects?validate_only=true", body, token=registrar)
        assert (answer.status_code, ssin in answer.text) == (400, False)


def test_no_canary_is_in_any_file(planted: Field) -> None:
    assert planted.sighted(files_of(planted)) == {}


def test_no_canary_is_in_the_database(planted: Field) -> None:
    assert planted.sighted(database_of(planted)) == {}


def test_no_canary_is_in_any_answer(planted: Field) -> None:
    assert planted.sighted(iter(planted.answers)) == {}


def test_no_canary_is_in_any_receipt(planted: Field) -> None:
    def decoded() -> Iterator[tuple[str, bytes]]:
        for name, receipt in planted.receipts:
            for part in receipt.split("."):
                yield name, urlsafe_b64decode(part + "==")

    assert len(planted.receipts) >= 5
    assert planted.sighted(decoded()) == {}


def test_the_mock_keeps_no_canary(planted: Field) -> None:
    folder = planted.box.data_dir / "mock"
    log = (planted.box.data_dir / "logs" / "mock.log").read_bytes()
    ledger = requests.get(f"{planted.box.mock}/ledger", timeout=20).content
    refused = requests.post(f"{planted.box.mock}/messages", json={"ssin": planted.canary("an inclusion")}, timeout=20)

    assert planted.sighted(files_under(folder), iter([("log", log), ("ledger", ledger)])) == {}
    assert planted.sighted(iter([("refusal", refused.content)])) == {}


def test_no_key_and_no_token_is_outside_the_key_ring(planted: Field) -> None:
    keyring = planted.box.data_dir / "keys.json"
    ring = json.loads(keyring.read_text(encoding="ascii"))
    secrets = {f"{key['purpose']} key": b64decode(key["secret"]) for key in ring["keys"]}
    for line in secrets["receipt key"].splitlines()[1:-1]:
        secrets[f"receipt key, {line[:4]!r}"] = line
    secrets |= {f"token {number}": token.encode() for number, token in enumerate(planted.tokens)}
    elsewhere = [(place, content) for place, content in files_of(planted) if Path(place) != keyring]
    places = [*elsewhere, *database_of(planted), *planted.answers]

    found = {name: hunt(forms_of_secret(secret), places) for name, secret in secrets.items()}
    assert {name: sightings for name, sightings in found.items() if sightings} == {}
    assert keyring.stat().st_mode & 0o777 == 0o400


def test_of_an_idempotency_key_only_a_keyed_hash_is_stored(planted: Field) -> None:
    kept = rows(planted.box.store_url, select(idempotency.c.key_hash, idempotency.c.fingerprint))
    named = {key.encode() for key in planted.keys}
    places = [*files_of(planted), *database_of(planted)]

    assert kept
    assert {len(one.key_hash) for one in kept} == {len(one.fingerprint) for one in kept} == {32}
    assert [place for place, content in places if any(key in content for key in named)] == []


UNREADABLE = {
    "request line": "GET {0}\r\n\r\n",
    "method": "g{0}? / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "version": "GET /live?ssin={0} HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    "name of a header": "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX {0}: 1\r\n\r\n",
    "header without colon": "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX{0}\r\n\r\n",
    "content length": "POST /live HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {0}x\r\n\r\n",
    "transfer coding": "POST /live HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: {0}\r\n\r\n",
    "expectation": "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: {0}\r\n\r\n",
}


@pytest.mark.parametrize("part", ["gateway", "mock"])
@pytest.mark.parametrize("request_text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_request_that_is_no_http_is_repeated_neither_in_the_answer_nor_in_the_log(
    planted: Field, part: str, request_text: str
) -> None:
    ssin = synthetic_ssin(40_000 + list(UNREADABLE.values()).index(request_text))
    port = planted.box.ports[part == "mock"]

    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(request_text.format(ssin).encode("ascii"))
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    log = (planted.box.data_dir / "logs" / f"{part}.log").read_bytes()
    assert answer.split()[1] in (b"400", b"411", b"417", b"431", b"501")
    assert hunt(forms_of_ssin(ssin), [("answer", answer), ("log", log)]) == set()
