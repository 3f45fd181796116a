"""The dictionary beside an extract: every column with its type, unit, values and meaning, and what to know of them all.

Stage: anonymous.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gateway.domain.extract import KINDS
from gateway.domain.ladder import LADDER, VERSION, Recipient
from gateway.domain.lattice import AGE_GROUP, CODES, INSURER, SEX
from gateway.extracts.columns import columns_of
from gateway.extracts.texts import dictionary_texts

FILE = "data_dictionary.json"
VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "period_kind": tuple(kind.value for kind in KINDS),
        "rung": tuple(rung.name for rung in LADDER),
        INSURER: CODES[INSURER],
        AGE_GROUP: CODES[AGE_GROUP],
        SEX: CODES[SEX],
    }
)
"""The values that a column may have, where they can be listed."""


def dictionary_of(recipient: Recipient) -> dict[str, Any]:
    """The dictionary for a recipient. Shape: `unit` is null where there is none, `values` empty where not listed."""
    texts = dictionary_texts()
    return {
        "version": VERSION,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "unit": texts["columns"][column.name].get("unit"),
                "values": list(VALUES.get(column.name, ())),
                "meaning": texts["columns"][column.name]["meaning"],
            }
            for column in columns_of(recipient)
        ],
        "notes": [{"note": name, "text": text} for name, text in texts["notes"].items()],
    }
