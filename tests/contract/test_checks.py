"""Check digits against an oracle of their own, and free text against identities."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import checks

SETTLED_YEARS = st.integers(30, 99)  # the year of birth can be of the last century alone
ODD_FORMS = [
    "",
    "8507300332",
    "850730033280",
    "85.07.30-033.28",
    "85 07 30 033 28",
    " 85073003328 ",
    "85073003328\n",
    "85073003328\x00",
    "85073003328\xa0",
    "850730\u200b03328",
    "\u202e82330037058",
    "８５０７３００３３２８",
    "٨٥٠٧٣٠٠٣٣٢٨",
    "𝟖𝟓𝟎𝟕𝟑𝟎𝟎𝟑𝟑𝟐𝟖",
    "²²²²²²²²²²²",
    "+8507300332",
    "850_7300332",
    "0x850730033",
    "85133003370",
    "00000000000",
    "00000000097",
    "9" * 100_000,
]


def changed(number: str, place: int, step: int) -> str:
    return number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]


def right_ssin(number: str) -> bool:
    """The rule as published: two check digits modulo 97, a 2 in front of who was born from 2000 on."""
    nine, check, month = int(number[:9]), int(number[9:]), int(number[2:4])
    twentieth, later = check == 97 - nine % 97, check == 97 - (2_000_000_000 + nine) % 97 and int(number[:2]) <= 21
    return (twentieth or later) and any(first <= month <= first + 12 for first in (0, 20, 40)) and nine > 0


@pytest.mark.parametrize("text", ["85073003328", "85473003317", "98472899765", "01490700185"])
def test_national_and_bis_numbers_are_ssins(text: str) -> None:
    assert checks.is_ssin(text)


@pytest.mark.parametrize("text", ODD_FORMS, ids=range(len(ODD_FORMS)))
def test_another_form_of_an_ssin_is_none(text: str) -> None:
    assert not checks.is_ssin(text)


@given(SETTLED_YEARS, st.integers(1, 12), st.integers(1, 28), st.integers(1, 997), st.sampled_from([0, 20, 40]))
def test_a_number_made_by_the_rule_is_an_ssin(year: int, month: int, day: int, counter: int, bis: int) -> None:
    nine = f"{year:02}{month + bis:02}{day:02}{counter:03}"

    number = f"{nine}{97 - int(nine) % 97:02}"

    assert checks.is_ssin(number)


@given(
    SETTLED_YEARS,
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(1, 997),
    st.integers(0, 10),
    st.integers(1, 9),
)
def test_an_ssin_with_one_digit_changed_is_refused(
    year: int, month: int, day: int, counter: int, place: int, step: int
) -> None:
    nine = f"{year:02}{month:02}{day:02}{counter:03}"
    number = changed(f"{nine}{97 - int(nine) % 97:02}", place, step)
    # A first digit of 0 to 2 would make another century of it, whose numbers have another rule.
    assume(int(number[:2]) >= 30)

    assert not right_ssin(number)
    assert not checks.is_ssin(number)


@given(st.integers(0, 10**11 - 1).map("{:011}".format))
def test_any_eleven_digits_are_judged_as_the_rule_says(number: str) -> None:
    assume(not 22 <= int(number[:2]) <= 29)

    assert checks.is_ssin(number) == right_ssin(number)


@pytest.mark.parametrize("modulus", [97, 89])
@given(st.integers(0, 999_999), st.integers(0, 7), st.integers(1, 9), st.integers(0, 999))
def test_a_nihii_with_one_digit_changed_is_refused(
    modulus: int, body: int, place: int, step: int, qualification: int
) -> None:
    other = 89 if modulus == 97 else 97
    number = f"{body:06}{modulus - body % modulus:02}"
    wrong = changed(number, place, step)
    # The two moduli are both in use: a change may, rarely, make a right number of the other one.
    assume(int(wrong[6:]) != other - int(wrong[:6]) % other)

    assert checks.is_nihii(number)
    assert checks.is_nihii(f"{number}{qualification:03}")
    assert checks.provider_of(f"{number}{qualification:03}") == number
    assert not checks.is_nihii(wrong)
    assert not checks.is_nihii(f"{wrong}{qualification:03}")


@pytest.mark.parametrize(
    "text", ["", "1234562", "123456250", "12345625\n", "１２３４５６２５", "12345625 001", "1-23456-25"]
)
def test_another_form_of_a_nihii_is_none(text: str) -> None:
    assert not checks.is_nihii(text)


@given(st.integers(1, 19_999_999), st.integers(0, 9), st.integers(1, 9))
def test_an_enterprise_number_with_one_digit_changed_is_refused(body: int, place: int, step: int) -> None:
    number = f"{body:08}{97 - body % 97:02}"

    assert checks.is_cbe(number)
    assert not checks.is_cbe(changed(number, place, step))


@pytest.mark.parametrize(
    "text", ["", "403019261", "BE0403019261", "0403.019.261", "0403019261\n", "０４０３０１９２６１"]
)
def test_another_form_of_an_enterprise_number_is_none(text: str) -> None:
    assert not checks.is_cbe(text)


@pytest.mark.parametrize(
    "text",
    [
        "85073003328",
        "x85073003328y",
        "85.07.30-033.28",
        "85 07 30 033 28",
        "85-07-30-033-28",
        "85/07/30 033/28",
        "850730-033 28",
        "85.07.30 – 033.28",
        "1 85073003328",
        "85\u202f07\u202f30\u202f033\u202f28",
        "８５０７３００３３２８",
        "８５．０７．３０－０３３．２８",
        "٨٥٠٧٣٠٠٣٣٢٨",
        "850730\u200b03328",
        "850730\u00ad03328",
        "85473003317",
        "é 12.85.07.30-033.28",
    ],
)
def test_an_ssin_in_a_text_is_seen(text: str) -> None:
    assert checks.holds_ssin(text)
    assert checks.holds_ssin(f"Dossier {text} (copie)")


@pytest.mark.parametrize(
    "text",
    ["", "Démo Nord 2022", "85073003329", "185073003328", "850730033281", "12345625001", "0475 12 34 56", "794010"],
)
def test_a_text_without_an_ssin_holds_none(text: str) -> None:
    assert not checks.holds_ssin(text)


@pytest.mark.parametrize("text", ["é", "= 1+1", "'; DROP TABLE outbox;--", "👩‍⚕️", "ﬁ K", "ıİ", "{{7*7}}", "עברית"])
def test_what_people_write_is_plain_text(text: str) -> None:
    assert checks.is_plain_text(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " \t\u3000", "a\nb", "a\r", "a\x00", "a\x7f", "a\x85b", "a\u2028b", "a\u2029b", "\x1b[2J\x1b]0;x\x07"),
        *("a\u202eb", "a\u202ab", "a\u2066b", "a\u2069b", "\ud83d", "a\udc00", "\u200d" * 500),
    ],
)
def test_what_cannot_be_stored_or_shown_is_not_plain_text(text: str) -> None:
    assert not checks.is_plain_text(text)
