"""A key for every person: any of them is destroyed alone, and cannot be made again from what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pseudonyms.keyring import Key, Keyring, KeyringError, Purpose
from gateway.pseudonyms.rotation import announced, retired, shredded, used
from gateway.pseudonyms.sealing import BrokenSeal, Sealer
from gateway.pseudonyms.shredding import Destroyed, new_tree, tree_of
from tests.builders import PROJECT, an_ssin
from tests.store.seeds import OTHER_PROJECT

PSEUDONYM = bytes(32)
TREE = new_tree(b"l" * 32, b"r" * 32)
labels = st.binary(min_size=8, max_size=8)


def test_tree_gives_every_label_a_key_of_its_own_always_the_same() -> None:
    some = [number.to_bytes(8, "big") for number in (0, 1, 2, 3, 4, 2**63, 2**64 - 1)]

    assert len({TREE.key(label) for label in some}) == len(some)
    assert [TREE.key(label) for label in some] == [tree_of(TREE.to_bytes()).key(label) for label in some]


@given(gone=st.lists(labels, min_size=1, max_size=3, unique=True), left=labels)
def test_destroyed_keys_are_gone_and_every_other_one_stays(gone: list[bytes], left: bytes) -> None:
    tree = TREE
    for label in gone:
        tree = tree_of(tree.without(label).to_bytes())

    for label in gone:
        with pytest.raises(Destroyed):
            tree.key(label)
    neighbour = (int.from_bytes(gone[0], "big") ^ 1).to_bytes(8, "big")
    for label in {left, neighbour} - set(gone):
        assert tree.key(label) == TREE.key(label)


def test_destroying_takes_95_secrets_more_and_none_the_second_time() -> None:
    first = TREE.without(bytes(8))

    assert len(first.to_bytes()) - len(TREE.to_bytes()) == 95 * 41
    assert first.without(bytes(8)).to_bytes() == first.to_bytes()


def test_person_whose_key_is_gone_gets_another() -> None:
    first = TREE.label_of(b"person")
    second = TREE.without(first).label_of(b"person")

    assert first == TREE.label_of(b"person") != second
    assert first != TREE.label_of(b"another")


@pytest.mark.parametrize("kept", [b"", bytes(32), bytes(64), bytes(72), bytes(74)])
def test_bytes_that_are_no_tree_are_refused(kept: bytes, keyring: Keyring) -> None:
    with pytest.raises(ValueError, match="a secret and some nodes"):
        tree_of(kept)
    with pytest.raises(KeyringError, match="erasure-1 in the key ring is no key"):
        keyring.with_keys([Key(Purpose.ERASURE, 1, kept)])


def test_identity_whose_key_was_destroyed_stays_closed_and_others_open(keyring: Keyring) -> None:
    sealer = Sealer(keyring)
    sealed = sealer.seal(an_ssin(), PROJECT, PSEUDONYM)
    elsewhere = sealer.seal(an_ssin(), OTHER_PROJECT, PSEUDONYM)
    other = sealer.seal(an_ssin("85073003427"), PROJECT, PSEUDONYM)
    label = sealer.label(sealed)
    assert label is not None

    after = Sealer(shredded(keyring, label))

    with pytest.raises(BrokenSeal):
        after.unseal(sealed, PROJECT, PSEUDONYM)
    assert (after.is_shredded(sealed), after.is_shredded(other), sealer.is_shredded(sealed)) == (True, False, False)
    assert after.unseal(elsewhere, OTHER_PROJECT, PSEUDONYM) == an_ssin()
    assert after.unseal(other, PROJECT, PSEUDONYM) == an_ssin("85073003427")
    again = after.seal(an_ssin(), PROJECT, PSEUDONYM)
    assert after.unseal(again, PROJECT, PSEUDONYM) == an_ssin()


def test_ring_without_a_key_of_erasures_seals_as_it_did_until_it_has_one(keyring: Keyring) -> None:
    older = keyring.with_keys(key for key in keyring.keys if key.purpose is not Purpose.ERASURE)
    sealed = Sealer(older).seal(an_ssin(), PROJECT, PSEUDONYM)
    known = announced(older, Purpose.ERASURE)
    in_use = used(known, Purpose.ERASURE)

    assert Sealer(older).label(sealed) is None
    assert Sealer(known).label(Sealer(known).seal(an_ssin(), PROJECT, PSEUDONYM)) is None
    own = Sealer(in_use).seal(an_ssin(), PROJECT, PSEUDONYM)
    assert Sealer(known).unseal(own, PROJECT, PSEUDONYM) == Sealer(in_use).unseal(sealed, PROJECT, PSEUDONYM)
    assert not Sealer(older).is_shredded(own)
    with pytest.raises(KeyringError, match="no key of erasures: restore it"):
        Sealer(older).unseal(own, PROJECT, PSEUDONYM)
    with pytest.raises(KeyringError, match="never rotated"):
        announced(in_use, Purpose.ERASURE)
    with pytest.raises(KeyringError, match="one key of erasures"):
        retired(in_use, Purpose.ERASURE)
