"""Bodies: whole, small, of the one type, and read strictly; a refusal stores nothing and repeats nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.builders import SSIN
from tests.http.wire import JSON, Gateway, an_inclusion_request

VALID = json.dumps(an_inclusion_request())
OPEN = VALID[:-1]
MIB = 1024 * 1024


def assert_problem(answer: TestResponse, status: int, code: str) -> None:
    document = answer.get_json()
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code), answer.text
    assert document["type"] == f"/problems/{code}"
    assert document["instance"] == answer.headers["X-Request-ID"]
    assert answer.content_type == "application/problem+json"
    assert SSIN not in answer.text
    assert SSIN not in str(answer.headers)


def include(gateway: Gateway, body: bytes, headers: Mapping[str, str] | None = None, **sent: Any) -> TestResponse:
    return gateway.send("POST", "/v1/inclusions", body, role="provider", headers=headers, **sent)


ILL_FORMED: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "malformed-json"),
    "white space": (b" \n\t", "malformed-json"),
    "trailing letter": (VALID.encode() + b"x", "malformed-json"),
    "two documents": (VALID.encode() * 2, "malformed-json"),
    "trailing NUL": (VALID.encode() + b"\x00", "malformed-json"),
    "leading NUL": (b"\x00" + VALID.encode(), "malformed-json"),
    "trailing comma": (f"{OPEN},}}".encode(), "malformed-json"),
    "comment": (f"/* {SSIN} */{VALID}".encode(), "malformed-json"),
    "single quotes": (VALID.replace('"', "'").encode(), "malformed-json"),
    "bare member": (f"{{ssin: {SSIN}}}".encode(), "malformed-json"),
    "cut in a string": (VALID[:40].encode(), "malformed-json"),
    "cut after a member": (OPEN.encode(), "malformed-json"),
    "newline in a string": (VALID.replace("demo", "de\nmo").encode(), "malformed-json"),
    "cut escape": (b'{"ssin": "\\u12"}', "malformed-json"),
    "unknown escape": (b'{"ssin": "\\x31"}', "malformed-json"),
    "lone surrogate, escaped": (f'{OPEN}, "x": "\\ud800"}}'.encode(), "malformed-json"),
    "lone surrogate, CESU-8": (f'{OPEN}, "x": "'.encode() + b'\xed\xa0\x80"}', "malformed-json"),
    "overlong slash": (b'{"ssin": "\xc0\xaf"}', "malformed-json"),
    "no UTF-8": (b'{"ssin": "\xff"}', "malformed-json"),
    "byte order mark": (b"\xef\xbb\xbf" + VALID.encode(), "malformed-json"),
    "UTF-16": (VALID.encode("utf-16"), "malformed-json"),
    "UTF-16 without mark": (VALID.encode("utf-16-le"), "malformed-json"),
    "UTF-32": (VALID.encode("utf-32-be"), "malformed-json"),
    "NaN": (f'{OPEN}, "x": NaN}}'.encode(), "malformed-json"),
    "Infinity": (f'{OPEN}, "x": Infinity}}'.encode(), "malformed-json"),
    "minus Infinity": (f'{OPEN}, "x": -Infinity}}'.encode(), "malformed-json"),
    "1e400": (f'{OPEN}, "x": 1e400}}'.encode(), "malformed-json"),
    "2^63": (f'{OPEN}, "x": {2**63}}}'.encode(), "malformed-json"),
    "5 000 digits": (f'{OPEN}, "x": {"9" * 5000}}}'.encode(), "malformed-json"),
    "leading zero": (f'{OPEN}, "x": 01}}'.encode(), "malformed-json"),
    "hexadecimal": (f'{OPEN}, "x": 0x1}}'.encode(), "malformed-json"),
    "a member twice": (f'{OPEN}, "ssin": "00000000000"}}'.encode(), "duplicate-member"),
    "a member twice, once escaped": (f'{OPEN}, "\\u0073sin": "{SSIN}"}}'.encode(), "duplicate-member"),
    "an inner member twice": (b'{"agreement": {"informed": false, "informed": true}}', "duplicate-member"),
    "17 levels": (b"[" * 17 + b"]" * 17, "too-deep"),
    "100 000 arrays": (b"[" * 100_000 + b"]" * 100_000, "too-deep"),
    "50 000 objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "too-deep"),
    "array": (b"[]", "invalid-request"),
    "the document in an array": (f"[{VALID}]".encode(), "invalid-request"),
    "null": (b"null", "invalid-request"),
    "number": (b"1", "invalid-request"),
    "true": (b"true", "invalid-request"),
    "text": (json.dumps(VALID).encode(), "invalid-request"),
    "empty object": (b"{}", "invalid-request"),
}


@pytest.mark.parametrize("case", ILL_FORMED)
def test_ill_formed_body_is_400_and_stores_nothing(shared_gateway: Gateway, case: str) -> None:
    body, code = ILL_FORMED[case]
    before = shared_gateway.counts()

    answer = include(shared_gateway, body, environ={"CONTENT_LENGTH": str(len(body))})

    assert_problem(answer, 400, code)
    assert shared_gateway.counts() == before


@pytest.mark.parametrize("case", ["a member twice", "17 levels", "no UTF-8", "2^63"])
def test_ill_formed_body_is_400_on_every_store_and_door(gateway: Gateway, case: str) -> None:
    body, code = ILL_FORMED[case]
    before = gateway.counts()
    doors = (
        ("POST", "/v1/actions"),
        ("POST", "/v1/inclusions/find"),
        ("PUT", "/v1/projects/demo-nord"),
        ("PUT", "/v1/projects/demo-nord/partners/10000106"),
        ("PUT", "/sandbox/clock"),
        ("POST", "/sandbox/release"),
    )

    for method, path in doors:
        assert_problem(gateway.send(method, path, body, role="registrar"), 400, code)

    assert gateway.counts() == before


TYPES = {
    "XML": ("application/xml", 415),
    "form": ("application/x-www-form-urlencoded", 415),
    "multipart": ("multipart/form-data; boundary=x", 415),
    "text": ("text/plain", 415),
    "none": ("", 415),
    "JSON sequence": ("application/json-seq", 415),
    "a JSON suffix": ("application/vnd.example+json", 415),
    "text JSON": ("text/json", 415),
    "two types": ("application/json, text/plain", 415),
    "UTF-7": ("application/json; charset=utf-7", 415),
    "Latin 1": ("application/json; charset=iso-8859-1", 415),
    "UTF-16": ("application/json; charset=utf-16", 415),
    "UTF-8": ("application/json; charset=UTF-8", 201),
    "UTF-8, quoted": ('application/json; charset="utf-8"', 201),
    "utf8": ("application/json;charset=utf8", 201),
    "capitals": ("Application/JSON", 201),
    "a parameter": ("application/json; profile=x", 201),
}


@pytest.mark.parametrize("case", TYPES)
def test_type_of_a_body_is_json_in_utf_8(light_gateway: Gateway, case: str) -> None:
    content_type, status = TYPES[case]

    answer = include(light_gateway, VALID.encode(), {"Content-Type": content_type})

    if status == 201:
        assert answer.status_code == 201, answer.text
    else:
        assert_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "x-gzip", "identity, gzip"])
def test_compressed_body_is_415_and_never_opened(shared_gateway: Gateway, encoding: str) -> None:
    body = gzip.compress(b"0" * MIB)

    assert_problem(include(shared_gateway, body, {"Content-Encoding": encoding}), 415, "unsupported-media-type")


def test_identity_is_no_encoding(light_gateway: Gateway) -> None:
    assert include(light_gateway, VALID.encode(), {"Content-Encoding": "Identity"}).status_code == 201


def test_body_without_a_length_is_411(shared_gateway: Gateway) -> None:
    assert_problem(include(shared_gateway, VALID.encode(), environ={"CONTENT_LENGTH": None}), 411, "length-required")


@pytest.mark.parametrize("length", ["", "x", "0x10", "1 0", "-1", "1e3", "１"])
def test_body_with_a_length_that_is_none_is_400(shared_gateway: Gateway, length: str) -> None:
    assert_problem(include(shared_gateway, VALID.encode(), environ={"CONTENT_LENGTH": length}), 400, "malformed-json")


def test_chunked_body_is_411_whatever_length_it_also_says(shared_gateway: Gateway) -> None:
    answer = include(shared_gateway, VALID.encode(), environ={"HTTP_TRANSFER_ENCODING": "chunked"})

    assert_problem(answer, 411, "length-required")


@pytest.mark.parametrize("size", [MIB + 1, 10 * MIB, 2**63])
def test_body_over_the_limit_is_413_before_it_is_read(shared_gateway: Gateway, size: int) -> None:
    answer = include(shared_gateway, b"{", environ={"CONTENT_LENGTH": str(size)})

    assert_problem(answer, 413, "body-too-large")


def test_body_of_exactly_the_limit_is_read(light_gateway: Gateway) -> None:
    padded = VALID.encode() + b" " * (MIB - len(VALID))

    assert include(light_gateway, padded).status_code == 201
    assert_problem(include(light_gateway, padded + b" "), 413, "body-too-large")


def test_body_that_breaks_off_is_400_and_may_be_sent_again_under_its_key(gateway: Gateway) -> None:
    before = gateway.counts()
    cut = {"CONTENT_LENGTH": str(len(VALID)), "wsgi.input": io.BytesIO(VALID.encode()[:-5])}

    assert_problem(include(gateway, VALID.encode(), environ=cut, key="one"), 400, "body-incomplete")
    assert gateway.counts() == before
    assert include(gateway, VALID.encode(), key="one").status_code == 201


def test_body_whose_connection_breaks_is_400(shared_gateway: Gateway) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError

    assert_problem(include(shared_gateway, b"{}", environ={"wsgi.input": Broken()}), 400, "body-incomplete")


def test_bytes_beyond_the_length_are_never_read(light_gateway: Gateway) -> None:
    longer = {"CONTENT_LENGTH": str(len(VALID)), "wsgi.input": io.BytesIO(VALID.encode() + b"GET / HTTP/1.1")}

    assert include(light_gateway, VALID.encode(), environ=longer).status_code == 201


def _digest(name: str, body: str = VALID, algorithm: str | None = None) -> str:
    raw = hashlib.new((algorithm or name).replace("-", ""), body.encode()).digest()
    return f"{name}=:{base64.b64encode(raw).decode()}:"


RIGHT_DIGESTS = {
    "SHA-256": _digest("sha-256"),
    "SHA-512": _digest("sha-512"),
    "both": f"{_digest('sha-256')}, {_digest('sha-512')}",
    "unknown": "crc32c=:AAAAAA==:",
    "unknown beside a right one": f"md5=:AAAA:, {_digest('sha-256')}",
    "empty": "",
}
WRONG_DIGESTS = {
    "zeros": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:",
    "of another body": _digest("sha-256", VALID + " "),
    "another algorithm": _digest("sha-256", algorithm="sha-512"),
    "cut": "sha-256=:AAAA:",
    "no base64": "sha-256=:A:",
    "no value": "sha-256=::",
    "one of two": f"{_digest('sha-256')}, {_digest('sha-512', 'x')}",
}


@pytest.mark.parametrize("case", RIGHT_DIGESTS)
def test_body_with_its_digest_is_taken(light_gateway: Gateway, case: str) -> None:
    assert include(light_gateway, VALID.encode(), {"Content-Digest": RIGHT_DIGESTS[case]}).status_code == 201


@pytest.mark.parametrize("case", WRONG_DIGESTS)
def test_body_with_another_digest_is_400(shared_gateway: Gateway, case: str) -> None:
    before = shared_gateway.counts()

    assert_problem(
        include(shared_gateway, VALID.encode(), {"Content-Digest": WRONG_DIGESTS[case]}), 400, "digest-mismatch"
    )
    assert shared_gateway.counts() == before


def test_body_of_a_route_that_takes_none_is_not_looked_at(shared_gateway: Gateway) -> None:
    answer = shared_gateway.send("GET", "/v1/projects", b"{", role="auditor", headers={"Content-Type": JSON})

    assert answer.status_code == 200
