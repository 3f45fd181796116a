"""Sealing anew: whatever an older key sealed, wherever it is, while others write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, update

from gateway.domain import errors
from gateway.pseudonyms.keyring import Keyring, Purpose
from gateway.pseudonyms.rotation import announced, retired, used
from gateway.pseudonyms.veil import Veil, veil_of
from gateway.pseudonyms.webhook_secrets import place_of
from gateway.services import renew_seals as job
from gateway.services.change_identity import change_identity
from gateway.services.count_seals import count_seals
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.keep_webhooks import register_webhook
from gateway.services.renew_seals import Renewal, renew_seals
from gateway.store.pulse_tables import pulse
from gateway.store.seals import SEALED
from gateway.store.tables import outbox, vault
from gateway.store.transaction import Store
from gateway.store.webhook_tables import webhook
from tests.builders import PROJECT
from tests.services.batch_desk import Batches, an_inclusion_line, outcomes
from tests.services.desk import ADMIN, Desk, ssin
from tests.services.test_deliver_outbox import PACE, Wire
from tests.services.test_moved_messages import AWAY
from tests.store.rows import rows

NEW = 2


@pytest.fixture
def newer(keyring: Keyring) -> Keyring:
    """The ring with a second sealing key in use."""
    return used(announced(keyring, Purpose.SEALING), Purpose.SEALING)


def seals(desk: Desk) -> dict[str, list[bytes]]:
    """Everything sealed, by its table."""
    found = {table.name: [row[column] for row in rows(desk.database_url, table)] for table, column in SEALED}
    return {name: [bytes(one) for one in values if one is not None] for name, values in found.items()}


def marks(desk: Desk) -> dict[str, set[bytes]]:
    return {name: {one[:2] for one in values} for name, values in seals(desk).items()}


def under(desk: Desk, veil: Veil) -> None:
    desk.context = replace(desk.context, veil=veil)


@pytest.fixture
def full(batches: Batches) -> Batches:
    """A register with a seal in every place that has one, two and more in some."""
    desk = batches.desk
    included = desk.include().known.inclusion
    deliver_outbox(desk.context, Wire(AWAY), PACE)
    desk.ask(ADMIN, change_identity, included.id, ssin(9), "mistyped")
    desk.include(1)
    desk.ask(ADMIN, register_webhook, "https://example.org/told")
    return batches


def test_everything_is_sealed_anew_and_opens_without_the_old_key(
    full: Batches, newer: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "ROWS_PER_TRANSACTION", NEW)
    desk = full.desk
    sent = full.send([an_inclusion_line(number) for number in range(2, 7)])
    before = seals(desk)
    under(desk, veil_of(newer))

    done = renew_seals(desk.context)
    again = renew_seals(desk.context)

    assert {name: len(values) for name, values in before.items()} == {
        "vault": 2,
        "outbox": 1,
        "batch": 1,
        "batch_line": 5,
        "webhook": 1,
    }
    assert (done, again) == (Renewal(10), Renewal())
    own, shared = {b"\x80\x02"}, {b"\x00\x02"}
    assert marks(desk) == {"vault": own, "outbox": own, "batch": shared, "batch_line": shared, "webhook": shared}
    under(desk, veil_of(retired(newer, Purpose.SEALING)))
    sealer = desk.context.veil.sealer
    (tried,) = [one for one in rows(desk.database_url, outbox) if one["sealed_tried_ssin"] is not None]
    assert sealer.unseal(tried["sealed_tried_ssin"], PROJECT, tried["tried_pseudonym"]) == ssin()
    (hook,) = rows(desk.database_url, webhook)
    assert sealer.unseal_bytes(hook["sealed_secret"], place_of(hook["id"])).startswith(b"whsec_")
    assert outcomes(full.results(sent)) == []
    assert full.round() == 5
    assert set(outcomes(full.results(sent))) == {"accepted"}
    assert deliver_outbox(desk.context, Wire(), PACE) == 6


def test_what_was_sealed_with_the_old_key_is_written_and_read_until_it_is_renewed(desk: Desk, newer: Keyring) -> None:
    desk.include()
    under(desk, veil_of(newer))
    desk.include(1)

    assert marks(desk)["vault"] == {b"\x80\x01", b"\x80\x02"}
    assert deliver_outbox(desk.context, Wire(), PACE) == NEW


def test_broken_seal_is_told_and_holds_up_no_other(desk: Desk, newer: Keyring) -> None:
    for number in range(3):
        desk.include(number)
    first = rows(desk.database_url, vault, "bucket")[0]
    change(desk, first, b"\x00\x01" + bytes(40))
    under(desk, veil_of(newer))

    assert renew_seals(desk.context) == Renewal(2, 1)
    assert len([one for one in seals(desk)["vault"] if one.startswith(b"\x80\x02")]) == NEW


def test_value_that_changed_since_it_was_found_is_left_to_who_changed_it(desk: Desk, newer: Keyring) -> None:
    desk.include()
    under(desk, veil_of(newer))
    sealer = desk.context.veil.sealer
    with desk.context.store.reading() as tx:
        (found,) = tx.seals.older("vault", "sealed_ssin", sealer.mark_of_identities, None, 10)
    change(desk, found.row, b"\x00\x02other")

    with desk.context.store.transaction() as tx:
        is_put = tx.seals.put(found, b"\x00\x02mine")

    assert not is_put
    assert seals(desk)["vault"] == [b"\x00\x02other"]


def test_message_without_a_number_of_its_own_is_passed_over(desk: Desk, newer: Keyring) -> None:
    desk.include()
    under(desk, veil_of(newer))

    renew_seals(desk.context)

    assert [one["sealed_tried_ssin"] for one in rows(desk.database_url, outbox)] == [None]


def change(desk: Desk, row: Any, sealed: bytes) -> None:
    """Change a row of the vault behind the register's back."""
    engine = create_engine(desk.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(update(vault).where(vault.c.pseudonym == row["pseudonym"]).values(sealed_ssin=sealed))


def test_seals_are_counted_by_key_once_they_are_many_and_later_where_the_register_is_away(
    desk: Desk, newer: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    under(desk, veil_of(newer))
    desk.include()
    few = rows(desk.database_url, pulse)
    sealer = desk.context.veil.sealer
    with monkeypatch.context() as away:
        away.setattr(Store, "transaction", _away)
        sealer.add_count(999)
        count_seals(desk.context)
    desk.include(1)

    assert few == []
    assert [(row["name"], row["done"]) for row in rows(desk.database_url, pulse)] == [("sealing-2", 1001)]
    assert sealer.take_count(1) == 0


def _away(_: Store) -> None:
    raise errors.StoreUnavailable
