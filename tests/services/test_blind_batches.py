"""Batches whose people's pseudonyms another service makes: asked for a group at a time, outside its transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.batches import Mode
from gateway.pseudonyms.keyring import Keyring
from gateway.pseudonyms.veil import veil_of
from tests.pseudonyms.services import Played, a_service
from tests.services.batch_desk import Batches, an_action_line, an_inclusion_line, codes, outcomes
from tests.services.desk import Desk

LINES = [
    *(an_inclusion_line(number) for number in range(3)),
    an_action_line(0, performed_on="2022-03-01"),
    an_inclusion_line(1),
]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Played]:
    with a_service(tmp_path / "service") as played:
        yield played


@pytest.fixture
def blind(desk: Desk, service: Played, keyring: Keyring) -> Batches:
    """The desk on 1 April 2022, with pseudonyms of the service."""
    veil = veil_of(keyring, service.owner())
    return Batches(replace(desk, context=replace(desk.context, veil=veil)).at("2022-03-01T08:00+01:00"))


def test_every_line_is_done_and_each_person_is_asked_for_once(blind: Batches, service: Played) -> None:
    settled = blind.run(LINES)

    assert outcomes(settled) == ["accepted", "accepted", "accepted", "refused", "duplicate"]
    assert codes(settled)[3] == "outside-validity"
    assert sum(path.endswith("/pseudonymize") for path, _ in service.sent) == 3


def test_an_atomic_batch_is_done_as_one(blind: Batches, service: Played) -> None:
    settled = blind.run(LINES[:3], mode=Mode.ATOMIC)

    assert outcomes(settled) == ["accepted"] * 3
    assert blind.facts()[0] == 3


def test_a_batch_waits_while_the_service_is_away(blind: Batches, service: Played) -> None:
    service.play("outage")
    sent = blind.send(LINES[:3])

    settled = blind.round()

    assert settled == 0
    assert blind.look(sent)[0] in ("queued", "running")
    assert blind.facts() == (0, 0, 0)
