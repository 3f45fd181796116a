"""Runs of an extract: whatever happens while it is made, it is made once and whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from gateway.domain import errors
from gateway.extracts.formats import FORMATS, Format
from gateway.services import build_extracts
from gateway.services.build_extracts import KEPT_FOR, MOST_ATTEMPTS, run_extracts, sweep_extracts
from gateway.services.follow_extract import cancel_extract, get_extract, get_extract_file
from tests.released import quarter, well_covered
from tests.services.extract_desk import LEASE, POLICY_MAKER, ExtractDesk

PAST_LEASE = LEASE + timedelta(seconds=1)


class Killed(BaseException):
    """The worker is gone."""


def when_writing(monkeypatch: pytest.MonkeyPatch, then: Callable[[Path], None]) -> None:
    """Let something else happen in the middle of a file of records."""
    real = FORMATS["ndjson"]

    def write(path: Path, columns: Any, given: Iterable[Any], dictionary: Any) -> int:
        waiting = iter(given)

        def interrupted() -> Iterator[Any]:
            yield next(waiting)
            then(path)
            yield from waiting

        return real.write(path, columns, interrupted(), dictionary)

    changed = {**FORMATS, "ndjson": Format(real.media_type, write, real.read, real.columns)}
    monkeypatch.setattr(build_extracts, "FORMATS", changed)


@pytest.fixture
def filled(extracts: ExtractDesk) -> ExtractDesk:
    """A desk with one release."""
    extracts.shelf.put(quarter(), well_covered(quarter()))
    return extracts


def names(extracts: ExtractDesk) -> list[str]:
    return sorted(path.name for path in extracts.folder.glob("*"))


def test_killed_worker_leaves_its_extract_to_the_next(filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = filled.order()

    def die(_: Path) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        when_writing(patched, die)
        patched.setattr("shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            run_extracts(filled.context, LEASE)
    left = names(filled)
    held = run_extracts(filled.context, LEASE)
    taken_up = run_extracts(filled.later(PAST_LEASE), LEASE)

    assert left[0].endswith(".part")
    assert (held, taken_up) == (0, 1)
    assert filled.look(ordered).state == "done"
    assert filled.look(ordered).attempts == 2
    assert names(filled) == [str(ordered.id)]
    assert len(filled.records(ordered)) == 6


def test_cancelled_while_it_is_made_it_is_dropped(filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = filled.order()

    def cancel(_: Path) -> None:
        filled.desk.ask(POLICY_MAKER, cancel_extract, ordered.id)

    when_writing(monkeypatch, cancel)

    run_extracts(filled.context, LEASE)

    assert filled.look(ordered).state == "cancelled"
    assert names(filled) == []
    with pytest.raises(errors.NotFound):
        filled.desk.ask(POLICY_MAKER, get_extract, ordered.id)


def test_slow_worker_whose_lease_ran_out_changes_nothing(filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = filled.order()
    seen: list[bytes] = []

    def another_worker_comes(_: Path) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(build_extracts, "FORMATS", FORMATS)
            run_extracts(filled.later(PAST_LEASE), LEASE)
        seen.append((filled.place(ordered) / "manifest.json").read_bytes())

    when_writing(monkeypatch, another_worker_comes)
    run_extracts(filled.context, LEASE)

    assert filled.look(ordered).state == "done"
    assert (filled.place(ordered) / "manifest.json").read_bytes() == seen[0]
    assert names(filled) == [str(ordered.id)]


def test_progress_is_told_while_it_is_made(filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.shelf.put(quarter("2022-Q2"), well_covered(quarter("2022-Q2")), "2022-08-14T10:00+02:00")
    ordered = filled.order()
    seen: list[float] = []
    real = build_extracts._Build.beat

    def beat(build: Any, progress: float) -> None:
        real(build, progress)
        seen.append(filled.look(ordered).progress)

    monkeypatch.setattr(build_extracts._Build, "beat", beat)
    run_extracts(filled.context, LEASE)

    assert seen == [0.0, 0.5]
    assert filled.look(ordered).progress == 1.0


def test_worker_told_to_stop_puts_its_extract_down_at_no_cost(
    filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_extracts, "RECORDS_PER_LOOK", 1)
    ordered, told = filled.order(), Event()
    with monkeypatch.context() as patched:
        when_writing(patched, lambda _: told.set())
        stopped = run_extracts(filled.context, LEASE, told.is_set)

    put_down = filled.look(ordered)
    next_one = run_extracts(filled.context, LEASE)

    assert (stopped, put_down.attempts, put_down.leased_until, names(filled)) == (0, 0, None, [str(ordered.id)])
    assert (next_one, filled.look(ordered).state) == (1, "done")


def test_lease_is_lengthened_while_records_go_by(filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_extracts, "RECORDS_PER_LOOK", 1)
    ordered = filled.order()
    beats: list[float] = []
    real = build_extracts._Build.beat

    def beat(build: Any, progress: float) -> None:
        beats.append(progress)
        real(build, progress)

    monkeypatch.setattr(build_extracts._Build, "beat", beat)

    run_extracts(filled.context, timedelta(milliseconds=1))

    assert filled.look(ordered).state == "done"
    assert len(beats) > 2


def test_full_disk_is_waited_for_and_given_up_after_five_attempts(
    filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    ordered = filled.order()
    when_writing(monkeypatch, fail)
    turns = [run_extracts(filled.later(timedelta(minutes=2 * turn)), LEASE) for turn in range(MOST_ATTEMPTS + 2)]

    assert set(turns) == {0}
    assert filled.look(ordered).state == "failed"
    assert filled.desk.ask(POLICY_MAKER, get_extract, ordered.id).manifest is None
    assert names(filled) == []
    filled.desk.ask(POLICY_MAKER, cancel_extract, ordered.id)
    assert filled.look(ordered).state == "cancelled"


def test_full_disk_does_not_stop_another_extract(filled: ExtractDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        when_writing(patched, fail)
        stuck = filled.order()
        run_extracts(filled.context, LEASE)
    other = filled.build()

    assert (filled.look(stuck).state, other.state) == ("running", "done")


def test_files_expire_after_72_hours_and_are_removed(filled: ExtractDesk) -> None:
    made = filled.build()
    late = filled.later(KEPT_FOR + timedelta(minutes=1))

    assert filled.desk.ask(POLICY_MAKER, get_extract_file, made.id, "extract.ndjson").length > 0
    removed = run_extracts(late, LEASE)

    assert removed == 1
    assert names(filled) == []
    for verb in (get_extract, cancel_extract):
        with pytest.raises(errors.NotFound):
            filled.desk.ask(POLICY_MAKER, verb, made.id)
    assert run_extracts(late, LEASE) == 0


def test_expired_extract_can_still_be_gone_on_from(filled: ExtractDesk) -> None:
    made = filled.build()
    run_extracts(filled.later(KEPT_FOR + timedelta(minutes=1)), LEASE)
    filled.shelf.put(quarter("2022-Q2"), well_covered(quarter("2022-Q2")), "2022-08-14T10:00+02:00")

    new = filled.build(since=str(made.id))

    assert {one.period for one in filled.records(new)} == {"2022-Q2"}


def test_removed_extract_is_gone_at_once_and_its_files_soon(filled: ExtractDesk) -> None:
    made = filled.build()

    filled.desk.ask(POLICY_MAKER, cancel_extract, made.id)
    with pytest.raises(errors.NotFound):
        filled.desk.ask(POLICY_MAKER, get_extract, made.id)
    run_extracts(filled.context, LEASE)

    assert names(filled) == []


@pytest.mark.parametrize("name", ["extract.csv", "manifest.jsonx", "../register.sqlite3", "", "extract.ndjson.part"])
def test_file_that_the_manifest_does_not_name_is_not_found(filled: ExtractDesk, name: str) -> None:
    made = filled.build()

    with pytest.raises(errors.NotFound):
        filled.desk.ask(POLICY_MAKER, get_extract_file, made.id, name)


def test_file_of_an_extract_that_is_not_done_is_not_found(filled: ExtractDesk) -> None:
    ordered = filled.order()

    with pytest.raises(errors.NotFound):
        filled.desk.ask(POLICY_MAKER, get_extract_file, ordered.id, "manifest.json")


def test_extracts_are_made_one_a_round_in_their_order(filled: ExtractDesk) -> None:
    first, second = filled.order(), filled.order(format="csv")

    states = [(filled.look(first).state, filled.look(second).state)]
    for _ in range(3):
        run_extracts(filled.context, LEASE)
        states.append((filled.look(first).state, filled.look(second).state))

    assert states == [("queued", "queued"), ("done", "queued"), ("done", "done"), ("done", "done")]


def test_sweep_removes_what_belongs_to_nothing(filled: ExtractDesk) -> None:
    made, gone = filled.build(), filled.order()
    filled.desk.ask(POLICY_MAKER, cancel_extract, gone.id)
    for name in (f"{gone.id}.abcd.part", str(gone.id), "00000000-0000-8000-8000-000000000000", "no-extract"):
        (filled.folder / name).mkdir()

    swept = sweep_extracts(filled.context)

    assert swept == 3
    assert names(filled) == sorted([str(made.id), "no-extract"])


def test_sweep_of_no_folder_is_nothing(extracts: ExtractDesk) -> None:
    assert sweep_extracts(extracts.context) == 0
