"""What goes in and out as text instead of a JSON document, by verb: each media type with an example."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.extracts.formats import FORMATS
from gateway.http.openapi.examples import example_of
from schemas import batch, strict_json

_LINE = example_of(batch.ActionLine)
_RESULT = {"number": 1, "ref": "row-1", "outcome": "accepted", "id": "0190b7a4-6f2e-7c31-9d55-1f0c5a3e7b42"}

TEXT_BODIES: Mapping[str, Mapping[str, str]] = {
    "register_batch": {
        "application/x-ndjson": strict_json.dumps(_LINE).decode() + "\n",
        "text/csv": ",".join(_LINE) + "\r\n" + ",".join(map(str, _LINE.values())) + "\r\n",
    }
}
"""The bodies of routes that have a reader of their own."""

TEXT_ANSWERS: Mapping[str, Mapping[str, str]] = {
    "get_aggregates": {"text/csv": "month,status,beneficiaries,actions,providers\r\n2022-02,published,41,97,6\r\n"},
    "get_batch_results": {
        "application/x-ndjson": strict_json.dumps(_RESULT).decode() + "\n",
        "text/csv": ",".join(_RESULT) + "\r\n" + ",".join(map(str, _RESULT.values())) + "\r\n",
    },
    "get_extract_file": {form.media_type: "project,period_kind,period,pseudocode\r\n" for form in FORMATS.values()}
    | {"application/json": "{}", "text/x-python": "import pandas", "text/x-r": "library(arrow)"},
}

ONLY_TEXT = frozenset({"get_batch_results", "get_extract_file"})
"""The verbs that answer no JSON document."""
