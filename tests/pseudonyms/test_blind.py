"""Pseudonyms that a service makes without seeing whose they are."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.errors import PseudonymiserUnavailable
from gateway.domain.identity import Ssin
from gateway.pseudonyms.blind import BlindPseudonymiser
from gateway.pseudonyms.curve import point_of
from gateway.pseudonyms.keyring import (
    Keyring,
    KeyringError,
    Purpose,
    change_keyring,
    new_keys,
    read_keyring,
    write_keyring,
)
from gateway.pseudonyms.local import LocalPseudonymiser
from gateway.pseudonyms.port import Unasked
from gateway.pseudonyms.rotation import announced, used
from gateway.pseudonyms.transit import read_owner_key
from gateway.pseudonyms.veil import veil_of
from tests.builders import PROJECT, an_ssin
from tests.http.issuer import an_ec_key, an_rsa_key
from tests.pseudonyms.services import DOMAIN, Played, a_service, pem
from tests.store.seeds import OTHER_PROJECT

SOMEBODY, OTHER = an_ssin(), an_ssin("85073003427")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with a_service(tmp_path_factory.mktemp("service")) as played:
        yield played


@pytest.fixture(autouse=True)
def sent_nothing_yet(service: Played) -> None:
    service.sent.clear()


def test_a_person_has_one_pseudonym_in_a_project_however_blinded(service: Played, keyring: Keyring) -> None:
    person = (SOMEBODY, PROJECT)

    pseudonyms = {
        veil_of(keyring, service.owner()).pseudonymiser.ahead([person]).pseudonymise(*person) for _ in range(2)
    }

    assert len(pseudonyms) == 1
    assert {len(pseudonym) for pseudonym in pseudonyms} == {32}


def test_a_pseudonym_differs_by_person_project_domain_and_key_ring(service: Played, keyring: Keyring) -> None:
    def of(number: Ssin = SOMEBODY, project: str = PROJECT, domain: str = DOMAIN, ring: Keyring = keyring) -> bytes:
        person = (number, project)
        return veil_of(ring, service.owner(domain)).pseudonymiser.ahead([person]).pseudonymise(*person)

    alone = veil_of(keyring).pseudonymiser.pseudonymise(SOMEBODY, PROJECT)
    pseudonyms = {of(), of(OTHER), of(project=OTHER_PROJECT), of(domain="another"), of(ring=new_keys()), alone}

    assert len(pseudonyms) == 6


def test_nobody_is_known_who_was_not_asked_for(service: Played, keyring: Keyring) -> None:
    pseudonymiser = veil_of(keyring, service.owner()).pseudonymiser
    service.sent.clear()

    with pytest.raises(Unasked) as raised:
        pseudonymiser.ahead([(OTHER, PROJECT)]).pseudonymise(SOMEBODY, PROJECT)

    assert list(raised.value.people) == [(SOMEBODY, PROJECT)]
    assert SOMEBODY.reveal() not in repr(raised.value.people)


def test_each_person_is_asked_for_once_and_the_domain_once_for_all(service: Played, keyring: Keyring) -> None:
    pseudonymiser = veil_of(keyring, service.owner()).pseudonymiser
    service.sent.clear()

    knowing = pseudonymiser.ahead([(SOMEBODY, PROJECT), (SOMEBODY, PROJECT), (OTHER, PROJECT)])
    knowing.ahead([(OTHER, PROJECT)])

    assert [path.rsplit("/", 1)[-1] for path, _ in service.sent] == [DOMAIN, "pseudonymize", "pseudonymize"]


def test_the_service_is_sent_another_point_each_time_and_never_the_persons(service: Played, keyring: Keyring) -> None:
    point = base64.b64encode(point_of(SOMEBODY.reveal().encode(), 8)).decode()

    for _ in range(3):
        veil_of(keyring, service.owner()).pseudonymiser.ahead([(SOMEBODY, PROJECT)])

    sent = [body["x"] for path, body in service.sent if path.endswith("/pseudonymize")]
    assert len({*sent, point}) == 4
    assert SOMEBODY.reveal() not in json.dumps(service.sent)


def test_the_bucket_is_that_of_the_key_ring(service: Played, keyring: Keyring) -> None:
    pseudonymiser = BlindPseudonymiser(service.owner(), LocalPseudonymiser(keyring))

    assert pseudonymiser.bucket(b"\x01" * 32) == LocalPseudonymiser(keyring).bucket(b"\x01" * 32)


def test_a_key_that_the_domain_got_since_is_asked_for(service: Played) -> None:
    owner = service.owner()
    before = owner.at_rest(b"1")
    service.owner()
    service.sent.clear()

    after = [owner.at_rest(b"1"), owner.at_rest(b"1")]

    assert after == [before, before]
    assert [path.rsplit("/", 1)[-1] for path, _ in service.sent] == ["pseudonymize", DOMAIN, "pseudonymize"]


def test_a_ring_keeps_its_domain_in_its_file_and_through_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keyring(new_keys(DOMAIN), path)

    change_keyring(path, lambda ring: used(announced(ring, Purpose.SEALING), Purpose.SEALING))

    assert read_keyring(path).domain == DOMAIN
    assert len(read_keyring(path).versions(Purpose.SEALING)) == 2


def test_whoever_does_not_own_the_domain_gets_nothing(service: Played) -> None:
    owner = service.owner()
    owner.owner_key = an_rsa_key(2048, 3)

    with pytest.raises(PseudonymiserUnavailable):
        owner.at_rest(b"1")


def test_an_owners_key_is_read_from_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "owner.pem"
    path.write_bytes(pem(an_rsa_key()))
    path.chmod(0o400)

    assert read_owner_key(path).private_numbers() == an_rsa_key().private_numbers()


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (None, 0o400, "cannot be read"),
        (b"no key", 0o400, "cannot be read"),
        (pem(an_ec_key()), 0o400, "is not an RSA key"),
        (pem(an_rsa_key()), 0o440, "others than the owner may read"),
    ],
    ids=["missing", "not a key", "another kind", "open to the group"],
)
def test_an_owners_key_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, mode: int, why: str) -> None:
    path = tmp_path / "owner.pem"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)

    with pytest.raises(KeyringError, match=why):
        read_owner_key(path)
