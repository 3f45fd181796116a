"""The document and its page are served whole, from this host alone, and kept by their tag."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.app import ROUTES
from gateway.clock import real_now
from gateway.http.api.docs import FROM_PACKAGE, OURS, add_docs
from gateway.http.factory import create_flask
from gateway.http.metrics import Metrics
from gateway.http.openapi.document import document
from gateway.services.context import Context


@pytest.fixture
def client() -> FlaskClient:
    nothing = cast(Any, None)
    app: Flask = create_flask(Context(nothing, nothing, real_now), nothing, ROUTES, ["localhost"], Metrics())
    add_docs(app, ROUTES, is_sandbox=False)
    return app.test_client()


def test_the_document_is_served_and_kept_by_its_tag(client: FlaskClient) -> None:
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert first.get_json() == document(ROUTES, is_sandbox=False)
    assert (again.status_code, again.data) == (304, b"")


def test_outside_the_sandbox_its_doors_are_not_described(client: FlaskClient) -> None:
    assert [path for path in client.get("/openapi.json").get_json()["paths"] if "sandbox" in path] == []


@pytest.mark.parametrize("name", [*OURS, *FROM_PACKAGE])
def test_the_page_asks_for_files_that_are_there(client: FlaskClient, name: str) -> None:
    page = client.get("/docs").get_data(as_text=True)
    answer = client.get(f"/docs/{name}")

    assert f'"/docs/{name}"' in page
    assert (answer.status_code, answer.mimetype) == (200, {**FROM_PACKAGE, **{k: v[1] for k, v in OURS.items()}}[name])
    assert answer.data


def test_the_page_has_no_script_or_style_of_its_own_and_asks_no_other_host(client: FlaskClient) -> None:
    page = client.get("/docs").get_data(as_text=True)
    script = client.get("/docs/page.js").get_data(as_text=True)

    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page) == []
    assert "//" not in re.sub(r"<!doctype html>", "", page) + script
    assert "validatorUrl: null" in script
    assert 'name="viewport" content="width=device-width' in page


@pytest.mark.parametrize("path", ["/docs", "/docs/page.js", "/openapi.json"])
def test_the_policy_lets_nothing_in_but_this_host(client: FlaskClient, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert set(re.findall(r"[\w-]+:", policy)) == {"data:"}


def test_another_file_of_the_package_is_not_served(client: FlaskClient) -> None:
    assert client.get("/docs/oauth2-redirect.html").status_code == 404
    assert client.get("/docs/../flask_swagger_ui.py").status_code == 404
