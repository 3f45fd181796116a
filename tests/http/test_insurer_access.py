"""What an insurer may ask of figures, over HTTP."""

from __future__ import annotations

import pytest

from tests.http.wire import Gateway


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("by=month", 403, "foreign-project"),
        ("by=month&insurer=200", 403, "foreign-project"),
        ("by=month,insurer", 403, "foreign-project"),
        ("by=month,municipality&insurer=100", 422, "not-in-lattice"),
        ("month=2022-02&insurer=100", 404, "not-released"),
    ],
)
def test_insurer_sees_figures_of_the_own_members_alone(
    shared_gateway: Gateway, query: str, status: int, code: str
) -> None:
    answer = shared_gateway.send("GET", f"/v1/aggregates?{query}", role="insurer")

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
