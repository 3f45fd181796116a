"""The history checker: from what clients saw and what is left to the promises that were broken.

Each clause is a pure function of both, and each was seen red (`test_checker.py`).
Source: GUARANTEES 1 and 4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tests.faults.history import History, Remains, Request, Row, Violation, is_good
from tests.faults.recovery import interruptions, recoveries

BELGIUM = ZoneInfo("Europe/Brussels")
GRACE_SECONDS = 5.0
LONGEST_RECOVERY_SECONDS = 60.0
VERBS = {"inclusion": "register_inclusion", "exit": "register_exit", "action": "register_action"}
Clause = Callable[[History, Remains], Iterator[str]]


def violations(history: History, remains: Remains) -> list[Violation]:
    """Every promise that was broken, clause by clause; empty when all were kept."""
    return [Violation(name, shown) for name, clause in CLAUSES.items() for shown in clause(history, remains)]


def lost(history: History, remains: Remains) -> Iterator[str]:
    """What was acknowledged is stored (G1)."""
    stored = {(row.noun, row.id) for row in remains.rows}
    exits = {row.id for row in remains.rows if row.noun == "inclusion" and row.status == "exited"}
    for one in _acknowledged(history):
        is_there = one.id in exits if one.noun == "exit" else (one.noun, one.id) in stored
        if not is_there:
            yield f"{one.noun} {one.id} was acknowledged under {one.key} and is not stored"


def changed(history: History, remains: Remains) -> Iterator[str]:
    """What is stored is what was asked for and what was shown (G1, G2)."""
    rows = {row.id: row for row in remains.rows}
    for one in _acknowledged(history):
        row = rows.get(one.id or "")
        if row is not None:
            asked = {**one.facts, **(one.shown or {})}
            kept = {"id": row.id, **row.facts}
            wrong = sorted(name for name, value in asked.items() if kept.get(name) != value)
            if wrong:
                yield f"{one.noun} {one.id} was acknowledged with another {', '.join(wrong)}"


def status(history: History, remains: Remains) -> Iterator[str]:
    """A fact is in the state in which its requests and MyCareNet's answer put it."""
    exits = {one.id for one in _acknowledged(history) if one.noun == "exit"}
    perhaps = {one.facts.get("id") for one in history.requests if one.noun == "exit" and one.is_unknown}
    rejected = {one.reference for one in remains.outbox if one.state == "rejected" and one.kind in VERBS}
    for row in remains.rows:
        usual = "recorded" if row.noun == "action" else "exited" if row.id in exits else "open"
        due = "rejected" if row.id in rejected else usual
        if row.status != due and not (row.id in perhaps and row.status == "exited"):
            yield f"{row.noun} {row.id} is {row.status}, not {due}"


def stray(history: History, remains: Remains) -> Iterator[str]:
    """Every stored row maps to one request: acknowledged, or one of which nobody knows (G2, G4)."""
    known = {one.id for one in _acknowledged(history) if one.noun != "exit"}
    unknown = [one for one in history.requests if one.is_unknown and one.noun != "exit"]
    for row in remains.rows:
        if row.id in known:
            continue
        asked = next((one for one in unknown if one.noun == row.noun and _is_of(row, one)), None)
        if asked is None:
            yield f"{row.noun} {row.id} is stored, and nobody asked for it"
        else:
            unknown.remove(asked)


def shared(history: History, _remains: Remains) -> Iterator[str]:
    """An effect belongs to one key (G5)."""
    keys: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for one in _acknowledged(history):
        keys[(one.noun, one.id)].add(one.key)
    yield from (f"{noun} {id} was given to {len(found)} keys" for (noun, id), found in keys.items() if len(found) > 1)


def two_answers(history: History, _remains: Remains) -> Iterator[str]:
    """A key has one answer, whoever gives it and however often (G3)."""
    for one in history.requests:
        answers = {each.content for each in one.attempts if is_good(each)}
        if len(answers) > 1:
            yield f"key {one.key} was answered in {len(answers)} ways"


def doubled(_history: History, remains: Remains) -> Iterator[str]:
    """A business key has one row (G5)."""
    counted = Counter(key for row in remains.rows if (key := _business_key(row)) is not None)
    yield from (f"{key[0]} counted {count} times" for key, count in counted.items() if count > 1)


def mixed_up(history: History, remains: Remains) -> Iterator[str]:
    """Two people never share a pseudonym, and one has one in each project."""
    rows = {row.id: row for row in remains.rows}
    pairs = {
        (row.project, one.person, row.pseudonym)
        for one in _acknowledged(history)
        if (row := rows.get(one.id or "")) is not None
    }
    for project, _person, count in _twice((project, person) for project, person, _ in pairs):
        yield f"one person has {count} pseudonyms in {project}, as their requests say"
    for project, _pseudonym, count in _twice((project, pseudonym) for project, _, pseudonym in pairs):
        yield f"{count} people share a pseudonym in {project}"


