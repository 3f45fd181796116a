from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from flask.testing import FlaskClient

from mock_mycarenet.members import INSURERS, MUNICIPALITIES, member_of
from schemas.mycarenet import values
from schemas.mycarenet.answers import Member
from tests.mock.builders import SSIN, generated_ssins, with_check_digits


def test_a_member_is_a_fixed_function_of_the_number(client: FlaskClient) -> None:
    fixed = {"insurer": "100", "sex": "M", "birth_date": "1985-07-30", "municipality": "81001"}

    answers = [client.post("/members/find", json={"ssin": SSIN}).get_json() for _ in range(2)]

    assert answers == [fixed, fixed]
    Member().load(answers[0])


def test_insurers_sexes_and_municipalities_are_spread_unevenly_as_in_life() -> None:
    members = [member_of(ssin) for ssin in generated_ssins(2000)]

    insurers, towns = (Counter(member[name] for member in members) for name in ("insurer", "municipality"))
    sexes = Counter(member["sex"] for member in members)

    for insurer, percent in INSURERS.items():
        assert insurers[insurer] / 20 == pytest.approx(percent, abs=4)
    for municipality, weight in MUNICIPALITIES.items():
        assert towns[municipality] / 2000 == pytest.approx(weight / sum(MUNICIPALITIES.values()), abs=0.03)
    assert sexes["M"] + sexes["F"] == 2000
    assert min(sexes.values()) > 900
    assert tuple(INSURERS) == values.INSURERS
    assert len({code[:2] for code in MUNICIPALITIES}) >= 12


@pytest.mark.parametrize(
    ("nine", "sex", "first", "last"),
    [
        ("850730033", "M", "1985-07-30", "1985-07-30"),
        ("852730033", "X", "1985-07-30", "1985-07-30"),  # bis number, sex not known
        ("854730034", "F", "1985-07-30", "1985-07-30"),  # bis number, sex known
        ("850700033", "M", "1985-07-01", "1985-07-28"),  # day not known
        ("850000034", "F", "1985-01-01", "1985-12-31"),  # month not known
        ("000001005", "M", "1930-01-01", "1999-12-31"),  # nothing known
    ],
)
def test_what_the_number_tells_is_kept_and_the_rest_is_filled_in(nine: str, sex: str, first: str, last: str) -> None:
    member = member_of(with_check_digits(nine))

    assert member["sex"] == sex
    assert date.fromisoformat(first) <= date.fromisoformat(member["birth_date"]) <= date.fromisoformat(last)


def test_people_born_from_2000_have_their_own_century() -> None:
    assert member_of(with_check_digits("170730033", born_from_2000=True))["birth_date"] == "2017-07-30"


@pytest.mark.parametrize("body", [{}, {"ssin": "85073003329"}, {"ssin": 85073003328}, {"ssin": SSIN, SSIN: 1}, [SSIN]])
def test_what_is_no_ssin_is_400_and_not_repeated(client: FlaskClient, body: object) -> None:
    answer = client.post("/members/find", json=body)

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert SSIN not in answer.text
