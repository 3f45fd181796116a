"""Renaming under a new pseudonym key: nobody is lost or there twice, whoever writes meanwhile, on both stores."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from gateway.clock import real_now
from gateway.domain import errors
from gateway.domain.delivery import Acknowledged, Answer, State
from gateway.pseudonyms.keyring import Keyring, Purpose
from gateway.pseudonyms.rotation import announced, retired, used
from gateway.pseudonyms.veil import veil_of
from gateway.services.change_identity import change_identity
from gateway.services.change_inclusion import annul_exit, correct_inclusion
from gateway.services.collect_answers import collect_answers
from gateway.services.context import MovedMeanwhile, Work
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_inclusions import find_inclusions
from gateway.services.perform import MOST_MOVES
from gateway.services.register_inclusion import register_inclusion
from gateway.services.rename_people import Pass, clear_places, rename_people
from gateway.store.tables import action, beneficiary, delivery_failure, former_pseudonym, inclusion, outbox, vault
from tests.builders import PROJECT
from tests.services.desk import ADMIN, PARTNER, Desk, a_beneficiary, an_inclusion_submission, ssin
from tests.services.test_deliver_outbox import MEMBER, PACE, Times, Wire
from tests.services.test_moved_messages import AWAY
from tests.store.rows import rows

WITH_A_PSEUDONYM = (beneficiary, vault, inclusion, action, outbox)


@pytest.fixture
def known(keyring: Keyring) -> Keyring:
    """The ring with a second pseudonym key, which nobody uses yet."""
    return announced(keyring, Purpose.PSEUDONYM)


@pytest.fixture
def in_use(known: Keyring) -> Keyring:
    """The ring with both, the second in use."""
    return used(known, Purpose.PSEUDONYM)


def under(desk: Desk, ring: Keyring) -> Desk:
    """The same desk as a process has it that read this ring."""
    return replace(desk, context=replace(desk.context, veil=veil_of(ring)))


def pseudonyms(desk: Desk, *tables: Any) -> set[bytes]:
    return {bytes(row["pseudonym"]) for table in tables or WITH_A_PSEUDONYM for row in rows(desk.database_url, table)}


def of(desk: Desk, *numbers: int) -> set[bytes]:
    return {desk.context.veil.pseudonymiser.pseudonymise(ssin(number), PROJECT) for number in numbers}


def content(desk: Desk) -> dict[str, list[tuple[Any, ...]]]:
    """Everything about people but under which pseudonym, where, and sealed how."""
    left_out = {"bucket", "pseudonym", "sealed_ssin", "sealed_tried_ssin", "tried_pseudonym"}
    tables = (beneficiary, inclusion, action, outbox, delivery_failure)
    return {
        table.name: sorted(
            (tuple(str(value) for name, value in row.items() if name not in left_out))
            for row in rows(desk.database_url, table)
        )
        for table in tables
    }


def test_everything_of_a_person_is_under_the_new_pseudonym_and_nothing_else_changed(
    desk: Desk, in_use: Keyring
) -> None:
    first = desk.include().known.inclusion
    desk.include(1)
    desk.at("2022-03-01T08:00+01:00").act()
    desk.ask(PARTNER, correct_inclusion, first.id, 1, None, "25112")
    before, old = content(desk), pseudonyms(desk)
    later = under(desk, in_use)

    done = rename_people(later.context)
    again = rename_people(later.context)
    clear_places(later.context)

    assert (done, again) == (Pass(2), Pass())
    assert content(desk) == before
    assert pseudonyms(desk) == of(later, 0, 1)
    assert not pseudonyms(desk) & old
    last = under(desk, retired(in_use, Purpose.PSEUDONYM))
    assert last.ask(ADMIN, find_inclusions, a_beneficiary()).items[0].known.inclusion.id == first.id
    assert last.exit(first.id).known.inclusion.status == "exited"
    assert last.include().known.inclusion.pseudonym in of(last, 0)
    kept = rows(desk.database_url, former_pseudonym)
    assert {bytes(row["former_pseudonym"]) for row in kept} == old
    with desk.context.store.reading() as tx:
        person = (kept[0]["bucket"], PROJECT, bytes(kept[0]["pseudonym"]))
        assert len(tx.renaming.former(person)) == 1


def test_several_rotations_leave_every_former_pseudonym_of_the_audit(desk: Desk, in_use: Keyring) -> None:
    one = desk.include().known.inclusion
    second = under(desk, retired(in_use, Purpose.PSEUDONYM))
    rename_people(second.context)
    third = under(desk, used(announced(retired(in_use, Purpose.PSEUDONYM), Purpose.PSEUDONYM), Purpose.PSEUDONYM))

    rename_people(third.context)

    (there,) = rows(desk.database_url, vault)
    with desk.context.store.reading() as tx:
        former = tx.renaming.former((there["bucket"], PROJECT, bytes(there["pseudonym"])))
    assert {person[2] for person in former} == of(desk, 0) | of(second, 0)
    assert third.exit(one.id).known.inclusion.status == "exited"


def test_person_is_found_and_never_added_twice_whichever_key_a_process_uses(
    desk: Desk, known: Keyring, in_use: Keyring
) -> None:
    """One process knows the old key alone until both know the new one; then one uses it before the other does."""
    early, late = under(desk, known), under(desk, in_use)
    for number, (first, second) in enumerate([(desk, early), (early, desk), (early, late), (late, early)]):
        included = first.include(number).known.inclusion

        with pytest.raises(errors.AlreadyIncluded):
            second.include(number)
        assert second.exit(included.id).known.inclusion.status == "exited"
        assert first.include(number).known.inclusion.pseudonym == included.pseudonym

    assert rename_people(late.context).renamed == 3
    for number in range(4):
        for process in (early, late):
            assert len(process.ask(ADMIN, find_inclusions, a_beneficiary(number)).items) == 2
            with pytest.raises(errors.AlreadyIncluded):
                process.include(number)


def test_who_is_being_added_under_one_key_is_waited_for_under_another(
    desk: Desk, known: Keyring, in_use: Keyring
) -> None:
    early, late = under(desk, known), under(desk, in_use)
    is_added = threading.Event()

    def register_slowly(work: Work) -> None:
        register_inclusion(work, an_inclusion_submission())
        is_added.set()
        time.sleep(0.5)

    register_slowly.__name__ = "register_inclusion"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(early.ask, PARTNER, register_slowly)
        assert is_added.wait(10)
        with pytest.raises(errors.AlreadyIncluded):
            late.include()
        first.result()


def test_whom_nobody_knows_leaves_no_row_when_looked_for(desk: Desk, in_use: Keyring) -> None:
    late = under(desk, in_use)

    assert late.ask(ADMIN, find_inclusions, a_beneficiary()).items == []
    with pytest.raises(errors.NotIncluded):
        late.at("2022-03-01T08:00+01:00").act()

    assert rows(desk.database_url, beneficiary) == []


def test_places_that_were_held_are_removed_in_the_end(desk: Desk, in_use: Keyring) -> None:
    late = under(desk, in_use)
    late.include()
    held = len(rows(desk.database_url, beneficiary))

    cleared = clear_places(late.context)

    assert (held, cleared) == (2, 1)
    assert pseudonyms(desk, beneficiary) == of(late, 0)


def test_message_that_is_being_sent_keeps_its_person_until_it_is_done(desk: Desk, in_use: Keyring) -> None:
    desk.include()
    late = under(desk, in_use)
    passes: list[Pass] = []

    class Busy(Wire):
        def send(self, message: Any, number: Any) -> Any:
            passes.append(rename_people(late.context))
            return super().send(message, number)

    deliver_outbox(desk.context, Busy(), PACE)

    assert passes == [Pass(left=1)]
    assert rename_people(late.context) == Pass(1)
    assert [row["state"] for row in rows(desk.database_url, outbox)] == ["sent"]


def test_answer_to_a_message_that_was_renamed_is_recorded(desk: Desk, in_use: Keyring) -> None:
    desk.include()
    deliver_outbox(desk.context, Wire(Acknowledged("MCN-1")), PACE)
    late = under(desk, in_use)
    rename_people(late.context)
    (row,) = rows(desk.database_url, outbox)

    answer = Answer("a-1", row["id"], True, None, MEMBER, row["input_reference"], "MCN-1")
    collect_answers(desk.context, Wire(answers=[answer]))

    assert rows(desk.database_url, outbox)[0]["state"] == State.ACCEPTED
    assert [one["sex"] for one in rows(desk.database_url, beneficiary) if one["sequence"]] == [MEMBER.sex]


def test_number_that_a_message_was_tried_with_is_sealed_for_its_new_pseudonym(desk: Desk, in_use: Keyring) -> None:
    times = Times(real_now())
    desk.context = replace(desk.context, real_now=times)
    one = desk.include().known.inclusion
    deliver_outbox(desk.context, Wire(AWAY), PACE)
    desk.ask(ADMIN, change_identity, one.id, ssin(1), "mistyped")
    late = under(desk, retired(in_use, Purpose.PSEUDONYM))

    rename_people(late.context)

    tried = next(row for row in rows(desk.database_url, outbox) if row["sealed_tried_ssin"] is not None)
    assert {bytes(tried["tried_pseudonym"])} == of(late, 0)
    wire = Wire()
    times.now += timedelta(hours=1)
    while deliver_outbox(late.context, wire, PACE):
        continue
    assert [(kind, number) for kind, _, number in wire.sent] == [
        ("inclusion", ssin(0).reveal()),
        ("identity-change", ssin(1).reveal()),
    ]


def test_person_whose_seal_is_broken_is_told(desk: Desk, in_use: Keyring) -> None:
    desk.include()
    with desk.context.store.transaction() as tx:
        (row,) = rows(desk.database_url, vault)
        tx.vault.forget(row["bucket"], PROJECT, row["pseudonym"])
        tx.vault.put(row["bucket"], PROJECT, row["pseudonym"], b"\x00\x01" + bytes(40))

    assert rename_people(under(desk, in_use).context) == Pass(broken=1)


def test_verb_that_found_somebody_moved_is_done_again_and_audited_once(desk: Desk) -> None:
    tries = count()

    def find_inclusions(work: Work) -> None:
        if next(tries) < MOST_MOVES - 1:
            raise MovedMeanwhile

    desk.ask(ADMIN, find_inclusions)
    done = desk.outcomes()
    with pytest.raises(errors.StoreUnavailable):
        desk.ask(ADMIN, find_forever)

    assert done == desk.outcomes() == [("find_inclusions", "done")]


def find_forever(work: Work) -> None:
    raise MovedMeanwhile


find_forever.__name__ = "find_inclusions"


class Load:
    """Some people whom several threads include, have leave and come back, and look for, all at once, until it ends.

    Shape: in each stage there are two kinds of process; the next stage begins once every thread has seen this one.
    """

    WORKERS = 4
    PEOPLE = 24

    def __init__(self, desks: list[Desk]) -> None:
        self.stage = (0, desks)
        self.seen = [0] * self.WORKERS
        self.failures: list[BaseException] = []
        self.done = threading.Event()
        self.included = 0

    def begin(self, *desks: Desk) -> None:
        """Have the processes of the next stage, and wait until no work of the one before is under way."""
        self.stage = (self.stage[0] + 1, list(desks))
        while min(self.seen) < self.stage[0]:
            for failure in self.failures:
                raise AssertionError("a thread of the load failed") from failure
            time.sleep(0.01)

    def run(self, worker: int) -> None:
        chance = Random(worker)
        while not self.done.is_set():
            number, desks = self.stage
            self.seen[worker] = number
            try:
                self._live(chance.choice(desks), chance.randrange(self.PEOPLE))
            except (errors.AlreadyIncluded, errors.AlreadyExited, errors.NotExited):
                continue  # another thread was first
            except Exception as failure:
                self.failures.append(failure)
                raise

    def _live(self, desk: Desk, number: int) -> None:
        found = desk.ask(ADMIN, find_inclusions, a_beneficiary(number)).items
        if not found:
            desk.include(number)
            self.included += 1
            return
        one = found[0].known.inclusion
        if one.status == "open":
            desk.exit(one.id)
        desk.ask(ADMIN, annul_exit, one.id, "other")


def test_rotation_under_load_makes_no_error_and_nobody_twice(
    desk: Desk, keyring: Keyring, known: Keyring, in_use: Keyring
) -> None:
    """Two kinds of process, one of which is always a phase behind the other, while everybody is renamed."""
    for number in range(0, Load.PEOPLE, 2):
        desk.include(number)
    load, wire = Load([desk]), Wire()
    now, later, last = under(desk, known), under(desk, in_use), under(desk, retired(in_use, Purpose.PSEUDONYM))
    with ThreadPoolExecutor(load.WORKERS) as pool:
        threads = [pool.submit(load.run, worker) for worker in range(load.WORKERS)]
        try:
            for desks in ((desk, now), (now,), (now, later), (later,)):
                load.begin(*desks)
                rename_people(desks[-1].context)
                deliver_outbox(desks[0].context, wire, PACE)
            while rename_people(later.context) != Pass():
                continue
            load.begin(later, last)
            load.begin(last)
            clear_places(last.context)
        finally:
            load.done.set()
    clear_places(last.context)

    assert [thread.exception() for thread in threads] == [None] * load.WORKERS
    current = [row for row in rows(desk.database_url, inclusion) if row["superseded_at"] is None]
    assert len(current) == Load.PEOPLE == load.included + Load.PEOPLE // 2
    assert pseudonyms(desk) == of(last, *range(Load.PEOPLE))
    assert len(rows(desk.database_url, vault)) == len(rows(desk.database_url, beneficiary)) == Load.PEOPLE
    while deliver_outbox(last.context, wire, PACE):
        continue
    messages = rows(desk.database_url, outbox)
    assert len(messages) == len(wire.sent)
    assert {row["state"] for row in messages} == {"sent"}
    for number in range(Load.PEOPLE):
        (found,) = last.ask(ADMIN, find_inclusions, a_beneficiary(number)).items
        sequences = [at for _, at, sent in wire.sent if sent == ssin(number).reveal()]
        assert sequences == sorted(sequences)
        assert found.known.inclusion.status in ("open", "exited")