def messages(history: History, remains: Remains) -> Iterator[str]:
    """Every effect has one message, and every message an effect (G6)."""
    exits = {one.id for one in _acknowledged(history) if one.noun == "exit" and one.id is not None}
    owed = Counter([*((row.noun, row.id) for row in remains.rows), *(("exit", one) for one in exits)])
    kept = Counter((one.kind, one.reference) for one in remains.outbox)
    unknown = {("exit", one.facts.get("id", "")) for one in history.requests if one.is_unknown}
    for kind, reference in sorted((owed - kept).keys()):
        yield f"{kind} {reference} has no message"
    for kind, reference in sorted((kept - owed).keys() - unknown):
        yield f"{kind} {reference} has a message too many"


def upstream(_history: History, remains: Remains) -> Iterator[str]:
    """MyCareNet got every message, and none that is not ours (G6)."""
    sent, received = {one.id for one in remains.outbox}, {one.message_id for one in remains.ledger}
    yield from (f"message {one} never arrived" for one in sorted(sent - received))
    yield from (f"message {one} arrived and is not in the outbox" for one in sorted(received - sent))


def order(_history: History, remains: Remains) -> Iterator[str]:
    """Of each beneficiary, messages arrived first in the order of their commits (G7)."""
    sequences = {one.id: one for one in remains.outbox}
    reached: dict[tuple[str, str], int] = defaultdict(int)
    for one in dict.fromkeys(each.message_id for each in remains.ledger):
        message = sequences.get(one)
        if message is None:
            continue
        if message.sequence < reached[message.beneficiary]:
            yield f"message {one} (number {message.sequence}) arrived after number {reached[message.beneficiary]}"
        reached[message.beneficiary] = max(reached[message.beneficiary], message.sequence)


def undelivered(_history: History, remains: Remains) -> Iterator[str]:
    """At the end nothing waits, nothing failed, and no lease is held (G8, G13)."""
    for one in remains.outbox:
        if one.state not in ("accepted", "rejected"):
            yield f"message {one.id} is {one.state}"
        if one.leased:
            yield f"message {one.id} is under a lease"


def audit(history: History, remains: Remains) -> Iterator[str]:
    """Every effect has one audit entry (G16)."""
    entries = Counter((one.verb, one.object) for one in remains.audit if one.verb in VERBS.values())
    owed: set[tuple[str, str]] = {(VERBS[row.noun], row.id) for row in remains.rows}
    owed |= {(VERBS["exit"], one.id) for one in _acknowledged(history) if one.noun == "exit" and one.id is not None}
    unknown = {(VERBS["exit"], one.facts.get("id", "")) for one in history.requests if one.is_unknown}
    for verb, about in sorted(owed):
        if entries[(verb, about)] != 1:
            yield f"{verb} of {about} has {entries[(verb, about)]} audit entries"
    yield from (f"{verb} of {about} is audited and had no effect" for verb, about in entries.keys() - owed - unknown)


def figures(history: History, remains: Remains) -> Iterator[str]:
    """What was released is what the clients' history gives, within the protection."""
    counted = _counted(history, remains)
    slack = sum(one.is_unknown for one in history.requests)
    for one in remains.figures:
        people, actions = counted.get((one.project, one.month), (0, 0))
        if abs(one.beneficiaries - people) > one.reach_beneficiaries + slack:
            yield f"{one.project} {one.month}: {one.beneficiaries} beneficiaries released, {people} in the history"
        if abs(one.actions - actions) > one.reach_actions + slack:
            yield f"{one.project} {one.month}: {one.actions} actions released, {actions} in the history"


def refused(history: History, _remains: Remains) -> Iterator[str]:
    """Nothing is refused but what the rules refuse."""
    for one in (*history.requests, *history.reads):
        if one.status is not None and one.status < 500 and one.status not in one.expected:
            yield f"{one.noun} {one.key} ended with {one.status} {one.attempts[-1].code}"


def unexcused(history: History, _remains: Remains) -> Iterator[str]:
    """No 503, no broken answer and no refused token outside a fault and its grace; no other 5xx at all (G10 to G14)."""
    excused = _excused(history)
    for one in (*history.requests, *history.reads):
        for attempt in one.attempts:
            if attempt.status in (None, 401, 503):
                is_excused = any(
                    begin <= attempt.ended_at and attempt.sent_at <= end and (clock or attempt.status != 401)
                    for begin, end, clock in excused.get(attempt.gateway, ())
                )
            else:
                is_excused = attempt.status is not None and attempt.status < 500
            if not is_excused:
                what = attempt.status or "no answer"
                yield f"{one.key}: {what} {attempt.code or ''} from gateway {attempt.gateway} at {attempt.sent_at:.1f}"


def stale(history: History, remains: Remains) -> Iterator[str]:
    """A read sees what was acknowledged before it was sent, on whichever gateway (G7, G10)."""
    left = {
        one.id: min(each.ended_at for each in one.attempts if is_good(each))
        for one in _acknowledged(history)
        if one.noun == "exit"
    }
    for one in history.reads:
        if not one.is_acknowledged:
            continue
        if one.id is None:
            yield f"a read of {one.key} shows nothing"
        elif one.id in left and one.attempts[-1].sent_at > left[one.id] and (one.shown or {}).get("status") == "open":
            yield f"a read of {one.id} shows it open after its exit was acknowledged"


