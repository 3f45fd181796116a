"""How the register can be spread over several machines: which tables by which column, and which are wholly on each.

Everything about one person has one bucket, so a registration touches one machine, and one more for its key.

Stage: none.
Source: SCALE 1, 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping

BY_BUCKET = (
    *("inclusion", "action", "beneficiary", "vault", "former_pseudonym", "outbox", "delivery_failure", "moved"),
    *("audit_entry", "audit_chain", "webhook_event"),
)
BY_SHARD = ("idempotency", "rate", "batch", "batch_line", "extract")
PLACES: Mapping[str, str] = {**dict.fromkeys(BY_BUCKET, "bucket"), **dict.fromkeys(BY_SHARD, "shard")}
"""The column by which each table is spread; both are 0 to 4095, so equal values of either are in one place."""
ON_EVERY_NODE = (
    *("catalogue_version", "project", "zone", "pseudocode", "assignment", "partner", "catalogue_history"),
    *("denied_key", "webhook", "release", "cell", "pulse", "latency", "lane_beat"),
)
"""Tables that are written rarely or by workers alone; a table stands behind those that it refers to."""
