"""The catalogue as cases: each a way to reach the gateway, and the problem that it must be answered with."""

from __future__ import annotations

import codecs
import gzip
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.http.texts import problem_texts
from tests.builders import SSIN
from tests.http.wire import (
    JSON,
    a_partner_request,
    a_project_request,
    a_pseudocode_request,
    an_action_request,
    an_assignment_request,
    an_inclusion_request,
)

KEY = "a-key-that-must-not-come-back"
MARK = "@@"
LONG = "l" * 3000
VALID = json.dumps(an_inclusion_request())
_WRITTEN = tomllib.loads((Path(__file__).parent / "catalogue.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Target:
    """A door that takes a body, and a document that it would take."""

    method: str
    path: str
    role: str
    document: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


_REASON = {"reason": "other"}
TARGETS: Mapping[str, Target] = {
    "inclusion": Target("POST", "/v1/inclusions", "provider", an_inclusion_request(ssin="85473003317")),
    "action": Target("POST", "/v1/actions", "provider", an_action_request(performed_on="2022-02-15", occurrence=1)),
    "find": Target("POST", "/v1/inclusions/find", "provider", {"project": "demo-nord", "ssin": SSIN}),
    "identity": Target(
        "POST", "/v1/inclusions/{ID}/identity", "project_admin", {"ssin": "85473003317", "reason": "mistyped"}
    ),
    "exit": Target("POST", "/v1/inclusions/{ID}/exit", "provider", {**_REASON, "left_on": "2022-01-14"}),
    "annulment": Target("POST", "/v1/inclusions/{ID}/annulment", "provider", _REASON),
    "correction": Target("PATCH", "/v1/inclusions/{ID}", "provider", {"municipality": "25112"}, {"If-Match": '"1"'}),
    "project": Target("POST", "/v1/projects", "registrar", a_project_request(id="demo-est")),
    "pseudocode": Target("POST", "/v1/pseudocodes", "registrar", a_pseudocode_request(code="794117")),
    "assignment": Target(
        "PUT", "/v1/projects/demo-nord/pseudocodes/794010", "registrar", an_assignment_request(valid_until=None)
    ),
    "partner": Target("PUT", "/v1/projects/demo-nord/partners/10000106", "registrar", a_partner_request()),
    "simulation": Target("POST", "/v1/simulation", "auditor", {"action": {"performed_on": "2022-02-14"}}),
    "extract": Target(
        "POST",
        "/v1/extracts",
        "policy_maker",
        {"kind": "policy", "from": "2022-01", "to": "2022-02", "format": "csv", "purpose": "policy"},
    ),
    "webhook": Target("POST", "/v1/webhooks", "project_admin", {"url": "https://example.org/told"}),
}


@dataclass(frozen=True)
class Case:
    """One hostile request, whole, and the stable code of the problem that answers it.

    Shape: `field` is the code by which a field is refused, where one is. Headers may hold {TOKEN} and {KEY}, the path
    {TOKEN}, {SSIN}, {ID} and {LONG}. `before` are requests that go ahead of it and are not hostile.
    """

    name: str
    method: str
    path: str
    role: str
    code: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    field: str | None = None
    before: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Wire:
    """Bytes on a connection, and the statuses that may answer them; 0 is a connection that is closed."""

    name: str
    raw: bytes
    answers: tuple[int, ...]


def _sent(target: Target, **changes: str | None) -> dict[str, str]:
    """The headers of a good request to a target; a change to None leaves one out."""
    good = {"Authorization": "Bearer {TOKEN}", "Content-Type": JSON, "Idempotency-Key": KEY, **target.headers}
    if target.method != "POST":
        del good["Idempotency-Key"]
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def case(name: str, target: str, body: bytes, code: str, **more: Any) -> Case:
    """A case of a body for a target."""
    at = TARGETS[target]
    return Case(f"{target}: {name}", at.method, at.path, at.role, code, body, more.pop("headers", _sent(at)), **more)


def _with(document: Any, path: list[str], value: Any) -> Any:
    """A document with another value at a path."""
    if not path:
        return value
    return {**document, path[0]: _with(document.get(path[0], {}), path[1:], value)}


def _problem_of(field_code: str) -> str:
    """The code of a problem whose only field is refused by a code."""
    return field_code if field_code in problem_texts() else "invalid-request"


def mutations() -> Iterator[Case]:
    """One field of a valid document with another value, or gone; and one more member than may be."""
    for kind in _WRITTEN["mutation"].values():
        for place in kind["at"]:
            target, *path = place.split(" ")
            is_whole = kind.get("is_whole", False)
            marked = json.dumps(_with(TARGETS[target].document, path, MARK))
            for why, text, code in kind["values"]:
                body = marked.replace(f'"{MARK}"', text).encode()
                yield case(f"{path[-1]} is {why}", target, body, _problem_of(code), field=None if is_whole else code)
    for target, at in TARGETS.items():
        for name in at.document:
            if (target, name) not in OPTIONAL:
                rest = {one: value for one, value in at.document.items() if one != name}
                yield case(f"{name} is missing", target, json.dumps(rest).encode(), "invalid-request")
    for target in _WRITTEN["additional"]["at"]:
        for name, text in _WRITTEN["additional"]["members"]:
            body = json.dumps({**TARGETS[target].document, name: MARK}).replace(f'"{MARK}"', text).encode()
            yield case(f"{name!r} besides", target, body, "invalid-request")


OPTIONAL = {("action", "occurrence"), ("exit", "left_on")}


def _broken(valid: bytes) -> Mapping[str, bytes]:
    """Bytes that are no JSON, made from a document that is."""
    start = valid[:-1]
    return {
        "nothing": b"",
        "white space": b"\r\n\t ",
        "a letter behind": valid + b"x",
        "another behind": valid + valid,
        "a comma behind": start + b",}",
        "a comment before": b"// " + SSIN.encode() + b"\n" + valid,
        "bare names": valid.replace(b'"ssin"', b"ssin"),
        "single quotes": valid.replace(b'"', b"'"),
        "cut in its middle": valid[: len(valid) // 2],
        "without its last brace": start,
        "a NUL before": b"\x00" + valid,
        "a mark of byte order": codecs.BOM_UTF8 + valid,
        "UTF-16": valid.decode().encode("utf-16"),
        "UTF-32": valid.decode().encode("utf-32-le"),
        "Latin 1": start + ', "note": "é"}'.encode("latin-1"),
        "an overlong slash": start + b', "note": "\xc0\xaf"}',
        "half a surrogate pair": start + b', "note": "\\udc00"}',
        "half a surrogate pair in bytes": start + b', "note": "\xed\xb0\x80"}',
        "a tab in a text": start + b', "note": "\t"}',
        "a cut escape": start + b', "note": "\\u00"}',
        "an escape that is none": start + b', "note": "\\a"}',
        "NaN": start + b', "note": NaN}',
        "Infinity": start + b', "note": -Infinity}',
        "a number beyond all floats": start + b', "note": 1e999}',
        "2^64": start + b', "note": 18446744073709551616}',
        "9 000 digits": start + b', "note": ' + b"7" * 9000 + b"}",
        "a leading zero": start + b', "note": 00}',
        "a plus": start + b', "note": +1}',
        "no digit before the point": start + b', "note": .5}',
        "a document of XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01e.",
        "gzip": gzip.compress(valid),
    }


def bodies() -> Iterator[Case]:
    """Bodies that are no document of the contract."""
    valid = json.dumps(TARGETS["inclusion"].document).encode()
    start = valid[:-1]
    for why, body in _broken(valid).items():
        yield case(why, "inclusion", body, "malformed-json")
    for why in ("project", "ssin", "\\u0073sin"):
        yield case(
            f'{why} twice, once "{SSIN}"', "inclusion", start + f', "{why}": "{SSIN}"}}'.encode(), "duplicate-member"
        )
    deep = {"17 arrays": (b"[", b"]", 17), "40 000 arrays": (b"[", b"]", 40_000), "objects": (b'{"a":', b"}", 20_000)}
    for why, (opening, closing, levels) in deep.items():
        yield case(why, "inclusion", opening * levels + b"1" * (opening != b"[") + closing * levels, "too-deep")
    for why, body in {"a list": b"[]", "null": b"null", "text": b'"{}"', "true": b"true", "a number": b"0"}.items():
        yield case(why, "inclusion", body, "invalid-request")
    yield case("over a mebibyte", "inclusion", valid + b" " * 2**20, "body-too-large")
    for target in ("find", "project", "partner", "correction", "exit", "simulation", "extract", "webhook"):
        yield case("cut", target, json.dumps(TARGETS[target].document).encode()[:-3], "malformed-json")
        yield case("a list", target, b"[]", "invalid-request")
        doubled = json.dumps(TARGETS[target].document)[:-1] + ', "x": 1, "x": 2}'
        yield case("a member twice", target, doubled.encode(), "duplicate-member")


def headers() -> Iterator[Case]:
    """A good body under headers that are not."""
    for one in _WRITTEN["header"]:
        changes = {**dict.fromkeys(one.get("drop", ())), **one.get("set", {})}
        body = json.dumps(TARGETS["inclusion"].document).encode()
        yield case(one["name"], "inclusion", body, one["code"], headers=_sent(TARGETS["inclusion"], **changes))
    correction = TARGETS["correction"]
    body = json.dumps(correction.document).encode()
    for given in ('"7"', '"stale"', 'W/"1"', "*", "1", '"1", "2"', '"0"', '"1e0"', ""):
        headers = _sent(correction, **{"If-Match": given})
        yield case(f"If-Match {given}", "correction", body, "precondition-failed", headers=headers)
    bare = _sent(correction, **{"If-Match": None})
    yield case("no If-Match", "correction", body, "precondition-required", headers=bare)


def urls() -> Iterator[Case]:
    """Paths, queries and methods."""
    for one in _WRITTEN["url"]:
        method = one.get("method", "GET")
        body = b"" if method != "POST" else json.dumps(TARGETS["inclusion"].document).encode()
        sent = {"Authorization": "Bearer {TOKEN}"}
        if method == "POST":
            sent = _sent(TARGETS["inclusion"])
        yield Case(f"url: {one['name']}", method, one["path"], one["role"], one["code"], body, sent)


NEXT = "85073095576"
"""An SSIN of somebody who is included by the first step of the sequences, and by nobody before them."""


def _step(target: str, key: str, **changes: Any) -> Case:
    """A request of a sequence: its target's document with changes, under a key."""
    document = {**TARGETS[target].document, **changes}
    sent = _sent(TARGETS[target], **{"Idempotency-Key": key})
    return case(key, target, json.dumps(document).encode(), "", headers=sent)


def sequences() -> Iterator[Case]:
    """Requests that are hostile because of what went before or is known."""
    included = _step("inclusion", "seq-1", ssin=NEXT)
    agreement = {"agreed_on": "2022-03-02", "informed": True, "in_target_group": True}
    code = {**TARGETS["pseudocode"].document, "code": "794010"}
    after: Mapping[str, tuple[Case, str]] = {
        "the key of another body": (
            _step("inclusion", "seq-1", ssin=NEXT, municipality="25112"),
            "idempotency-key-reused",
        ),
        "the same person under another key": (_step("inclusion", "seq-2", ssin=NEXT), "already-included"),
        "the same person, otherwise written": (
            _step("inclusion", "seq-3", ssin=NEXT, municipality="25112"),
            "already-included",
        ),
        "a cut body under a used key": (replace(included, body=included.body[:-5]), "malformed-json"),
        "an ill-formed body under a used key": (_step("inclusion", "seq-1", ssin=NEXT[:-1] + "5"), "invalid-ssin"),
        "a project a second time": (_step("project", "seq-4", id="demo-nord"), "already-exists"),
        "a pseudocode a second time": (_step("pseudocode", "seq-5", **code), "already-exists"),
        "a used key at another door": (_step("pseudocode", "seq-1", **code), "already-exists"),
        "an action of nobody": (_step("action", "seq-6", ssin="85473003317"), "not-included"),
        "an action of another's code": (_step("action", "seq-7", pseudocode="794021"), "pseudocode-not-of-project"),
        "an action of no code": (_step("action", "seq-8", pseudocode="000000"), "unknown-pseudocode"),
        "an action to come": (_step("action", "seq-9", performed_on="2022-03-02"), "performed-in-future"),
        "another's project": (_step("inclusion", "seq-10", project="demo-sud"), "not-a-partner"),
        "no project": (_step("inclusion", "seq-11", project="demo-none"), "unknown-project"),
        "an agreement to come": (_step("inclusion", "seq-12", agreement=agreement), "agreement-in-future"),
    }
    for name, (last, problem) in after.items():
        yield replace(last, name=f"sequence: {name}", code=problem, before=(included,))


def all_cases() -> list[Case]:
    """Every case that is a request, whatever carries it."""
    return [*mutations(), *bodies(), *headers(), *urls(), *sequences()]


def wires(token: str) -> list[Wire]:
    """Every case of raw bytes."""
    post = (
        "POST /v1/inclusions HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\nAuthorization: Bearer {TOKEN}"
        "\\r\\nContent-Type: application/json\\r\\nIdempotency-Key: {KEY}\\r\\n"
    )
    filled = {
        "{POST}": post,
        "{TOKEN}": token,
        "{KEY}": KEY,
        "{SSIN}": SSIN,
        "{LONG}": LONG,
        "{VALID}": VALID,
        "{LENGTH}": str(len(VALID)),
        "{HEADERS}": "".join(f"X-{number}: {SSIN}\\r\\n" for number in range(200)),
    }
    return [Wire(one["name"], _bytes(one["raw"], filled), tuple(one["answers"])) for one in _WRITTEN["socket"]]


def _bytes(text: str, filled: Mapping[str, str]) -> bytes:
    """A text with its escapes as the bytes that they stand for."""
    for name, value in filled.items():
        text = text.replace(name, value)
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")