def alone(history: History, _remains: Remains) -> Iterator[str]:
    """Nothing is acknowledged for the first time while no second node could have it (G11)."""
    silent = [window.silent for window in history.windows if window.silent is not None]
    for one in _acknowledged(history) if silent else ():
        first = next(each for each in one.attempts if is_good(each))
        if any(begin < first.sent_at and first.ended_at < end for begin, end in silent):
            yield f"{one.noun} {one.id} was acknowledged by one node alone at {first.ended_at:.1f}"


def without_writes(history: History, _remains: Remains) -> Iterator[str]:
    """While another node takes over, each gateway is without writes for a minute at most (G10)."""
    for window, seconds in interruptions(history):
        if seconds > LONGEST_RECOVERY_SECONDS:
            yield f"{window.kind} at {window.began_at:.1f}: {seconds:.0f} s without writes"


def dated(_history: History, remains: Remains) -> Iterator[str]:
    """An inclusion is valid from the first day of the month after it was communicated, in Belgium (V1, G14)."""
    for row in remains.rows:
        if row.noun == "inclusion" and "communicated_at" in row.facts:
            day = datetime.fromisoformat(row.facts["communicated_at"]).astimezone(BELGIUM).date()
            first = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            if row.facts["valid_from"] != first.isoformat():
                yield f"inclusion {row.id} of {day} is valid from {row.facts['valid_from']}"


def slow(history: History, remains: Remains) -> Iterator[str]:
    """After a fault is lifted, all is well again within a minute (G10, G13)."""
    for window, seconds in recoveries(history, remains):
        if seconds is None or seconds > LONGEST_RECOVERY_SECONDS:
            took = "never" if seconds is None else f"after {seconds:.0f} s"
            yield f"{window.kind} at {window.began_at:.1f}: well again {took}"


def leaks(_history: History, remains: Remains) -> Iterator[str]:
    """Canary SSINs and tokens are nowhere."""
    yield from remains.leaks


CLAUSES: dict[str, Clause] = {
    "acknowledged is stored": lost,
    "stored is as acknowledged": changed,
    "a fact has its status": status,
    "a row has a request": stray,
    "an effect has one key": shared,
    "a key has one answer": two_answers,
    "a business key has one row": doubled,
    "a person has one pseudonym": mixed_up,
    "an effect has one message": messages,
    "upstream got what was sent": upstream,
    "order per beneficiary": order,
    "nothing waits at the end": undelivered,
    "an effect has one audit entry": audit,
    "figures follow from the history": figures,
    "only the rules refuse": refused,
    "errors only in faults": unexcused,
    "well again within a minute": slow,
    "a read sees what was acknowledged": stale,
    "no answer by one node alone": alone,
    "a minute without writes at most": without_writes,
    "a day follows from its instant": dated,
    "canaries nowhere": leaks,
}


def _excused(history: History) -> dict[int, list[tuple[float, float, bool]]]:
    """When the clients of each gateway may see errors: from a fault on until they were well again, and the grace."""
    seconds = {id(window): took for window, took in recoveries(history, Remains())}
    numbers = {attempt.gateway for one in history.requests for attempt in one.attempts}
    return {
        number: [
            (one.began_at, one.lifted_at + (seconds.get(id(one)) or 0.0) + GRACE_SECONDS, one.clock)
            for one in history.windows
            if one.hits(number)
        ]
        for number in numbers
    }


def _acknowledged(history: History) -> Iterator[Request]:
    return (one for one in history.requests if one.is_acknowledged)


def _is_of(row: Row, asked: Request) -> bool:
    return all(row.facts.get(name) == value for name, value in asked.facts.items())


def _business_key(row: Row) -> tuple[str, ...] | None:
    if row.noun == "inclusion":
        return ("inclusion", row.project, row.pseudonym) if row.status == "open" else None
    if row.status != "recorded":
        return None
    names = ("pseudocode", "performed_by", "performed_on", "occurrence")
    return ("action", row.project, row.pseudonym, *(row.facts.get(name, "") for name in names))


def _twice(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    return ((first, second, count) for (first, second), count in Counter(pairs).items() if count > 1)


def _counted(history: History, remains: Remains) -> dict[tuple[str, str], tuple[int, int]]:
    """Beneficiaries and actions by project and month; of a person and a pseudocode no more than the cap counts."""
    acts: Counter[tuple[str, str, str, str]] = Counter()
    for one in _acknowledged(history):
        if one.noun == "action":
            month = one.facts["performed_on"][:7]
            acts[(one.facts["project"], month, one.person, one.facts["pseudocode"])] += 1
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    actions: Counter[tuple[str, str]] = Counter()
    for (project, month, person, _), count in acts.items():
        people[(project, month)].add(person)
        actions[(project, month)] += min(count, remains.cap)
    return {cell: (len(found), actions[cell]) for cell, found in people.items()}
