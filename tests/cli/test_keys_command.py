"""The commands of the key ring: a rotation goes on beside registrations, and can be repeated, or taken step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from gateway import keys_command
from gateway.app import build_context
from gateway.cli import main
from gateway.clock import real_now
from gateway.pseudonyms import watched
from gateway.pseudonyms.keyring import Key, Phase, Purpose, change_keyring, read_keyring
from gateway.pseudonyms.receipts import verify_receipt
from gateway.services.deliver_outbox import deliver_outbox
from gateway.settings import read_settings
from gateway.store.tables import beneficiary, inclusion, outbox, vault
from tests.services.desk import Desk
from tests.services.test_deliver_outbox import PACE, Wire
from tests.store.rows import rows

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the desk's register, in this process; its exit code, and what it said."""
    monkeypatch.setattr(watched, "LOOK_SECONDS", 0.05)

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["chroniccare", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return command


def sealing_keys() -> list[tuple[int, Phase]]:
    found: list[Key] = read_keyring(read_settings().keyring_path).versions(Purpose.SEALING)
    return [(key.version, key.phase) for key in found]


def marks(desk: Desk) -> set[bytes]:
    return {bytes(one["sealed_ssin"][:2]) for one in rows(desk.database_url, vault)}


def test_sealing_keys_rotate_while_people_are_included_and_messages_leave(desk: Desk, run: Run) -> None:
    wire, done, numbers = Wire(), threading.Event(), count()
    failures: list[BaseException] = []

    def register() -> None:
        try:
            while not done.is_set():
                desk.include(next(numbers))
        except BaseException as failure:
            failures.append(failure)
            raise

    for number in range(20):
        desk.include(1000 + number)
    beside = threading.Thread(target=register)
    beside.start()
    status, said = run("keys", "rotate", "--sealing", "--settle", "0.3")
    done.set()
    beside.join()
    again, _ = run("keys", "rotate", "--sealing", "--step", "renew")

    assert (status, again, failures) == (0, 0, [])
    told = [line for line in said.splitlines() if "key_ring_read" not in line]
    assert told[:2] == ["announce: sealing-1 used, sealing-2 known", "use: sealing-1 used, sealing-2 used"]
    assert marks(desk) == {b"\x80\x02"}
    beside_it = next(numbers)
    assert beside_it > 3
    included = 20 + beside_it
    assert len(rows(desk.database_url, inclusion)) == len(rows(desk.database_url, vault)) == included
    context = desk.context.renewed()
    assert sum(iter(lambda: deliver_outbox(context, wire, PACE), 0)) == included
    assert {one["state"] for one in rows(desk.database_url, outbox)} == {"sent"}


def test_rotation_by_steps_stops_where_it_is_told_to_and_destroys_the_old_key_last(desk: Desk, run: Run) -> None:
    desk.include()

    steps = {step: run("keys", "rotate", "--sealing", "--step", step)[0] for step in ("announce", "announce")}
    announced = (sealing_keys(), marks(desk))
    run("keys", "rotate", "--sealing", "--step", "use")
    in_use = (sealing_keys(), marks(desk))
    status, said = run("keys", "rotate", "--sealing", "--step", "retire")

    assert steps == {"announce": 0}
    assert announced == ([(1, Phase.USED), (2, Phase.KNOWN)], {b"\x80\x01"})
    assert in_use == ([(1, Phase.USED), (2, Phase.USED)], {b"\x80\x01"})
    assert (status, said) == (0, "renew: 1 seals renewed\nretire: sealing-2 used\n")
    assert (sealing_keys(), marks(desk)) == ([(2, Phase.USED)], {b"\x80\x02"})
    assert [verb for verb, _ in desk.outcomes() if verb.startswith("keys_")] == [
        *["keys_announce_sealing"] * 2,
        "keys_use_sealing",
        "keys_retire_sealing",
    ]


def test_old_key_stays_while_a_seal_cannot_be_opened(desk: Desk, run: Run) -> None:
    desk.include()
    path = read_settings().keyring_path
    lost = Key(Purpose.SEALING, 1, bytes(32))
    change_keyring(path, lambda ring: type(ring)([lost, *(key for key in ring.keys if key.kid != lost.kid)]))
    run("keys", "rotate", "--sealing", "--step", "announce")
    run("keys", "rotate", "--sealing", "--step", "use")

    status, said = run("keys", "rotate", "--sealing", "--step", "retire")

    assert status == 2
    assert "1 seals cannot be opened and stayed as they are" in said
    assert [version for version, _ in sealing_keys()] == [1, 2]


def test_pseudonym_keys_rotate_and_the_old_one_is_gone(desk: Desk, run: Run) -> None:
    one = desk.include().known.inclusion
    before = {bytes(row["pseudonym"]) for row in rows(desk.database_url, inclusion)}

    status, said = run("keys", "rotate", "--pseudonym", "--settle", "0.1")

    assert status == 0
    assert [line for line in said.splitlines() if "key_ring_read" not in line] == [
        "announce: pseudonym-1 used, pseudonym-2 known",
        "use: pseudonym-1 used, pseudonym-2 used",
        "renew: 1 people renamed",
        "renew: 0 people renamed",
        "retire: pseudonym-2 used",
    ]
    (kept,) = rows(desk.database_url, beneficiary)
    assert bytes(kept["pseudonym"]) not in before
    desk.context = desk.context.renewed()
    assert desk.exit(one.id).known.inclusion.pseudonym == bytes(kept["pseudonym"])


def test_rotation_of_pseudonyms_that_was_cut_goes_on(desk: Desk, run: Run) -> None:
    desk.include()
    for step in ("announce", "use"):
        run("keys", "rotate", "--pseudonym", "--step", step)

    status, said = run("keys", "rotate", "--pseudonym", "--settle", "0")

    assert status == 0
    assert said.splitlines()[-2:] == ["renew: 0 people renamed", "retire: pseudonym-2 used"]
    assert "renew: 1 people renamed" in said


def test_old_key_of_pseudonyms_stays_while_somebody_cannot_be_renamed(
    desk: Desk, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_command, "MOST_PASSES", 2)
    monkeypatch.setattr(keys_command, "BREATH_SECONDS", 0)
    desk.include()
    with desk.context.store.transaction() as tx:
        tx.outbox.claim([rows(desk.database_url, outbox)[0]["bucket"]], real_now(), real_now() + timedelta(hours=1), 1)

    status, said = run("keys", "rotate", "--pseudonym", "--settle", "0")

    assert status == 2
    assert "1 people are busy, 0 have a seal that cannot be opened" in " ".join(said.split())
    assert len(read_keyring(read_settings().keyring_path).versions(Purpose.PSEUDONYM)) == 2


def test_receipts_of_the_old_key_are_verified_beside_those_of_the_new_one(desk: Desk, run: Run) -> None:
    before = desk.include().receipt or ""

    status, said = run("keys", "rotate", "--receipt", "--settle", "0.2")

    after = desk.include(1).receipt or ""
    jwks = desk.context.renewed().veil.receipts.jwks()
    assert (status, said.splitlines()[-1]) == (0, "retire: receipt-1 public half, receipt-2 used")
    assert [key["kid"] for key in jwks["keys"]] == ["receipt-1", "receipt-2"]
    assert verify_receipt(before, jwks)["kind"] == verify_receipt(after, jwks)["kind"] == "inclusion"
    assert run("keys", "rotate", "--receipt", "--step", "retire")[0] == 0


def test_keys_are_listed_without_their_secrets(desk: Desk, run: Run, tmp_path: Path) -> None:
    status, said = run("keys", "list")

    assert status == 0
    assert said.splitlines() == [f"{purpose}-1: used" for purpose in Purpose]


def test_rotation_names_one_purpose(desk: Desk, run: Run) -> None:
    assert run("keys", "rotate")[0] == 2
    assert run("keys", "rotate", "--sealing", "--receipt")[0] == 2


def test_ring_is_wrapped_and_read_by_who_has_the_key_that_wraps_it(
    desk: Desk, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = run("keys", "wrap")
    keks = [tmp_path / name for name in ("first", "second")]
    for number, path in enumerate(keks):
        path.write_bytes(bytes([number]) * 32)
        path.chmod(0o400)
    monkeypatch.setenv("CHRONICCARE_KEK", f"file:{keks[0]}")
    too_early = run("keys", "list")
    wrapped = run("keys", "wrap")
    monkeypatch.setenv("CHRONICCARE_KEK", f"file:{keks[1]}")
    again = run("keys", "wrap", "--from", f"file:{keks[0]}")

    assert [status for status, _ in (unset, too_early, wrapped, again)] == [2, 2, 0, 0]
    assert run("keys", "rotate", "--sealing", "--settle", "0")[0] == 0
    assert "sealing-2: used" in run("keys", "list")[1]
    desk.context = build_context(read_settings())
    assert desk.include().known.inclusion.status == "open"
    desk.context.store.close()
