"""The strict loader: one document, one reading."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import strict_json
from schemas.strict_json import DuplicateMember, NotJson, StrictJsonError, TooDeep

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(values)
def test_what_is_written_reads_back(value: object) -> None:
    assert strict_json.loads(strict_json.dumps(value)) == value
    assert strict_json.loads(strict_json.canonical(value)) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_read_for_good_or_refused_by_name(raw: bytes) -> None:
    with suppress(StrictJsonError):
        strict_json.dumps(strict_json.loads(raw))


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b" ",
            b"{}x",
            b'{"a":1,}',
            b"{'a':1}",
            b"{a:1}",
            b'{"a":"8507',
            b'"85\n"',
            b'"\\u12"',
            b'"\t"',
            b"[1] [2]",
        ),
        *(
            b"NaN",
            b"[Infinity]",
            b"[-Infinity]",
            b"1e400",
            b"-1e400",
            b"9" * 5000,
            b"9" * 1_000_000,
            b"0." + b"1" * 5000,
        ),
        *(b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"007", b"1_0", b"+1", b"0x10"),
        *(b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-16-le"), "{}".encode("utf-32"), b"\x00{}"),
        *(
            b'"\xc0\xaf"',
            b'"\xed\xa0\x80"',
            b'"\xff"',
            b'"\\ud800"',
            b'"\\uDE00\\ud83d"',
            b'{"\\udc00":1}',
            b'["a","\\uD83D"]',
        ),
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_not_strict_json_is_refused(raw: bytes) -> None:
    with pytest.raises(NotJson) as refused:
        strict_json.loads(raw)

    assert str(refused.value) == "malformed-json"
    assert refused.value.args == ()


@pytest.mark.parametrize("raw", [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'[{"b":{"c":1,"d":2,"c":3}}]'])
def test_a_member_named_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(DuplicateMember, match=r"^duplicate-member$"):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 17 + b"]" * 17,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"[[]," * 16 + b"[]" + b"]" * 16,
        b'["\\"",' * 17 + b"1" + b"]" * 17,
        b"[" * 1_000_000,
    ],
    ids=range(6),
)
def test_more_than_sixteen_levels_are_refused_at_once(raw: bytes) -> None:
    started = time.perf_counter()

    with pytest.raises(TooDeep, match=r"^too-deep$"):
        strict_json.loads(raw)

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[9223372036854775807,-9223372036854775808,-0,1.5,1e2]", [2**63 - 1, -(2**63), 0, 1.5, 100.0]),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'["' + b"[" * 40 + b'\\"{"]', ["[" * 40 + '"{']),
        (b"[" + b"[]," * 40 + b"1]", [*([[]] * 40), 1]),
        (b' {"a": null}\r\n', {"a": None}),
    ],
)
def test_what_is_strict_json_is_read(raw: bytes, value: object) -> None:
    assert strict_json.loads(raw) == value


def test_sixteen_levels_are_read() -> None:
    assert strict_json.loads(b"[" * 16 + b"]" * 16)


def test_many_quotes_cost_no_more_than_their_length() -> None:
    raw = b"[" * 16 + b'"[' + b'\\"' * 400_000
    started = time.perf_counter()

    with pytest.raises(NotJson):
        strict_json.loads(raw)

    assert time.perf_counter() - started < 5


def test_only_json_is_written() -> None:
    for value in (float("nan"), float("inf"), "\ud800"):
        with pytest.raises(ValueError):  # noqa: PT011 - two kinds of it
            strict_json.dumps(value)
    with pytest.raises(TypeError):
        strict_json.dumps(object())
