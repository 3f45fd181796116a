"""A forecast follows what was published, and promises nothing that it cannot know."""

from __future__ import annotations

import pytest

from gateway.domain.forecast import Outlook, outlook
from gateway.domain.lattice import PeriodKind

MONTH, QUARTER = PeriodKind.MONTH, PeriodKind.QUARTER
CODE, ALL = ("project", "pseudocode"), ("project",)


@pytest.mark.parametrize(
    ("kind", "dims", "history", "within", "expected"),
    [
        (MONTH, CODE, [19, 19, 19], "open", "likely"),  # 10 + 3 sigma, sigma 3
        (MONTH, CODE, [19, 19, 18], "open", "open"),
        (MONTH, CODE, [40, None, 40], "open", "open"),
        (MONTH, CODE, [None, None, None], "open", "unlikely"),
        (MONTH, CODE, [40], "open", "likely"),
        (MONTH, CODE, [], "open", "open"),
        (MONTH, ALL, [27, 28, 29], "open", "likely"),  # sigma 6
        (MONTH, ALL, [27, 27, 27], "open", "open"),
        (QUARTER, CODE, [], "likely", "likely"),
        (QUARTER, CODE, [], "unlikely", "open"),
        (QUARTER, CODE, [None], "likely", "unlikely"),
        (QUARTER, CODE, [21], "open", "open"),  # sigma 3.75
        (QUARTER, CODE, [22], "open", "likely"),
    ],
)
def test_outlook(
    kind: PeriodKind, dims: tuple[str, ...], history: list[int | None], within: str, expected: str
) -> None:
    assert outlook(kind, dims, history, Outlook(within)) == expected
