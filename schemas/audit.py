"""The audit on the wire: who did or saw what, when, and how it ended. No identity and no pseudonym in it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from schemas.fields import (
    Cursor,
    Data,
    Day,
    Identifier,
    Instant,
    Limit,
    ProjectId,
    StrictField,
    StrictSchema,
    Text,
    WholeNumber,
    about,
    as_text,
)
from schemas.inclusion import EXAMPLE_ID, items_of, next_cursor

_HASH = re.compile(r"[0-9a-f]{32}")
_CALLER = "3f0c9a5be2d84c17a6f1d0729b5e8c44"


class Moment(StrictField[date]):
    """An instant, which has a zone, or a calendar day, which is one in Brussels."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> date:
        moment: date
        try:
            moment = Day().deserialize(value)
        except ValidationError:
            moment = Instant().deserialize(value)
        return moment


class Person(Text):
    """A person as the audit names one: a hash, in which an SSIN stands by chance alone, or a text without one."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> str:
        text = as_text(value)
        return text if _HASH.fullmatch(text) else super()._deserialize(value, attr, data, **kwargs)


class AuditQuery(StrictSchema):
    """Which entries to list; an entry has to meet everything that is said."""

    class Meta(StrictSchema.Meta):
        """`from` is a keyword of the language."""

        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Moment(metadata=about("Only entries from this instant or day on.", "2022-01-01T00:00:00Z"))
        }

    inclusion = Identifier(metadata=about("Only entries about this inclusion.", EXAMPLE_ID))
    caller = Person(64, metadata=about("Only entries of this person, as `person` names them.", _CALLER))
    to = Moment(metadata=about("Only entries before this instant, or until the end of this day.", "2022-01-31"))
    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


class AuditEntry(StrictSchema):
    """One entry of the audit. Stage: pseudonymous, without the pseudonym."""

    id = Identifier(required=True, metadata=about("Id of the entry; a receipt names it.", EXAMPLE_ID))
    at = Instant(required=True, metadata=about("When, in real time.", "2022-01-15T08:30:00Z"))
    role = Text(
        40,
        required=True,
        metadata=about("In which role it was asked for; `operator` has the command line.", "provider"),
    )
    organisation = Text(
        80, required=True, metadata=about("For whom: a provider, project, insurer or the role.", "10000106")
    )
    person = Text(64, required=True, metadata=about("Who: a keyed hash, always the same for one person.", _CALLER))
    verb = Text(60, required=True, metadata=about("What was asked for.", "get_inclusion"))
    outcome = Text(
        60, required=True, metadata=about("`done`, `replayed`, `validated`, or the code of the refusal.", "done")
    )
    request_id = Text(80, required=True, metadata=about("Of which request, as its log lines have it.", EXAMPLE_ID))
    project = ProjectId(metadata=about("In which project, where one is concerned.", "demo-nord"))
    object = Identifier(metadata=about("About which inclusion, action or other object.", EXAMPLE_ID))
    chain = WholeNumber(0, 15, metadata=about("In which chain; absent for a second or two, until it is chained.", 3))
    position = WholeNumber(1, 2**63 - 1, metadata=about("At which place of that chain, from 1.", 17))


class AuditList(StrictSchema):
    """A page of entries, newest last."""

    items = items_of(AuditEntry, "The entries.")
    next = next_cursor()
