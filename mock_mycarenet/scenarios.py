"""How the stand-in behaves: one row per scenario."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NoReturn
from uuid import uuid4

from flask import Blueprint, Response, abort

from mock_mycarenet import wire
from mock_mycarenet.bodies import load_body
from mock_mycarenet.decisions import Decision, decide, error_of
from mock_mycarenet.problems import problem
from mock_mycarenet.storage import Storage
from schemas.mycarenet.stand_in import ScenarioRequest

DEFAULT: Final = "accept"
RETRY_AFTER_SECONDS: Final = 2
SLOW_SECONDS: Final = 1.0
LATE_SECONDS: Final = 2.0
REJECTION: Final = "unknown-person"

_chances: Final = Random(8)  # noqa: S311  # which half is down is no secret
Document = dict[str, Any]


def welcome() -> None:
    """Let the request in."""


def slow() -> None:
    """Let the request in, late."""
    time.sleep(SLOW_SECONDS)


def unreachable() -> NoReturn:
    """Answer 503, as a service that is down behind its front."""
    answer = problem(503, "unavailable", "The stand-in plays an outage.")
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    abort(answer)


def half_reachable() -> None:
    """Answer 503 to about half of the requests."""
    if _chances.random() < 0.5:
        unreachable()


def decide_nothing(_ssin: str, _kind: str, _tries: int) -> NoReturn:
    """Answer 503, to a request that was let in before the outage began."""
    unreachable()


def reject(_ssin: str, _kind: str, _tries: int) -> Decision:
    """Reject the message: MyCareNet does not know the person."""
    return Decision("rejected", REJECTION)


def once(answer: Document, _confirmed: int) -> list[Document]:
    """The answer."""
    return [answer]


def thrice(answer: Document, _confirmed: int) -> list[Document]:
    """The answer, three times over."""
    return [answer] * 3


def of_another(answer: Document, confirmed: int) -> list[Document]:
    """First an answer to a message that nobody sent, then the right one."""
    return [answer if confirmed else {**answer, "message_id": str(uuid4())}]


def of_another_body(answer: Document, confirmed: int) -> list[Document]:
    """First an answer to another body of the message, then the right one."""
    return [answer if confirmed else {**answer, "input_reference": str(uuid4())}]


def both_ways(answer: Document, confirmed: int) -> list[Document]:
    """First the answer, then its contrary."""
    if not confirmed:
        return [answer]
    plain = {name: value for name, value in answer.items() if name not in ("outcome", "error", "member")}
    if answer["outcome"] == "accepted":
        return [{**plain, "outcome": "rejected", "error": error_of(REJECTION)}]
    return [{**plain, "outcome": "accepted"}]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A behaviour, as what it does at each moment of an exchange.

    `arrive` runs at the start of every request of the exchange, outside any transaction: it may wait, or abort.
    `decide` runs inside the transaction that records a message: what it aborts is not recorded. `leave` runs when
    everything is committed, and gives what the client gets. Of an answer, the scenario in which its message came says
    how often it must be confirmed, what is shown of it after so many confirmations, and how late. A scenario that acts
    at a moment not named here adds a field with a harmless default.
    """

    arrive: Callable[[], None] = welcome
    decide: Callable[[str, str, int], Decision] = decide
    leave: Callable[[Response], Response] = wire.as_it_is
    show: Callable[[Document, int], list[Document]] = once
    confirmations: int = 1
    late_seconds: float = 0.0
    newest_first: bool = False


# The names are those of `schemas.mycarenet.stand_in.SCENARIOS`, which refuses any other.
SCENARIOS: Final[dict[str, Scenario]] = {
    "accept": Scenario(),
    "slow": Scenario(arrive=slow),
    "outage": Scenario(arrive=unreachable, decide=decide_nothing),
    "http-500": Scenario(leave=wire.only_posts(wire.server_error)),
    "lost-answer": Scenario(leave=wire.only_posts(wire.lost)),
    "duplicate-answer": Scenario(show=thrice, confirmations=3),
    "reordered": Scenario(newest_first=True),
    "reject-all": Scenario(decide=reject),
    "half-503": Scenario(arrive=half_reachable),
    "one-byte-per-second": Scenario(leave=wire.one_byte_per_second),
    "never": Scenario(leave=wire.never),
    "reset": Scenario(leave=wire.reset),
    "cut-json": Scenario(leave=wire.cut),
    "html": Scenario(leave=wire.html),
    "huge": Scenario(leave=wire.huge),
    "wrong-id": Scenario(show=of_another, confirmations=2),
    "wrong-reference": Scenario(show=of_another_body, confirmations=2),
    "delayed": Scenario(late_seconds=LATE_SECONDS),
    "contradicting": Scenario(show=both_ways, confirmations=2),
}


class Stage:
    """Which scenario is in play: looked at with every request, so kept in memory; it survives a restart."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        with storage.reading() as connection:
            self.name = next((str(name) for (name,) in connection.execute("SELECT name FROM scenario")), DEFAULT)

    @property
    def scenario(self) -> Scenario:
        """The scenario in play."""
        return SCENARIOS[self.name]

    def choose(self, name: str) -> None:
        """Play another one from now on."""
        with self._storage.transaction() as tx:
            tx.execute("INSERT OR REPLACE INTO scenario (only, name) VALUES (1, ?)", (name,))
        self.name = name


def scenario_door(stage: Stage) -> Blueprint:
    """`GET` and `PUT /scenario`."""
    door = Blueprint("scenario", __name__)

    @door.get("/scenario")
    def read() -> dict[str, str]:
        return {"name": stage.name}

    @door.put("/scenario")
    def choose() -> dict[str, str]:
        stage.choose(load_body(ScenarioRequest())["name"])
        return {"name": stage.name}

    return door
