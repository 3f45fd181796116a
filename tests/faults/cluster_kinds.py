"""The faults of a register on three nodes: each breaks a node or what lies between them.

Shape: as in `tests/faults/kinds.py`. Where another node has to take over, the fault lasts until it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

from tests.faults.breaking import Kind, Noticed
from tests.faults.history import EVERY_GATEWAY
from tests.faults.rig import Rig

FAILOVER = Noticed((EVERY_GATEWAY,), failover=True)
PATRONI = ("patroni",)


@contextmanager
def leader_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """kill -9 of everything on the node that leads."""
    leader = rig.cluster.leader()
    rig.cluster.kill_node(leader)
    rig.cluster.await_other_leader(leader)
    yield FAILOVER
    rig.cluster.start_node(leader)


@contextmanager
def leading_server_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """kill -9 of the PostgreSQL that leads, whose Patroni sees it."""
    rig.cluster.kill_server(rig.cluster.leader())
    yield FAILOVER


@contextmanager
def leader_frozen(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """The node that leads stands still for a minute, while another takes over, and goes on as if nothing had been."""
    leader = rig.cluster.leader()
    rig.cluster.freeze_node(leader)
    try:
        yield FAILOVER
    finally:
        rig.cluster.wake_node(leader)


@contextmanager
def leader_cut_off(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """The node that leads is alone: no peer, no etcd, no gateway reaches it, nor it them."""
    leader = rig.cluster.leader()
    with _silent(rig, [*leader.peer_lines, f"db{leader.number}"]):
        rig.cluster.await_other_leader(leader)
        yield FAILOVER


@contextmanager
def leader_cut_off_from_peers(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """Gateways reach the node that leads; its peers and etcd do not, and choose another."""
    leader = rig.cluster.leader()
    with _silent(rig, leader.peer_lines):
        rig.cluster.await_other_leader(leader)
        yield FAILOVER


@contextmanager
def standby_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """kill -9 of the node that every commit waits for; the third takes its place."""
    standby = rig.cluster.standby()
    rig.cluster.kill_node(standby)
    yield FAILOVER
    rig.cluster.start_node(standby)


@contextmanager
def both_standbys_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """kill -9 of both nodes that follow: what leads is alone, and may acknowledge nothing."""
    leader = rig.cluster.leader()
    others = [node for node in rig.cluster.nodes if node != leader]
    for node in others:
        rig.cluster.kill_node(node)
    yield Noticed((EVERY_GATEWAY,), silent=True)
    for node in others:
        rig.cluster.start_node(node)


@contextmanager
def switched_over(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """An operator asks for another leader."""
    rig.cluster.switch_over()
    yield FAILOVER


@contextmanager
def etcd_frozen(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """Nobody can agree on anything: after a while no node leads."""
    rig.cluster.freeze_etcd()
    try:
        yield Noticed((EVERY_GATEWAY,))
    finally:
        rig.cluster.wake_etcd()


@contextmanager
def _silent(rig: Rig, lines: Sequence[str]) -> Iterator[None]:
    """Nothing passes on some ways, and connections stay open, as when a cable is pulled."""
    for line in lines:
        rig.relay.choose(line, "freeze")
    try:
        yield
    finally:
        for line in lines:
            rig.relay.choose(line, "pass")


CLUSTER_KINDS = (
    Kind("leader killed", leader_killed, PATRONI),
    Kind("leading PostgreSQL killed", leading_server_killed, PATRONI, shortest=5.0, longest=10.0, deep=10.0),
    Kind("leader frozen", leader_frozen, PATRONI, shortest=60.0, longest=60.0, deep=60.0),
    Kind("leader cut off", leader_cut_off, PATRONI, shortest=1.0, longest=5.0, deep=30.0),
    Kind("leader cut off from its peers", leader_cut_off_from_peers, PATRONI, shortest=5.0, longest=10.0, deep=30.0),
    Kind("synchronous standby killed", standby_killed, PATRONI, shortest=5.0, longest=10.0, deep=20.0),
    Kind("both standbys killed", both_standbys_killed, PATRONI, shortest=8.0, longest=15.0, deep=30.0),
    Kind("another leader asked for", switched_over, PATRONI, shortest=2.0, longest=5.0, deep=5.0),
    Kind("etcd frozen", etcd_frozen, PATRONI, shortest=1.0, longest=15.0, deep=30.0),
)
