"""Tell a person who consulted or changed what the register holds about them: the answer to a data-subject request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.audit import Entry
from gateway.domain.identity import Ssin
from gateway.services.context import Context
from gateway.services.operator import operator_entry
from gateway.services.perform import with_pseudonyms
from gateway.store.beneficiaries import Person
from gateway.store.transaction import Transaction

LISTS = ("list_inclusions", "list_actions", "list_deliveries", "show_months_lost")
"""What shows a whole project, so also who is in it."""


def report_access(context: Context, ssin: Ssin) -> Sequence[Entry]:
    """Every audit entry about a person in any project, in order of instant; that it was asked for is an entry too.

    Shape: under every pseudonym that they have or had, and about every fact that is theirs, whoever it was entered for;
    also the lists of their projects that somebody read since their first entry.
    Source: GDPR, articles 12 and 15. Stage: identified in, pseudonymous out.
    Cost: reads the audit of the projects since that person's first entry.
    Not: what was entered under another number of theirs, to be asked for with that one.
    Raises: StoreUnavailable, PseudonymiserUnavailable; nothing is told then (G16).
    """
    return with_pseudonyms(context.renewed(), lambda knowing: _report(knowing, ssin))


def _report(context: Context, ssin: Ssin) -> Sequence[Entry]:
    told: list[Entry] = []
    with context.store.transaction() as tx:
        for project in sorted(tx.catalogue.current().projects):
            places = _places(context, tx, ssin, project)
            found = tx.audit.about(places, [one for place in places for one in tx.moves.facts_of(place)])
            if found:
                bucket, _, pseudonym = places[0]
                told += [*found, *tx.audit.of_lists(project, LISTS, _first(found))]
                tx.audit.add(operator_entry(context, "report_access", bucket, project, pseudonym=pseudonym))
        if not told:
            tx.audit.add(operator_entry(context, "report_access"))
    return sorted(told, key=lambda entry: (entry.at, entry.id))


def _places(context: Context, tx: Transaction, ssin: Ssin, project: str) -> list[Person]:
    """Everywhere that entries about a person may be."""
    people = context.veil.pseudonymiser
    places = [(people.bucket(one), project, one) for one in people.candidates(ssin, project)]
    return [*places, *(former for place in places for former in tx.renaming.former(place))]


def _first(entries: Sequence[Entry]) -> datetime:
    return min(entry.at for entry in entries)
