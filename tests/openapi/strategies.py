"""How to make what no pattern can say: numbers with check digits, and days of the years that the contract takes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st

from schemas.fields import FIRST_YEAR, LAST_YEAR
from tests.sandboxes import synthetic_ssin

TEXT_TYPES = ("application/x-ndjson", "text/csv")
DAYS = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
FROM, TO = datetime(FIRST_YEAR, 1, 1), datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001 - hypothesis wants naive bounds
INSTANTS = st.datetimes(FROM, TO, timezones=st.just(UTC))


def nihii(number: int) -> str:
    return f"{number:06}{97 - number % 97:02}001"


def cbe(number: int) -> str:
    return f"{number:08}{97 - number % 97:02}"


def as_text(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return str(value).encode(errors="surrogatepass")


def register() -> None:
    """Tell schemathesis of the formats and types that are ours, or narrower than their names say."""
    schemathesis.serializer(*TEXT_TYPES)(as_text)
    schemathesis.openapi.format("ssin", st.integers(0, 200_000).map(synthetic_ssin))
    schemathesis.openapi.format("nihii", st.integers(100_000, 999_999).map(nihii))
    schemathesis.openapi.format("cbe", st.integers(4_000_000, 9_999_999).map(cbe))
    schemathesis.openapi.format("date", DAYS.map(date.isoformat))
    schemathesis.openapi.format("date-time", INSTANTS.map(lambda at: at.replace(tzinfo=None).isoformat() + "Z"))
