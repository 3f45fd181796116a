"""The exchange with MyCareNet that the README shows is the one that the mock has."""

from __future__ import annotations

import json
from pathlib import Path

from mock_mycarenet.app import create_app
from tests.documents.texts import blocks, read, section

ANYTHING = "…"


def test_the_message_of_the_readme_is_acknowledged_and_answered_as_it_says(tmp_path: Path) -> None:
    shown = [json.loads(one.text) for one in blocks(section(read("README.md"), "What is invented"))]
    message, acknowledgement, answer = shown
    client = create_app(tmp_path, "http://127.0.0.1:8081").test_client()

    acknowledged = client.post("/messages", json=message)
    waiting = client.get("/mailbox?limit=200")
    confirmed = client.post("/mailbox/confirmations", json={"answers": [answer["answer_id"]]})

    assert acknowledged.status_code == 202
    assert {**acknowledged.get_json(), "received_at": ANYTHING} == acknowledgement
    assert waiting.get_json() == {"items": [answer]}
    assert confirmed.status_code == 204
    assert client.get("/mailbox?limit=200").get_json() == {"items": []}
