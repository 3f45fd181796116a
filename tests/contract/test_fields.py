"""Every field against hostile values: the one form passes, each other one gets its code."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError
from marshmallow.fields import Field

from schemas.aggregate import Dimensions, Providers
from schemas.catalogue import ByYear
from schemas.fields import (
    Amount,
    Block,
    Cbe,
    Choice,
    CodedText,
    Cursor,
    Day,
    Flag,
    Identifier,
    Instant,
    JsonObject,
    Limit,
    ListOf,
    Month,
    Nihii,
    Nis,
    Parameter,
    ProjectId,
    Pseudocode,
    Quarter,
    Ssin,
    StrictSchema,
    Text,
    WholeNumber,
    Year,
    pointers,
)

ID = "0190b7a4-6f2e-7c31-9d55-1f0c5a3e7b42"

STRINGS: list[Field[Any]] = [
    *(Ssin(), Nihii(), Cbe(), Pseudocode(), Nis(), ProjectId(), Day(), Month(), Quarter(), Year(), Instant(), Amount()),
    *(Identifier(), Text(20), Choice(["a"]), Limit(), Cursor(), Parameter()),
]
NOT_STRINGS = [0, 1, 1.5, True, [], ["85073003328"], {}, {"value": "85073003328"}]

TAKEN: list[tuple[Field[Any], Any, Any]] = [
    (Ssin(), "85073003328", "85073003328"),
    (Nihii(), "12345625", "12345625"),
    (Nihii(), "12345676999", "12345676999"),
    (Cbe(), "0403019261", "0403019261"),
    (Pseudocode(), "000000", "000000"),
    (Nis(), "25112", "25112"),
    (ProjectId(), "a-1", "a-1"),
    (Day(), "2024-02-29", date(2024, 2, 29)),
    (Day(), "1900-01-01", date(1900, 1, 1)),
    (Day(), "2199-12-31", date(2199, 12, 31)),
    (Month(), "2022-12", "2022-12"),
    (Quarter(), "2022-Q4", "2022-Q4"),
    (Year(), "2022", "2022"),
    (Instant(), "2022-01-15T09:30:00+01:00", datetime(2022, 1, 15, 8, 30, tzinfo=UTC)),
    (Instant(), "2022-01-31T23:00:00Z", datetime(2022, 1, 31, 23, tzinfo=UTC)),
    (Instant(), "2022-01-31T23:59:59.5-14:00", datetime(2022, 2, 1, 13, 59, 59, 500_000, tzinfo=UTC)),
    (Instant(), "2022-01-31T23:59:59.123456Z", datetime(2022, 1, 31, 23, 59, 59, 123_456, tzinfo=UTC)),
    (Flag(), True, True),
    (Flag(), False, False),
    (WholeNumber(1, 3), 3, 3),
    (WholeNumber(0), 2**63 - 1, 2**63 - 1),
    (Text(5), "  é'<b> ", "é'<b>"),
    (Text(5), "aaaaa", "aaaaa"),
    (Choice(["a", "b"]), "b", "b"),
    (Amount(), "0.00", "0.00"),
    (Amount(), "208333.00", "208333.00"),
    (Identifier(), ID, UUID(ID)),
    (Identifier(), ID.upper(), UUID(ID)),
    (Limit(), "1", 1),
    (Limit(), "1000", 1000),
    (Cursor(), "MDE5-_.=", "MDE5-_.="),
    (Parameter(), "pseudocode,month", "pseudocode,month"),
    (JsonObject(), {"a": [None]}, {"a": [None]}),
    (Dimensions(), {"month": "2022-02"}, {"month": "2022-02"}),
    (Providers(), 6, 6),
    (Providers(), "6-10", "6-10"),
    (ListOf(Flag(), maximum=2), [True, True], [True, True]),
    (ListOf(Flag()), [], []),
    (ByYear(), {}, {}),
]

REFUSED: list[tuple[Field[Any], str, list[Any]]] = [
    (
        Ssin(),
        "invalid-ssin",
        ["", "85073003329", "85.07.30-033.28", "85073003328\n", "８５０７３００３３２８", "9" * 100_000],
    ),
    (Nihii(), "invalid-nihii", ["", "12345626", "1234562500", "123456250010", "12345625\n", "１２３４５６２５"]),
    (Nihii(lengths=(11,)), "invalid-nihii", ["12345625", "12345626001"]),
    (Cbe(), "invalid-cbe", ["", "0403019262", "403019261", "BE0403019261", "0403.019.261"]),
    (
        Pseudocode(),
        "malformed-pseudocode",
        ["", "12345", "1234567", "１２３４５６", "১২৩৪৫৬", "l2345O", "79401\n", "794010\n"],
    ),
    (Nis(), "invalid-nis", ["", "2511", "251120", "2511a", "２５１１２"]),
    (ProjectId(), "invalid-project-id", ["", "Demo", "a b", "a" * 41, "é", "../x", "demo\n", "nord_1"]),
    (
        Day(),
        "invalid-day",
        [
            *("", "2023-02-29", "1900-02-29", "2024-00-10", "2024-13-01", "2024-01-32", "0000-01-01", "10000-01-01"),
            *(
                "-0001-01-01",
                "24-01-01",
                "2024-1-1",
                "01/02/2024",
                "20260102",
                "2026-002",
                "2024-W01-1",
                "today",
                "now()",
            ),
            *("2024-01-01T00:00:00", "2024‑01‑01", "２０２４-01-01", "2024-01-01\n", " 2024-01-01", "0001-01-01"),
            *("1899-12-31", "2200-01-01", "9999-12-31"),
        ],
    ),
    (
        Month(),
        "invalid-month",
        ["", "2022-00", "2022-13", "2022-1", "202202", "2022-02-01", "1899-12", "2200-01", "2022-02\n"],
    ),
    (Quarter(), "invalid-quarter", ["", "2022-Q0", "2022-Q5", "2022-q1", "2022Q1", "2200-Q1"]),
    (Year(), "invalid-year", ["", "22", "1899", "2200", "２０２２", "2022 "]),
    (
        Instant(),
        "invalid-instant",
        [
            *("", "2026-03-29T02:30:00", "2026-01-01 00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T25:00:00Z"),
            *("2026-01-01T10:60:00Z", "2016-12-31T23:59:60Z", "2026-01-01T00:00:00+01", "2026-01-01T00:00:00+0100"),
            *("2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.12345678901234567890Z", "2026-01-01T00:00:00.Z"),
            *("2026-01-01T00:00:00[Europe/Brussels]", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
            *("2026-02-30T00:00:00Z", "2026-01-01T00:00Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00+24:00"),
            *("2026-01-01T00:00:00+01:60", "2026-01-01", "2026-01-01T00:00:00Z\n", "1640995200"),
        ],
    ),
    (Flag(), "wrong-type", ["yes", "on", "t", "true", "false", 0, 1, 1.0, [], {}]),
    (WholeNumber(1, 3), "wrong-type", [1.0, 1.9, 100.0, True, False, "1", " 1 ", "1_0", [1], {}]),
    (WholeNumber(1, 3), "out-of-range", [-1, 0, 4, 2**63, 2**64, 2**70]),
    (Text(20), "required", ["", " ", " \t\u3000", "\n"]),
    (
        Text(20),
        "invalid-characters",
        ["a\x85b", "a\u2028b", "\x1b[2J", "a\x00", "\ud800", "\u202eabc", "\u200d" * 500, "\ra"],
    ),
    (Text(20), "too-long", ["a" * 21, "a" + "\u0301" * 1000, "a" * 1_000_000]),
    (
        Text(40),
        "identity-in-text",
        ["85073003328", "M. X (85.07.30-033.28)", "85 07 30 033 28", "８５０７３００３３２８"],
    ),
    (Choice(["open"]), "unknown-value", ["", "Open", "open ", "open\n", "ορen", "85073003328"]),
    (
        Amount(),
        "invalid-amount",
        [
            "",
            "25",
            "25.0",
            "25.000",
            "-1.00",
            "+1.00",
            "1,00",
            ".50",
            "025.00",
            "1e2.00",
            "NaN",
            "９.00",
            "9" * 10 + ".00",
        ],
    ),
    (
        Identifier(),
        "invalid-id",
        ["", ID[:-1], ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f"{ID}\n", "g" + ID[1:]],
    ),
    (Limit(), "invalid-parameter", ["", "0", "1001", "-1", "01", "1.0", "１", " 1", "1\n", "9" * 5000]),
    (Cursor(), "invalid-parameter", ["", "a b", "é", "a\n", "a" * 513]),
    (Parameter(), "invalid-parameter", ["", " ", "a\x00", "\ud800", "a" * 201]),
    (JsonObject(), "wrong-type", [[], "", 1, True]),
    (Dimensions(), "wrong-type", [[], "", {"month": 1}, {"month": None}]),
    (Providers(), "wrong-type", [True, 1.5, [], {}]),
    (Providers(), "unknown-value", ["1-3", "6", "", -1]),
    (ByYear(), "wrong-type", [[], "2022", 1]),
    (ListOf(Flag()), "wrong-type", ["", {}, True, (True,)]),
    (ListOf(Flag(), minimum=1), "required", [[]]),
    (ListOf(Flag(), maximum=1), "too-long", [[True, True]]),
    (ListOf(WholeNumber(1), unique=lambda each: each), "not-unique", [[1, 2, 1]]),
]


@pytest.mark.parametrize(
    ("field", "sent", "loaded"),
    TAKEN,
    ids=lambda value: str(value)[:30] if not isinstance(value, Field) else type(value).__name__,
)
def test_the_one_form_is_taken(field: Field[Any], sent: Any, loaded: Any) -> None:
    assert field.deserialize(sent) == loaded
    assert type(field.deserialize(sent)) is type(loaded)


@pytest.mark.parametrize(
    ("field", "code", "values"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_any_other_form_gets_its_code(field: Field[Any], code: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValidationError) as refused:
            field.deserialize(value)
        assert refused.value.messages == [code], repr(value)[:60]


@pytest.mark.parametrize("field", STRINGS, ids=lambda field: type(field).__name__)
def test_a_string_is_nothing_but_a_string(field: Field[Any]) -> None:
    for value in NOT_STRINGS:
        with pytest.raises(ValidationError, match="wrong-type"):
            field.deserialize(value)
    with pytest.raises(ValidationError, match="null-not-allowed"):
        field.deserialize(None)


@given(st.datetimes(datetime(1901, 1, 1), datetime(2198, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - bounds are naive
def test_an_instant_is_dumped_in_utc_and_reads_back(instant: datetime) -> None:
    field = Instant()

    dumped = field.serialize("at", {"at": instant})

    assert dumped.endswith("Z")
    assert field.deserialize(dumped) == instant.astimezone(UTC)


def test_an_instant_without_fraction_is_dumped_without() -> None:
    assert Instant().serialize("at", {"at": datetime(2022, 1, 1, tzinfo=UTC)}) == "2022-01-01T00:00:00Z"


def test_an_instant_without_zone_is_not_dumped() -> None:
    with pytest.raises(ValueError, match="zone"):
        Instant().serialize("at", {"at": datetime(2022, 1, 1)})  # noqa: DTZ001 - it is the mistake


@pytest.mark.parametrize("field", [Day(), Instant(), Identifier(), Text(1)])
def test_nothing_is_dumped_as_null(field: Field[Any]) -> None:
    assert field.serialize("it", {"it": None}) is None


def test_a_coded_text_says_itself_what_fits() -> None:
    with pytest.raises(NotImplementedError):
        CodedText().deserialize("x")


class Inner(StrictSchema):
    day = Day(required=True)


class Outer(StrictSchema):
    items = ListOf(Block(Inner), required=True)
    one = Block(Inner)
    until = Day(allow_none=True)
    since = Day()


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ([], [("#", "not-an-object")]),
        ("x", [("#", "not-an-object")]),
        ({}, [("#/items", "required")]),
        ({"items": None}, [("#/items", "null-not-allowed")]),
        ({"items": {}}, [("#/items", "wrong-type")]),
        (
            {"items": [None, 1, {}]},
            [("#/items/0", "null-not-allowed"), ("#/items/1", "not-an-object"), ("#/items/2/day", "required")],
        ),
        ({"items": [], "one": []}, [("#/one", "not-an-object")]),
        ({"items": [], "one": {"day": "x", "b": 1}}, [("#/one/b", "unknown-member"), ("#/one/day", "invalid-day")]),
        (
            {"items": [], "": 1, "a/b": 1, "m~n": 1},
            [("#/", "unknown-member"), ("#/a~1b", "unknown-member"), ("#/m~0n", "unknown-member")],
        ),
        (
            {"items": [], "__proto__": {}, "Items": 1},
            [("#/Items", "unknown-member"), ("#/__proto__", "unknown-member")],
        ),
    ],
)
def test_every_error_is_named_with_its_place(sent: Any, found: list[tuple[str, str]]) -> None:
    with pytest.raises(ValidationError) as refused:
        Outer().load(sent)

    assert pointers(refused.value.messages) == found


@pytest.mark.parametrize(
    "member",
    [
        "85073003328",
        "x 85.07.30-033.28",
        "12345678901",
        "１２３４５６７８９０１",
        "a\nb",
        "\u202e",
        " ",
        "a" * 60 + "85073003328",
    ],
)
def test_a_pointer_repeats_no_identity_and_no_control_character(member: str) -> None:
    assert pointers({member: ["unknown-member"]}) == [("#/?", "unknown-member")]


def test_pointers_stay_short_and_few() -> None:
    assert pointers({"x" * 1_000_000: ["unknown-member"]}) == [("#/" + "x" * 64, "unknown-member")]
    assert len(pointers({f"m{number}": ["unknown-member"] for number in range(10_000)})) == 200


def test_a_none_is_left_out_unless_null_means_something() -> None:
    assert Outer().dump({"items": [], "one": None, "until": None, "since": None}) == {"items": [], "until": None}


def test_a_missing_member_is_not_a_method_of_dict() -> None:
    assert Outer().dump({}) == {}


def test_many_are_dumped_one_by_one() -> None:
    assert Inner().dump([{"day": date(2022, 2, 1)}, {}], many=True) == [{"day": "2022-02-01"}, {}]


def test_attributes_are_dumped_as_members_are() -> None:
    class Found:
        day = date(2022, 2, 1)

    assert Inner().dump(Found()) == {"day": "2022-02-01"}
