"""What waits until an instant, or is leased until one, and what of it is due.

The instants come from the clocks of many machines. One that is later than any wait or lease lasts was written by a
clock that was ahead: it keeps nothing waiting, or a clock two hours ahead for a moment would delay a person's messages
by two hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BindParameter, ColumnElement, Table, and_, bindparam, or_

SKEW = timedelta(minutes=1)
"""By how much clocks may differ that are not wrong."""
NEVER = datetime.max.replace(tzinfo=UTC)


def latest(now: datetime, *lasting: timedelta) -> datetime:
    """The last instant that a wait or a lease may name that lasts so long at most.

    >>> latest(datetime(2022, 1, 15, 9, tzinfo=UTC), timedelta(seconds=30), timedelta(minutes=5)).isoformat()
    '2022-01-15T09:06:00+00:00'
    """
    return now + max(lasting) + SKEW


def is_due(table: Table) -> ColumnElement[bool]:
    """Whether a row waits no longer and is nobody's at the instant `now`; what it says beyond `latest` is void."""
    wait, lease = table.c.next_attempt_at, table.c.leased_until
    now: BindParameter[datetime] = bindparam("now")
    last: BindParameter[datetime] = bindparam("latest")
    return and_(or_(wait <= now, wait > last), or_(lease.is_(None), lease <= now, lease > last))
