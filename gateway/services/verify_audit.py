"""Verify the audit: every entry, its place in its chain, and the checkpoints that were signed meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from gateway.domain.audit import CHAINS, START, Broken, ChainedEntry, check_chain
from gateway.pseudonyms.receipts import BrokenReceipt, verify_checkpoint
from gateway.services.checkpoints import BrokenCheckpoints, Ends, Log, ends_of
from gateway.services.context import Context
from gateway.store.audit import Unchained


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole audit found.

    Shape: `broken` has the first entry of each chain that is not as it was; `checkpoints` is how many were signed, the
    last of them at `checkpointed_at`; `unchained` entries are not looked at.
    """

    entries: int
    broken: Sequence[Broken]
    checkpoints: int
    checkpointed_at: str
    unchained: Unchained


def verify_audit(context: Context, lines: Iterable[str], jwks: Mapping[str, Any], kept: Iterable[str] = ()) -> Verified:
    """Look at every chain against the checkpoints of a file, in their order, and those that are `kept` elsewhere.

    Shape: a chain at a time, each as it is at one instant, so that writers go on.
    Not: whether the newest checkpoints were taken away; compare with one that is kept elsewhere.
    Raises: BrokenCheckpoints; BrokenReceipt or ValueError for one that is kept; StoreUnavailable.
    """
    log, hashes = Log(), Hashes()
    for line in lines:
        try:
            log.add(line, verify_checkpoint(line, jwks))
        except BrokenReceipt:
            raise BrokenCheckpoints(log.number + 1) from None
        hashes.add(log.ends)
    for line in kept:
        hashes.add(ends_of(verify_checkpoint(line, jwks)))
    found = [_verify_chain(context, chain, hashes.of(chain)) for chain in range(CHAINS)]
    with context.store.reading() as tx:
        unchained = tx.audit.unchained()
    broken = [one for _, one in found if one is not None]
    return Verified(sum(count for count, _ in found), broken, log.number, log.at, unchained)


class Hashes:
    """By chain, the hash at each position that was checkpointed; of two that differ, the later one that was added."""

    def __init__(self) -> None:
        self._chains: dict[int, dict[int, bytes]] = {}

    def add(self, ends: Ends) -> None:
        """Take what one checkpoint says."""
        for chain, end in ends.items():
            self._chains.setdefault(chain, {})[end.position] = end.hash

    def of(self, chain: int) -> Mapping[int, bytes]:
        """The hashes of a chain by position."""
        return self._chains.get(chain, {})


def _verify_chain(context: Context, chain: int, hashes: Mapping[int, bytes]) -> tuple[int, Broken | None]:
    """How many entries of a chain were looked at, and the first that is not as it was."""
    seen = 0

    def counted(rows: Iterable[ChainedEntry]) -> Iterator[ChainedEntry]:
        nonlocal seen
        for row in rows:
            seen += 1
            yield row

    with context.store.reading() as tx:
        tx.freeze()
        end = tx.chains.heads().get(chain, START)
        with closing(tx.chains.walk(chain)) as rows:
            broken = check_chain(chain, counted(rows), end, hashes)
    return seen, broken
