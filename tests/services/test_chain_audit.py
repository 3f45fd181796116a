"""The audit of a register: chained by workers, signed now and then, and verified whatever was done to its rows."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine, delete, insert, update

from gateway.clock import real_now
from gateway.domain.audit import Broken, Entry, Fault, chain_of
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.receipts import BrokenReceipt
from gateway.pseudonyms.veil import veil_of
from gateway.services import chain_audit
from gateway.services.chain_audit import Chaining, chain_some, sign_ends
from gateway.services.checkpoints import FILE, BrokenCheckpoints, CheckpointFile, CheckpointRefused
from gateway.services.context import Context
from gateway.services.verify_audit import Verified, verify_audit
from gateway.store.tables import audit_chain, audit_entry
from tests.services.desk import Desk
from tests.store.rows import rows

ROUNDS = 3
BUCKETS = (0, 1, 255, 256, 4095)
Row = dict[str, Any]


@dataclass
class Audited:
    """A register's audit and its checkpoints."""

    context: Context
    database_url: str
    folder: Path

    @property
    def file(self) -> CheckpointFile:
        return CheckpointFile(self.folder)

    def write(self, count: int) -> list[Entry]:
        """Commit some entries, in chains 0, 1 and 15."""
        entries = []
        with self.context.store.transaction() as tx:
            for number in range(count):
                bucket = BUCKETS[number % len(BUCKETS)]
                new = self.context.veil.identifiers.new(bucket)
                entries.append(Entry(new, bucket, real_now(), "auditor", "", "", "nothing", "done", f"r-{number}"))
                tx.audit.add(entries[-1])
        return entries

    def chain(self) -> None:
        chain_some(self.context)
        sign_ends(self.context, self.file)

    def verify(self, *kept: str) -> Verified:
        return verify_audit(self.context, self.file.lines(), self.context.veil.receipts.jwks(), kept)

    def of_chain(self, chain: int) -> list[Row]:
        return [row for row in rows(self.database_url, audit_entry, "position") if chain_of(row["bucket"]) == chain]

    @contextmanager
    def changed(self) -> Iterator[Connection]:
        """The database as somebody has it who may write to it; afterwards it is as it was."""
        before = {table: rows(self.database_url, table) for table in (audit_entry, audit_chain)}
        engine = create_engine(self.database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA synchronous = OFF")  # a test's own tampering need not be durable
            yield connection
            for table, kept in before.items():
                connection.execute(delete(table))
                connection.execute(insert(table), kept)


@pytest.fixture
def audited(context: Context, database_url: str, tmp_path: Path) -> Audited:
    """An audit in which nothing is written yet."""
    return Audited(context, database_url, tmp_path / "checkpoints")


def test_round_of_a_worker_chains_what_waits_and_signs(audited: Audited) -> None:
    audited.write(12)

    assert Chaining(audited.file, lambda: False).round(audited.context) == 0

    found = audited.verify()
    assert (found.entries, found.broken, found.checkpoints, found.unchained.count) == (12, [], 1, 0)
    assert [row["position"] for row in audited.of_chain(0)] == list(range(1, 9))


def test_rounds_of_a_worker_look_now_and_then(audited: Audited) -> None:
    chaining = Chaining(audited.file, lambda: False)
    chaining.round(audited.context)
    audited.write(3)

    chaining.round(audited.context)

    assert (audited.verify().unchained.count, audited.verify().checkpoints) == (3, 0)


def test_more_than_fits_a_transaction_is_chained_in_one_round(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_audit, "AT_ONCE", 4)
    audited.write(11)

    Chaining(audited.file, lambda: False).round(audited.context)

    assert (audited.verify().entries, audited.verify().broken) == (11, [])


def test_worker_that_is_ending_leaves_the_rest(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_audit, "AT_ONCE", 4)
    audited.write(11)

    Chaining(audited.file, lambda: True).round(audited.context)

    assert (audited.verify().entries, audited.verify().unchained.count) == (4, 7)


def test_entry_that_commits_late_is_chained_behind_newer_ones(audited: Audited) -> None:
    late = Entry(audited.context.veil.identifiers.new(0), 0, real_now(), "auditor", "", "", "nothing", "done", "late")
    audited.write(3)
    audited.chain()

    with audited.context.store.transaction() as tx:
        tx.audit.add(late)
    audited.chain()

    assert audited.of_chain(0)[-1]["id"] == late.id
    assert audited.of_chain(0)[0]["id"] > late.id
    assert (audited.verify().broken, audited.verify().checkpoints) == ([], 2)


def test_workers_at_once_chain_every_entry_once(audited: Audited) -> None:
    def work() -> None:
        for _ in range(6):
            audited.write(5)
            chain_some(audited.context)
            sign_ends(audited.context, audited.file)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audited.chain()

    found = audited.verify()
    assert (found.entries, found.broken, found.unchained.count) == (120, [], 0)


def test_entries_that_wait_are_told_of_and_how_long(audited: Audited) -> None:
    (first, *_) = audited.write(2)

    waiting = audited.verify().unchained

    assert waiting.count == 2
    assert waiting.oldest_at == first.at


def test_verbs_write_entries_that_are_chained_with_whom_they_are_about(desk: Desk, audited: Audited) -> None:
    pseudonym = desk.include().known.inclusion.pseudonym
    audited.chain()

    (row,) = rows(desk.database_url, audit_entry)
    assert (row["pseudonym"], row["position"]) == (pseudonym, 1)
    with audited.changed() as connection:
        connection.execute(update(audit_entry).values(pseudonym=None))
        assert audited.verify().broken == [Broken(chain_of(row["bucket"]), 1, Fault.CHANGED, row["id"])]


def _where(row: Row) -> Any:
    return (audit_entry.c.bucket == row["bucket"]) & (audit_entry.c.id == row["id"])


def _edit(connection: Connection, row: Row, **values: Any) -> None:
    connection.execute(update(audit_entry).where(_where(row)).values(**values))


def _delete(connection: Connection, chain: list[Row], place: int, chance: Random) -> tuple[int, Fault]:
    connection.execute(delete(audit_entry).where(_where(chain[place])))
    return place + 1, Fault.MISSING


def _unchain(connection: Connection, chain: list[Row], place: int, chance: Random) -> tuple[int, Fault]:
    _edit(connection, chain[place], position=None, hash=None)
    return place + 1, Fault.MISSING


def _truncate(connection: Connection, chain: list[Row], place: int, chance: Random) -> tuple[int, Fault]:
    """The note of where the chain ends is mended; the checkpoint cannot be."""
    for row in chain[place:]:
        connection.execute(delete(audit_entry).where(_where(row)))
    end = {"position": place, "hash": chain[place - 1]["hash"] if place else bytes(32)}
    connection.execute(update(audit_chain).where(audit_chain.c.bucket == 0).values(**end))
    return place + 1, Fault.MISSING


def _change(connection: Connection, chain: list[Row], place: int, chance: Random) -> tuple[int, Fault]:
    row = chain[place]
    values = [
        {"at": row["at"] + timedelta(seconds=1)},
        {"role": "provider"},
        {"verb": "list_inclusions"},
        {"outcome": "not-found"},
        {"request_id": "another"},
        {"person": "somebody else"},
        {"hash": None},
        {"bucket": (row["bucket"] + 7) % 256},
    ]
    _edit(connection, row, **chance.choice(values))
    return place + 1, Fault.CHANGED


def _swap(connection: Connection, chain: list[Row], place: int, chance: Random) -> tuple[int, Fault]:
    other = chance.choice([each for each in range(len(chain)) if each != place])
    for to, of in ((place, other), (other, place)):
        _edit(connection, chain[to], position=chain[of]["position"])
    return min(place, other) + 1, Fault.CHANGED


def _insert(connection: Connection, chain: list[Row], place: int, chance: Random) -> tuple[int, Fault]:
    forged = {**chain[place], "bucket": chance.randint(0, 255), "request_id": "forged"}
    forged["id"] = type(forged["id"])(int=chance.getrandbits(128))
    connection.execute(insert(audit_entry), forged)
    return place + 1, Fault.INSERTED


TAMPERINGS = (_delete, _unchain, _truncate, _change, _swap, _insert)
Tamper = Callable[[Connection, list[Row], int, Random], tuple[int, Fault]]


def test_tampering_with_the_rows_of_a_database_is_found_at_its_first_entry(audited: Audited) -> None:
    for _ in range(3):
        audited.write(5)
        audited.chain()
    chain, chance = audited.of_chain(0), Random(6)

    for tamper in TAMPERINGS * ROUNDS:
        place = chance.randrange(len(chain))
        with audited.changed() as connection:
            position, fault = tamper(connection, chain, place, chance)
            (found,) = audited.verify().broken
        assert (found.chain, found.position, found.fault) == (0, position, fault), tamper.__name__

    assert audited.verify().broken == []


def test_chain_that_is_shorter_than_its_checkpoint_is_not_signed(audited: Audited) -> None:
    audited.write(5)
    audited.chain()
    chain = audited.of_chain(0)

    with audited.changed() as connection:
        _truncate(connection, chain, 1, Random(0))
        with pytest.raises(CheckpointRefused):
            sign_ends(audited.context, audited.file)
        connection.execute(update(audit_chain).where(audit_chain.c.bucket == 0).values(position=3, hash=bytes(32)))
        with pytest.raises(CheckpointRefused):
            sign_ends(audited.context, audited.file)
        connection.execute(delete(audit_chain).where(audit_chain.c.bucket == 0))
        with pytest.raises(CheckpointRefused):
            sign_ends(audited.context, audited.file)

    assert len(audited.file.lines()) == 1


def _three_checkpoints(audited: Audited) -> list[str]:
    for _ in range(3):
        audited.write(5)
        audited.chain()
    return audited.file.lines()


@pytest.mark.parametrize("changed", range(6))
def test_file_of_checkpoints_that_was_changed_is_named_by_its_line(audited: Audited, changed: int) -> None:
    one, two, three = _three_checkpoints(audited)
    stranger = veil_of(new_keys()).receipts.sign_checkpoint({"number": 2})
    receipt = audited.context.veil.receipts.sign({"number": 2})
    ours = audited.context.veil.receipts.sign_checkpoint({"number": 2, "at": "", "chains": {}, "previous": "0"})
    files = [[one, three], [two, three], [one, two[:-4] + "AAAA", three], [one, stranger], [one, receipt], [one, ours]]
    expected = [2, 1, 2, 2, 2, 2]

    (audited.folder / FILE).write_text("".join(f"{line}\n" for line in files[changed]), encoding="ascii")

    with pytest.raises(BrokenCheckpoints) as problem:
        audited.verify()
    assert problem.value.number == expected[changed]


def test_nothing_is_signed_after_a_line_that_is_no_checkpoint(audited: Audited) -> None:
    _three_checkpoints(audited)
    for rubbish in ("rubbish", "a.b.c", "..", "e30.e30.e30", "e30.W10.e30"):
        (audited.folder / FILE).write_text(f"{rubbish}\n", encoding="ascii")

        with pytest.raises(BrokenCheckpoints):
            sign_ends(audited.context, audited.file)


def test_line_that_a_crash_cut_off_is_no_checkpoint_and_is_replaced(audited: Audited) -> None:
    lines = _three_checkpoints(audited)
    with (audited.folder / FILE).open("a", encoding="ascii") as file:
        file.write(lines[0][:50])
    assert audited.verify().checkpoints == 3

    audited.write(1)
    audited.chain()

    assert audited.verify().checkpoints == 4


def test_file_that_becomes_shorter_under_a_worker_is_not_gone_on_with(audited: Audited) -> None:
    lines = _three_checkpoints(audited)
    file = audited.file
    sign_ends(audited.context, file)

    (audited.folder / FILE).write_text(f"{lines[0]}\n", encoding="ascii")

    with pytest.raises(CheckpointRefused):
        sign_ends(audited.context, file)


def test_checkpoint_that_is_kept_elsewhere_sees_a_file_and_a_chain_made_anew(audited: Audited) -> None:
    *_, kept = _three_checkpoints(audited)
    rest = audited.of_chain(0)
    (audited.folder / FILE).unlink()

    with audited.changed() as connection:
        _truncate(connection, rest, 4, Random(0))
        assert audited.verify().broken == []
        assert [(one.position, one.fault) for one in audited.verify(kept).broken] == [(5, Fault.MISSING)]

    assert audited.verify(kept).broken == []
    with pytest.raises(BrokenReceipt):
        audited.verify("rubbish")
    with pytest.raises(ValueError, match="no checkpoint"):
        audited.verify(audited.context.veil.receipts.sign_checkpoint({"chains": [1]}))


def test_checkpoints_hold_hashes_and_places_alone(audited: Audited) -> None:
    (line, *_) = _three_checkpoints(audited)

    claims = json.loads(_payload(line))

    assert set(claims) == {"number", "at", "chains", "previous"}
    assert set(claims["chains"]) == {"0", "1", "15"}
    assert claims["chains"]["0"][0] == 3


def _payload(line: str) -> bytes:
    middle = line.split(".")[1]
    return base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))


def test_nothing_is_signed_twice_and_nothing_where_nothing_is(audited: Audited) -> None:
    sign_ends(audited.context, audited.file)
    assert audited.file.lines() == []

    audited.write(1)
    audited.chain()
    sign_ends(audited.context, replace(audited).file)

    assert len(audited.file.lines()) == 1
