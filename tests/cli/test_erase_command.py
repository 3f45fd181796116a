"""The command that erases people: unreadable here and in every backup, and nobody else is touched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app import build_context
from gateway.cli import main
from gateway.clock import real_now
from gateway.domain.delivery import Answer
from gateway.pseudonyms import watched
from gateway.pseudonyms.keyring import Purpose, change_keyring, read_keyring
from gateway.pseudonyms.rotation import shredded
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.settings import read_settings
from gateway.store.backup import back_up, restore
from gateway.store.tables import action, audit_entry, beneficiary, inclusion, outbox, vault
from tests.builders import PROJECT
from tests.services.desk import Desk, ssin
from tests.services.test_deliver_outbox import MEMBER, PACE, Wire
from tests.store.rows import rows

Run = Callable[..., tuple[int, str]]
WHY = ("--reason", "data-subject-request")


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(watched, "LOOK_SECONDS", 0.0)

    def command(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["chroniccare", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        told = [line for line in (said.out + said.err).splitlines() if "key_ring_read" not in line]
        return int(ended.value.code or 0), " ".join(" ".join(told).split())

    return command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people"
    path.write_text(f"{ssin().reveal()}\n", encoding="ascii")
    return path


def leave(desk: Desk, number: int = 0) -> None:
    """Somebody who was included, acted, left, and of whom MyCareNet accepted everything."""
    one = desk.include(number).known.inclusion
    desk.exit(one.id)
    settle(desk)


def settle(desk: Desk) -> None:
    while deliver_outbox(desk.context, Wire(), PACE):
        continue
    sent = [row for row in rows(desk.database_url, outbox) if row["state"] == "sent"]
    answers = [Answer(str(row["id"]), row["id"], True, None, MEMBER, row["input_reference"]) for row in sent]
    collect_answers(desk.context, Wire(answers=answers))


def seals(desk: Desk) -> list[tuple[bytes, bytes]]:
    return [(bytes(row["pseudonym"]), bytes(row["sealed_ssin"])) for row in rows(desk.database_url, vault)]


def test_person_is_unreadable_here_and_in_a_backup_from_before(
    desk: Desk, run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(desk)
    desk.include(99)
    settle(desk)
    before, facts = seals(desk), len(rows(desk.database_url, inclusion))
    back_up(desk.database_url, tmp_path / "backup", real_now())

    status, said = run("erase", *WHY, "--ssin-file", file)

    assert (status, said) == (0, f"line 1: erased in {PROJECT}")
    sealer = desk.context.renewed().veil.sealer
    (kept,) = seals(desk)
    assert sealer.unseal(kept[1], PROJECT, kept[0]) == ssin(99)
    (gone,) = set(before) - {kept}
    with pytest.raises(BrokenSeal):
        sealer.unseal(gone[1], PROJECT, gone[0])
    for table in (beneficiary, inclusion, action, outbox):
        assert gone[0] not in {bytes(row["pseudonym"]) for row in rows(desk.database_url, table)}
    assert len(rows(desk.database_url, inclusion)) == facts
    assert [row["outcome"] for row in rows(desk.database_url, audit_entry) if row["verb"] == "erase_person"] == [WHY[1]]
    assert run("erase", *WHY, "--ssin-file", file) == (0, "line 1: not there")

    older = tmp_path / "older"
    older.mkdir()
    restore(f"sqlite:///{older / 'register.sqlite3'}", tmp_path / "backup")
    (older / "keys.json").write_bytes(read_settings().keyring_path.read_bytes())
    (older / "keys.json").chmod(0o400)
    (older / "clock").write_bytes((read_settings().data_dir / "clock").read_bytes())
    monkeypatch.setenv("CHRONICCARE_DATA_DIR", str(older))
    with closing(build_context(read_settings()).store):
        there = replace(desk, database_url=read_settings().store_url)
        assert set(seals(there)) == set(before)
        assert run("erase", "--again") == (0, "1 erased again")
        assert set(seals(there)) == {kept}
        assert run("erase", "--again") == (0, "0 erased again")


def test_erased_person_may_be_included_again_as_somebody_new(desk: Desk, run: Run, file: Path) -> None:
    leave(desk)
    run("erase", *WHY, "--ssin-file", file)
    desk.context = desk.context.renewed()

    desk.include()

    ((pseudonym, sealed),) = seals(desk)
    assert desk.context.veil.sealer.unseal(sealed, PROJECT, pseudonym) == ssin()
    assert len({bytes(row["pseudonym"]) for row in rows(desk.database_url, inclusion)}) == 2


def test_who_is_still_needed_stays_and_is_told_by_the_number_of_the_line(desk: Desk, run: Run, file: Path) -> None:
    one = desk.include().known.inclusion
    open_ = run("erase", *WHY, "--ssin-file", file)
    desk.exit(one.id)
    waiting = run("erase", *WHY, "--ssin-file", file)
    file.write_text("85073003329\nwords\n", encoding="ascii")
    none = run("erase", *WHY, "--ssin-file", file)

    assert open_ == (1, f"line 1: {PROJECT}: an inclusion is open: register its exit, or annul it")
    assert waiting[0] == 1
    assert "has not answered a message yet" in waiting[1]
    assert none == (1, "line 1: no SSIN line 2: no SSIN")
    assert len(seals(desk)) == 1
    assert run("erase")[0] == run("erase", "--again", *WHY, "--ssin-file", file)[0] == 2


def test_erasure_that_was_cut_behind_the_ring_is_finished(
    desk: Desk, run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(desk)
    with monkeypatch.context() as cut:
        cut.setattr("gateway.services.erase_person._forget", _killed)
        assert run("erase", *WHY, "--ssin-file", file)[0] != 0
    assert len(seals(desk)) == 1

    assert run("erase", *WHY, "--ssin-file", file) == (0, f"line 1: erased in {PROJECT}")
    assert seals(desk) == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_restored_person_with_a_message_that_waits_is_left_and_told(desk: Desk, run: Run) -> None:
    desk.include()
    ((_, sealed),) = seals(desk)
    label = desk.context.veil.sealer.label(sealed) or b""
    path = read_settings().keyring_path
    change_keyring(path, lambda ring: shredded(ring, label))

    status, said = run("erase", "--again")

    assert status == 1
    assert said.startswith("0 erased again 1 cannot be read, and have messages that are not answered")


def test_ring_from_before_erasures_gets_its_key_while_the_register_is_used(desk: Desk, run: Run, file: Path) -> None:
    path = read_settings().keyring_path
    change_keyring(path, lambda ring: ring.with_keys(key for key in ring.keys if key.purpose is not Purpose.ERASURE))
    desk.context = desk.context.renewed()
    leave(desk)
    refused = run("erase", *WHY, "--ssin-file", file)

    status, _ = run("keys", "rotate", "--erasure", "--settle", "0")

    assert refused[0] == 2
    assert "chroniccare keys rotate --erasure" in refused[1]
    assert status == 0
    assert read_keyring(path).newest(Purpose.ERASURE).version == 1
    assert run("erase", *WHY, "--ssin-file", file)[0] == 0
