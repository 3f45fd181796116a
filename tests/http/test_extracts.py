"""Extracts over HTTP: asked for, followed, fetched whole or in part, removed."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.pseudonyms.receipts import BrokenReceipt, verify_manifest
from gateway.services.build_extracts import run_extracts
from gateway.store.tables import audit_entry
from schemas import strict_json
from tests.http.issuer import ROLES
from tests.http.wire import Gateway
from tests.released import Shelf, quarter, well_covered
from tests.store.rows import rows

REQUEST = {"kind": "policy", "from": "2022-01", "to": "2022-06", "format": "csv", "purpose": "policy"}
OF_INSURER = {**REQUEST, "kind": "insurer", "purpose": "art3"}
ABSENT = "01a1ffd3-9d73-8040-9e4b-349e59c79749"


def post(gateway: Gateway, body: Any = REQUEST, query: str = "", **sent: Any) -> TestResponse:
    return gateway.send("POST", f"/v1/extracts{query}", body, **{"role": "policy_maker", **sent})


def get(gateway: Gateway, path: str, **sent: Any) -> TestResponse:
    return gateway.send("GET", path, **{"role": "policy_maker", **sent})


def build(gateway: Gateway) -> None:
    while run_extracts(gateway.context, timedelta(seconds=30)):
        pass


def made(gateway: Gateway, body: Any = REQUEST, **sent: Any) -> dict[str, Any]:
    """The manifest of an extract that is done, of one release."""
    Shelf(gateway.context.store).put(quarter(), well_covered(quarter()))
    location = post(gateway, body, **sent).headers["Content-Location"]
    build(gateway)
    manifest: dict[str, Any] = get(gateway, location, **sent).get_json()
    return manifest


def test_extract_is_asked_for_followed_and_fetched(gateway: Gateway) -> None:
    Shelf(gateway.context.store).put(quarter(), well_covered(quarter()))

    asked = post(gateway)
    location = asked.headers["Content-Location"]
    waiting = get(gateway, location)
    build(gateway)
    done = get(gateway, location)

    assert (asked.status_code, waiting.status_code, done.status_code) == (202, 202, 200)
    assert asked.get_json() == waiting.get_json()
    assert (asked.get_json()["status"], asked.get_json()["request"]) == ("queued", REQUEST)
    assert (waiting.headers["X-Progress"], waiting.headers["Retry-After"]) == ("0%", "2")
    manifest = done.get_json()
    assert manifest["request"] == REQUEST
    assert manifest["requires_access_token"] is True
    for one in manifest["output"]:
        file = get(gateway, one["url"])
        assert (file.status_code, len(file.data)) == (200, one["bytes"])
        assert hashlib.sha256(file.data).hexdigest() == one["sha256"]
        assert file.mimetype == one["type"]
    assert [one["rows"] for one in manifest["output"]] == [6, 0, 0, 0, 0]
    assert manifest["disclosure_report"] in [one["url"] for one in manifest["output"]]
    assert get(gateway, f"{location}/files/manifest.json").data == done.data


def test_manifest_is_signed_with_the_key_of_receipts(light_gateway: Gateway) -> None:
    manifest = made(light_gateway)
    jwks = light_gateway.send("GET", "/.well-known/jwks.json").get_json()
    signature = manifest.pop("signature")

    assert verify_manifest(signature, strict_json.canonical(manifest), jwks) == jwks["keys"][0]["kid"]
    for wrong in (signature[:-4] + "AAAA", signature.replace("..", "."), "", "a..b", signature.partition(".")[0]):
        with pytest.raises(BrokenReceipt):
            verify_manifest(wrong, strict_json.canonical(manifest), jwks)
    with pytest.raises(BrokenReceipt):
        verify_manifest(signature, strict_json.canonical({**manifest, "status": "x"}), jwks)


def test_file_bears_its_tag_and_checksums(light_gateway: Gateway) -> None:
    one = made(light_gateway)["output"][0]

    answer = get(light_gateway, one["url"])

    digest = base64.b64encode(bytes.fromhex(one["sha256"])).decode()
    assert answer.headers["ETag"] == f'"{one["sha256"]}"'
    assert answer.headers["Digest"] == f"sha-256={digest}"
    assert answer.headers["Content-Digest"] == answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Disposition"] == "attachment; filename=extract.csv"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-10", -10, None)]
)
def test_part_of_a_file_is_given(light_gateway: Gateway, asked: str, first: int, last: int | None) -> None:
    url = made(light_gateway)["output"][0]["url"]
    whole = get(light_gateway, url)

    part = get(light_gateway, url, headers={"Range": asked})

    assert part.status_code == 206
    assert part.data == whole.data[first:last]
    assert part.headers["Content-Range"].endswith(f"/{len(whole.data)}")
    assert part.headers["ETag"] == whole.headers["ETag"]
    assert part.headers["Digest"] == whole.headers["Digest"]
    assert "Content-Digest" not in part.headers


def test_broken_download_is_resumed(light_gateway: Gateway) -> None:
    url = made(light_gateway)["output"][0]["url"]
    whole = get(light_gateway, url)

    rest = get(light_gateway, url, headers={"Range": "bytes=50-", "If-Range": whole.headers["ETag"]})
    changed = get(light_gateway, url, headers={"Range": "bytes=50-", "If-Range": '"another"'})

    assert (rest.status_code, whole.data[:50] + rest.data) == (206, whole.data)
    assert (changed.status_code, changed.data) == (200, whole.data)


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=999999-9999999"])
def test_range_beyond_the_end_is_416_and_tells_the_length(light_gateway: Gateway, asked: str) -> None:
    one = made(light_gateway)["output"][0]

    answer = get(light_gateway, one["url"], headers={"Range": asked})

    assert (answer.status_code, answer.get_json()["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{one['bytes']}"


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=1-2"])
def test_range_that_is_not_served_gives_the_whole_file(light_gateway: Gateway, asked: str) -> None:
    one = made(light_gateway)["output"][0]

    answer = get(light_gateway, one["url"], headers={"Range": asked})

    assert (answer.status_code, len(answer.data)) == (200, one["bytes"])


def test_file_that_the_client_has_is_not_sent_again(light_gateway: Gateway) -> None:
    one = made(light_gateway)["output"][0]

    same = get(light_gateway, one["url"], headers={"If-None-Match": f'"{one["sha256"]}"'})
    other = get(light_gateway, one["url"], headers={"If-None-Match": '"other"'})

    assert (same.status_code, same.data) == (304, b"")
    assert other.status_code == 200


def test_file_is_not_sent_when_it_is_not_the_one_meant(light_gateway: Gateway) -> None:
    one = made(light_gateway)["output"][0]

    other = get(light_gateway, one["url"], headers={"If-Match": '"other"'})
    same = get(light_gateway, one["url"], headers={"If-Match": f'"{one["sha256"]}"'})

    assert (other.status_code, other.get_json()["code"], same.status_code) == (412, "precondition-failed", 200)


def test_head_of_a_file_tells_its_length(light_gateway: Gateway) -> None:
    one = made(light_gateway)["output"][0]

    answer = light_gateway.send("HEAD", one["url"], role="policy_maker")

    assert (answer.status_code, answer.headers["Content-Length"], answer.data) == (200, str(one["bytes"]), b"")


def test_file_that_is_gone_from_the_folder_is_not_found(light_gateway: Gateway) -> None:
    one = made(light_gateway)["output"][0]
    (light_gateway.context.extracts_dir / one["url"].split("/")[3] / "extract.csv").unlink()

    assert get(light_gateway, one["url"]).status_code == 404


def test_deleted_extract_is_gone(gateway: Gateway) -> None:
    manifest = made(gateway)
    location = f"/v1/extracts/{manifest['id']}"

    trial = gateway.send("DELETE", f"{location}?validate_only=true", role="policy_maker")
    still = get(gateway, location)
    deleted = gateway.send("DELETE", location, role="policy_maker")
    again = gateway.send("DELETE", location, role="policy_maker")

    assert (trial.status_code, trial.get_json()["validated"], still.status_code) == (200, True, 200)
    assert (deleted.status_code, deleted.data, again.status_code) == (204, b"", 404)
    for path in (location, manifest["output"][0]["url"]):
        assert get(gateway, path).status_code == 404


def test_cancelled_extract_is_never_made(gateway: Gateway) -> None:
    location = post(gateway).headers["Content-Location"]

    deleted = gateway.send("DELETE", location, role="policy_maker")
    build(gateway)

    assert (deleted.status_code, get(gateway, location).status_code) == (204, 404)
    assert not gateway.context.extracts_dir.exists()


def test_extract_that_failed_says_so(light_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    location = post(light_gateway).headers["Content-Location"]
    monkeypatch.setattr("gateway.services.build_extracts.MOST_ATTEMPTS", 0)

    build(light_gateway)

    answer = get(light_gateway, location)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "failed")


def test_same_key_gives_the_first_answer_again(gateway: Gateway) -> None:
    first, again = (post(gateway, key="k") for _ in range(2))
    other = post(gateway, {**REQUEST, "format": "xlsx"}, key="k")

    assert again.get_json() == first.get_json()
    assert again.headers["Content-Location"] == first.headers["Content-Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency-key-reused")
    assert gateway.counts()["extract"] == 1


def test_validation_stores_nothing(light_gateway: Gateway) -> None:
    before = light_gateway.counts()["extract"]

    answer = post(light_gateway, query="?validate_only=true", key=None)

    assert (answer.status_code, answer.get_json()["validated"]) == (200, True)
    assert "id" not in answer.get_json()
    assert light_gateway.counts()["extract"] == before


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"kind": "coordinator"}, "#/kind", "unknown-value"),
        ({"format": "pdf"}, "#/format", "unknown-value"),
        ({"purpose": "curiosity"}, "#/purpose", "unknown-value"),
        ({"purpose": "art3"}, "#/purpose", "unknown-value"),
        ({"kind": "insurer"}, "#/purpose", "unknown-value"),
        ({"from": "2022"}, "#/from", "invalid-month"),
        ({"to": "2022-13"}, "#/to", "invalid-month"),
        ({"to": "2021-12"}, "#/to", "ends-before-it-begins"),
        ({"since": "the last one"}, "#/since", "invalid-id"),
        ({"person": "me"}, "#/person", "unknown-member"),
        ({"from": None}, "#/from", "null-not-allowed"),
    ],
)
def test_ill_formed_request_is_refused(
    shared_gateway: Gateway, changes: dict[str, Any], pointer: str, code: str
) -> None:
    answer = post(shared_gateway, {**REQUEST, **changes})

    assert answer.status_code == 400
    assert [(one["pointer"], one["code"]) for one in answer.get_json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize(
    ("role", "body", "status", "code"),
    [
        (None, b"{", 401, "no-token"),
        ("auditor", b"{", 400, "malformed-json"),
        ("auditor", {}, 400, "invalid-request"),
        ("auditor", {**REQUEST, "since": ABSENT}, 403, "role-not-allowed"),
        ("insurer", {**REQUEST, "since": ABSENT}, 403, "role-not-allowed"),
        ("policy_maker", {**OF_INSURER, "since": ABSENT}, 403, "role-not-allowed"),
        ("policy_maker", {**REQUEST, "since": ABSENT}, 404, "not-found"),
        ("insurer", {**OF_INSURER, "since": ABSENT}, 404, "not-found"),
    ],
)
def test_first_failure_answers(shared_gateway: Gateway, role: str | None, body: Any, status: int, code: str) -> None:
    answer = shared_gateway.send("POST", "/v1/extracts", body, role=role)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.text


def test_increment_of_what_is_not_done_is_refused(gateway: Gateway) -> None:
    waiting = post(gateway).get_json()["id"]

    answer = post(gateway, {**REQUEST, "since": waiting})

    assert (answer.status_code, answer.get_json()["code"]) == (409, "extract-not-done")


def test_increment_names_what_it_goes_on_from(gateway: Gateway) -> None:
    first = made(gateway)["id"]

    location = post(gateway, {**REQUEST, "since": first}).headers["Content-Location"]
    build(gateway)

    manifest = get(gateway, location).get_json()
    assert (manifest["request"]["since"], manifest["output"][0]["rows"], manifest["replaces"]) == (first, 0, [])


@pytest.mark.parametrize("role", ROLES)
def test_two_roles_have_extracts(light_gateway: Gateway, role: str) -> None:
    answer = post(light_gateway, OF_INSURER if role == "insurer" else REQUEST, role=role)

    assert answer.status_code == (202 if role in ("insurer", "policy_maker") else 403)


def test_foreign_extract_is_not_found(light_gateway: Gateway) -> None:
    manifest = made(light_gateway, OF_INSURER, role="insurer")
    location = f"/v1/extracts/{manifest['id']}"

    for path in (location, manifest["output"][0]["url"], f"{location}/files/manifest.json"):
        asked: list[dict[str, Any]] = [{"role": "insurer", "insurer": "200"}, {"role": "policy_maker"}]
        asked += [{"role": "insurer", "sub": "a-colleague"}]
        answers = [light_gateway.send("GET", path, **one) for one in asked]
        assert {(one.status_code, one.get_json()["code"]) for one in answers} == {(404, "not-found")}
        assert light_gateway.send("GET", path).status_code == 401
        assert light_gateway.send("GET", path, role="coordinator").status_code == 403


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fregister.sqlite3", "register.sqlite3", "extract.xlsx", ".", "%00", "manifest.json%2F"]
)
def test_file_that_is_not_of_the_extract_is_not_found(light_gateway: Gateway, name: str) -> None:
    manifest = made(light_gateway)

    answer = get(light_gateway, f"/v1/extracts/{manifest['id']}/files/{name}")

    assert answer.status_code == 404


def test_every_download_is_audited(light_gateway: Gateway) -> None:
    manifest = made(light_gateway)
    get(light_gateway, manifest["output"][0]["url"])

    entries = rows(light_gateway.database_url, audit_entry, "at", "id")

    told = [(one["verb"], one["outcome"], str(one["object"])) for one in entries if "extract" in one["verb"]]
    assert told == [(verb, "done", manifest["id"]) for verb in ("register_extract", "get_extract", "get_extract_file")]


def test_whatever_is_asked_for_is_json_that_a_stranger_can_read(light_gateway: Gateway) -> None:
    manifest = made(light_gateway)

    for name in ("data_dictionary.json", "disclosure_report.json", "manifest.json"):
        assert json.loads(get(light_gateway, f"/v1/extracts/{manifest['id']}/files/{name}").data)
