"""Pseudonyms, buckets, seals and fingerprints: stable, apart from each other, and bound to their place."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from uuid import RFC_4122

import pytest

from gateway.domain.access import Role
from gateway.pseudonyms.keyring import Key, Keyring, KeyringError, Purpose, new_keys
from gateway.pseudonyms.local import BUCKETS
from gateway.pseudonyms.sealing import BrokenSeal, Sealer
from gateway.pseudonyms.veil import Veil, veil_of
from tests.builders import PROJECT, a_caller, an_ssin
from tests.store.seeds import OTHER_PROJECT

PSEUDONYM, OTHER_PSEUDONYM = b"\x01" * 32, b"\x02" * 32
SAMPLES = 2000


def with_another(keyring: Keyring, purpose: Purpose, version: int = 2) -> Keyring:
    """The ring with one more version of one purpose."""
    fresh = new_keys().newest(purpose)
    keys = [key for each in Purpose for key in keyring.versions(each)]
    return Keyring([*keys, Key(purpose, version, fresh.secret)])


def without(keyring: Keyring, purpose: Purpose, version: int) -> Keyring:
    """The ring without one version of one purpose."""
    keys = [key for each in Purpose for key in keyring.versions(each)]
    return Keyring(key for key in keys if (key.purpose, key.version) != (purpose, version))


def test_pseudonym_is_stable_and_32_bytes(veil: Veil, keyring: Keyring) -> None:
    first = veil.pseudonymiser.pseudonymise(an_ssin(), PROJECT)

    again = veil_of(keyring).pseudonymiser.pseudonymise(an_ssin(), PROJECT)

    assert first == again
    assert len(first) == 32


def test_pseudonym_differs_by_person_project_and_key(veil: Veil) -> None:
    pseudonyms = {
        veil.pseudonymiser.pseudonymise(an_ssin(), PROJECT),
        veil.pseudonymiser.pseudonymise(an_ssin(), OTHER_PROJECT),
        veil.pseudonymiser.pseudonymise(an_ssin("85073003427"), PROJECT),
        veil_of(new_keys()).pseudonymiser.pseudonymise(an_ssin(), PROJECT),
    }

    assert len(pseudonyms) == 4


def test_buckets_are_spread_evenly_over_all_4096(veil: Veil) -> None:
    pseudonyms = [veil.pseudonymiser.pseudonymise(an_ssin(f"{number:011d}"), PROJECT) for number in range(SAMPLES)]

    buckets = [veil.pseudonymiser.bucket(pseudonym) for pseudonym in pseudonyms]

    assert 0 <= min(buckets) <= max(buckets) < BUCKETS
    assert buckets == [veil.pseudonymiser.bucket(pseudonym) for pseudonym in pseudonyms]
    cells = Counter(bucket * 20 // BUCKETS for bucket in buckets)
    expected = SAMPLES / 20
    chi_square = sum((cells[cell] - expected) ** 2 / expected for cell in range(20))
    assert chi_square < 50  # 19 degrees of freedom: one in ten thousand lies above


def test_seal_opens_for_its_row_and_never_looks_the_same(veil: Veil) -> None:
    first = veil.sealer.seal(an_ssin(), PROJECT, PSEUDONYM)
    second = veil.sealer.seal(an_ssin(), PROJECT, PSEUDONYM)

    assert veil.sealer.unseal(first, PROJECT, PSEUDONYM) == veil.sealer.unseal(second, PROJECT, PSEUDONYM) == an_ssin()
    assert first != second
    assert an_ssin().reveal().encode() not in first


@pytest.mark.parametrize(
    ("project", "pseudonym"), [(OTHER_PROJECT, PSEUDONYM), (PROJECT, OTHER_PSEUDONYM)], ids=["project", "pseudonym"]
)
def test_seal_of_another_row_stays_closed(veil: Veil, project: str, pseudonym: bytes) -> None:
    sealed = veil.sealer.seal(an_ssin(), PROJECT, PSEUDONYM)

    with pytest.raises(BrokenSeal):
        veil.sealer.unseal(sealed, project, pseudonym)


def test_seal_under_another_key_stays_closed(veil: Veil) -> None:
    sealed = veil.sealer.seal(an_ssin(), PROJECT, PSEUDONYM)

    with pytest.raises(BrokenSeal):
        Sealer(new_keys()).unseal(sealed, PROJECT, PSEUDONYM)


def test_seal_with_any_changed_byte_stays_closed(veil: Veil) -> None:
    sealed = veil.sealer.seal(an_ssin(), PROJECT, PSEUDONYM)

    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises((BrokenSeal, KeyringError)):
            veil.sealer.unseal(changed, PROJECT, PSEUDONYM)


@pytest.mark.parametrize("length", [0, 1, 2, 13, 14, 20])
def test_seal_that_was_cut_stays_closed(veil: Veil, length: int) -> None:
    sealed = veil.sealer.seal(an_ssin(), PROJECT, PSEUDONYM)

    with pytest.raises((BrokenSeal, KeyringError)):
        veil.sealer.unseal(sealed[:length], PROJECT, PSEUDONYM)


def test_seal_under_an_older_key_opens_and_new_ones_take_the_newest(keyring: Keyring) -> None:
    old = Sealer(keyring).seal(an_ssin(), PROJECT, PSEUDONYM)
    newer = Sealer(with_another(keyring, Purpose.SEALING))

    assert newer.unseal(old, PROJECT, PSEUDONYM) == an_ssin()
    assert (old[:2], newer.seal(an_ssin(), PROJECT, PSEUDONYM)[:2]) == (b"\x80\x01", b"\x80\x02")


def test_seal_whose_key_was_lost_says_so(keyring: Keyring) -> None:
    both = with_another(keyring, Purpose.SEALING)
    sealed = Sealer(both).seal(an_ssin(), PROJECT, PSEUDONYM)

    with pytest.raises(KeyringError, match="version 2: restore it"):
        Sealer(without(both, Purpose.SEALING, 2)).unseal(sealed, PROJECT, PSEUDONYM)


def test_identity_does_not_print_itself() -> None:
    assert (str(an_ssin()), repr(an_ssin()), f"{an_ssin()}") == ("Ssin(***)",) * 3


def test_fingerprints_differ_by_use_caller_route_and_key(veil: Veil) -> None:
    caller, other = a_caller(), a_caller(Role.PROJECT_ADMIN)
    fingerprints = veil.fingerprints

    found = {
        fingerprints.key(caller, "POST /v1/inclusions", "a"),
        fingerprints.key(caller, "POST /v1/inclusions", "b"),
        fingerprints.key(caller, "POST /v1/actions", "a"),
        fingerprints.key(other, "POST /v1/inclusions", "a"),
        fingerprints.request("POST /v1/inclusions", b"a"),
    }

    assert len(found) == 5
    assert {len(one) for one in found} == {32}


def test_fingerprints_know_where_one_part_ends(veil: Veil) -> None:
    caller = a_caller()
    fingerprints = veil.fingerprints

    assert fingerprints.key(caller, "ab", "c") != fingerprints.key(caller, "a", "bc")
    assert fingerprints.request("/v1/a", b"b{}") != fingerprints.request("/v1/ab", b"{}")
    assert fingerprints.request("", b"a") != fingerprints.request("a", b"")


def test_person_is_told_by_issuer_and_subject_alone(veil: Veil) -> None:
    provider = a_caller(Role.PROVIDER, subject="one")
    same = a_caller(Role.PROJECT_ADMIN, subject="one")
    moved = a_caller(Role.PROVIDER, subject="one", issuer="https://other.example")
    person = veil.fingerprints.person

    assert person(provider) == person(same) != person(moved)
    assert len(person(provider)) == 32
    assert int(person(provider), 16) > 0


def test_reference_of_a_body_is_of_version_8_and_needs_the_key(veil: Veil) -> None:
    body = b'{"ssin": "85073003328"}'

    reference = veil.fingerprints.message(body)

    assert reference == veil.fingerprints.message(body) != veil.fingerprints.message(body + b" ")
    assert (reference.version, reference.variant) == (8, RFC_4122)
    assert veil_of(new_keys()).fingerprints.message(body) != reference


def test_fingerprints_need_their_key(veil: Veil) -> None:
    other = veil_of(new_keys()).fingerprints

    assert other.person(a_caller()) != veil.fingerprints.person(a_caller())


def test_identifiers_route_back_to_their_bucket(veil: Veil) -> None:
    for bucket in (0, 1, 2047, 4094, 4095):
        assert veil.identifiers.bucket_of(veil.identifiers.new(bucket)) == bucket


def test_identifiers_are_version_8_of_the_rfcs_variant(veil: Veil) -> None:
    one = veil.identifiers.at(4095, 2**48 - 1)

    assert (one.version, one.variant) == (8, "specified in RFC 4122")
    assert one.int >> 80 == 2**48 - 1


def test_identifiers_are_ordered_in_time(veil: Veil) -> None:
    made = [veil.identifiers.at(number % 4096, 1_650_000_000_000 + number) for number in range(500)]

    assert all(earlier < later for earlier, later in pairwise(made))
    assert len(set(made)) == 500


def test_identifiers_do_not_show_their_bucket(veil: Veil) -> None:
    shown = [veil.identifiers.at(1234, 1_650_000_000_000).int >> 64 & 0xFFF for _ in range(SAMPLES)]

    expected = SAMPLES / 16
    for place in (0, 4, 8):
        cells = Counter(value >> place & 15 for value in shown)
        assert sum((cells[cell] - expected) ** 2 / expected for cell in range(16)) < 46  # 15 degrees of freedom
    assert len(set(shown)) > 1000


def test_identifiers_of_another_ring_route_elsewhere(veil: Veil) -> None:
    other = veil_of(new_keys()).identifiers

    agreeing = sum(other.bucket_of(veil.identifiers.new(7)) == 7 for _ in range(100))

    assert agreeing < 10


def test_bytes_open_in_their_place_alone_and_are_sealed_anew_with_the_key_in_use(keyring: Keyring) -> None:
    old, new = Sealer(keyring), Sealer(with_another(keyring, Purpose.SEALING))
    sealed = old.seal_bytes(b"a line", "batch|1")

    renewed = new.renew(sealed, "batch|1")

    assert (sealed[:2], renewed[:2], len(sealed)) == (b"\x00\x01", b"\x00\x02", 2 + 12 + len(b"a line") + 16)
    assert old.unseal_bytes(sealed, "batch|1") == new.unseal_bytes(renewed, "batch|1") == b"a line"
    assert old.seal_bytes(b"a line", "batch|1") != sealed
    with pytest.raises(BrokenSeal):
        new.unseal_bytes(renewed, "batch|2")
    with pytest.raises(BrokenSeal):
        new.renew(sealed, "batch|2")
    with pytest.raises(KeyringError, match=r"^the key ring has no sealing key of version 2: restore it$"):
        old.unseal_bytes(renewed, "batch|1")


def test_seals_are_counted_until_they_are_taken(keyring: Keyring) -> None:
    sealer = Sealer(keyring)
    sealer.seal_bytes(b"", "somewhere")
    sealer.seal(an_ssin(), PROJECT, PSEUDONYM)
    sealer.add_count(3)

    assert [sealer.take_count(6), sealer.take_count(5), sealer.take_count(1), sealer.take_count(0)] == [0, 5, 0, 0]


def test_label_of_a_seal_is_there_for_identities_with_a_key_of_their_own(keyring: Keyring) -> None:
    sealer = Sealer(keyring)
    sealed = sealer.seal(an_ssin(), PROJECT, PSEUDONYM)

    label = sealer.label(sealed)

    assert sealed[:2] == sealer.mark_of_identities == b"\x80\x01"
    assert label == sealed[2:10]
    assert sealer.label(sealer.seal_bytes(bytes(40), "somewhere")) is None
    assert sealer.label(sealed[:10]) is None
    assert sealer.label(sealed[:11]) == label
    assert not sealer.is_shredded(sealed)
