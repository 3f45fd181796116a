"""The composition root: the only place that knows every part."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from flask import Flask

from gateway.clock import SandboxClock, real_now
from gateway.domain.delivery import Backoff
from gateway.domain.errors import StoreUnavailable
from gateway.domain.rate import Limit
from gateway.http.api import (
    actions,
    aggregates,
    audit,
    batches,
    catalogue,
    deliveries,
    explanations,
    extracts,
    figures,
    forecast,
    inclusions,
    progress,
    reconciliation,
    webhooks,
)
from gateway.http.api.docs import add_docs
from gateway.http.api.open import add_open_doors
from gateway.http.api.sandbox import add_sandbox_doors
from gateway.http.callers import Callers
from gateway.http.denied import Denied
from gateway.http.factory import create_flask
from gateway.http.metrics import Metrics
from gateway.http.rates import Rates
from gateway.http.routes import Route
from gateway.http.tokens import TokenGuard
from gateway.http.watch import Watch
from gateway.pseudonyms.blind import Owner
from gateway.pseudonyms.kek import open_kek
from gateway.pseudonyms.keyring import read_keyring
from gateway.pseudonyms.transit import read_owner_key
from gateway.pseudonyms.veil import veil_of
from gateway.pseudonyms.watched import WatchedVeil
from gateway.services.check_readiness import Needs, check_readiness
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace
from gateway.services.deny_key import denied_keys
from gateway.services.replica import Replica
from gateway.services.statements import Statements
from gateway.settings import Settings, SettingsError
from gateway.spans import NO_SPANS, Spans
from gateway.store.dialects import GATEWAY, NEVER_A_STANDBY, RELEASE, WORKER, UnsafeStore
from gateway.store.transaction import Store
from gateway.upstream.client import MyCareNet
from gateway.upstream.jwks import IssuerKeys
from gateway.upstream.pseudonymisation import PseudonymisationService
from gateway.upstream.webhooks import Postman

CONNECTIONS = 8
"""How many messages a worker has under way to MyCareNet at once."""

ROUTES: tuple[Route, ...] = (
    *inclusions.ROUTES,
    *actions.ROUTES,
    *batches.ROUTES,
    *explanations.ROUTES,
    *catalogue.ROUTES,
    *aggregates.ROUTES,
    *progress.ROUTES,
    *forecast.ROUTES,
    *extracts.ROUTES,
    *deliveries.ROUTES,
    *audit.ROUTES,
    *webhooks.ROUTES,
    *reconciliation.ROUTES,
    *figures.ROUTES,
)


def legal_clock(settings: Settings) -> Callable[[], datetime]:
    """The legal clock: the machine's, or in the sandbox the one moved by hand."""
    return SandboxClock(settings.data_dir / "clock") if settings.sandbox else real_now


def build_spans(settings: Settings, service: str) -> Spans:
    """Who takes the time of parts in this process, which forks no more; nobody unless a receiver is named."""
    if not settings.otlp_endpoint:
        return NO_SPANS
    from gateway.traces import Traces  # noqa: PLC0415 - loaded only where it is used

    return Traces(settings.otlp_endpoint, service)


def build_context(settings: Settings, spans: Spans = NO_SPANS, role: str = WORKER) -> Context:
    """What every verb needs, in a process that is to PostgreSQL what its role says.

    Raises: SettingsError; KeyringError without usable keys; UnsafeStore for a database that would not keep the
    promises.
    """
    kek = open_kek(settings.kek)
    newest_veil = WatchedVeil(settings.keyring_path, partial(veil_of, owner=build_owner(settings)), kek)
    store = Store(settings.store_url, legal_clock(settings), connections=settings.threads, role=role)
    if settings.standby:
        _check_standby(store)
    return Context(
        store,
        newest_veil(),
        real_now,
        settings.extracts_path.resolve(),
        timedelta(days=settings.batch_days),
        statements=statements_of(settings),
        near_days=settings.month_end_days,
        is_sandbox=settings.sandbox,
        spans=spans,
        newest_veil=newest_veil,
    )


def build_owner(settings: Settings) -> Owner | None:
    """Who asks the pseudonymisation service; nobody unless a domain is named, as the key ring has to name it.

    Raises: SettingsError; KeyringError.
    """
    domain = read_keyring(settings.keyring_path, open_kek(settings.kek)).domain
    if domain != settings.domain_name:
        made_by = f"the domain {domain}" if domain else "this gateway alone"
        raise SettingsError(f"CHRONICCARE_PSEUDONYM_DOMAIN: the key ring is for pseudonyms made by {made_by}")
    if not domain:
        return None
    if settings.pseudonym_key is None:
        raise SettingsError("CHRONICCARE_PSEUDONYM_KEY is missing: the private key of the domain's owner")
    service = PseudonymisationService(settings.pseudonym_domain, real_now)
    return Owner(service, read_owner_key(settings.pseudonym_key), real_now)


CALLER_RATE, PROJECT_RATE = 50.0, 200.0
"""How many requests a second, where the settings do not say; in the sandbox any number."""


def limit_of(per_second: float) -> Limit | None:
    """The limit of a rate, a minute of which may come at once; none for a rate of 0."""
    return Limit(per_second, max(1, round(per_second * 60))) if per_second else None


def rates_of(settings: Settings, context: Context) -> Rates:
    """How often callers and projects may ask."""
    asked = ((settings.caller_rate, CALLER_RATE), (settings.project_rate, PROJECT_RATE))
    usual = [(0.0 if settings.sandbox else rate) if given is None else given for given, rate in asked]
    return Rates(context, *(limit_of(rate) for rate in usual))


def statements_of(settings: Settings) -> Statements:
    """Where MyCareNet's statements come from: a client for each, none without its address."""
    url, late = settings.mycarenet_url, timedelta(hours=settings.late_hours)
    return Statements((lambda: MyCareNet(url)) if url else None, late)


def _check_standby(store: Store) -> None:
    """Refuse a database that is not told to commit on a second node; one that is away is left to `/ready`.

    Raises: UnsafeStore.
    """
    with suppress(StoreUnavailable):
        lacks = store.lacks_standby()
        if lacks in NEVER_A_STANDBY:
            store.close()
            raise UnsafeStore(f"CHRONICCARE_STANDBY is 1, and the database says {lacks}: see RUNBOOK.md")


def build_replica(settings: Settings) -> Replica | None:
    """The replica that is asked for what is released; none unless one is named.

    Raises: UnsafeStore.
    """
    if not settings.replica_url:
        return None
    legal_now = legal_clock(settings)
    return Replica(Store(settings.replica_url, legal_now, connections=settings.threads, role=GATEWAY), real_now)


def check_replica(context: Context) -> None:
    """Refuse a replica of another register; one that is away is left to its circuit.

    Raises: UnsafeStore.
    """
    with suppress(StoreUnavailable):
        if context.replica is not None and context.replica.strangers(context.store):
            raise UnsafeStore("CHRONICCARE_REPLICA_URL has releases that CHRONICCARE_DATABASE_URL does not have")


def build_app(settings: Settings, spans: Spans = NO_SPANS) -> Flask:
    """The gateway as a WSGI application.

    Raises: SettingsError without an issuer; KeyringError; UnsafeStore.
    """
    if not settings.issuer:
        raise SettingsError("CHRONICCARE_ISSUER is missing: the URL of the token issuer")
    context = replace(build_context(settings, spans, GATEWAY), replica=build_replica(settings))
    check_replica(context)
    denied = Denied(lambda: denied_keys(context))
    guard = TokenGuard(IssuerKeys(settings.issuer), settings.issuer, settings.audience, real_now, denied)
    metrics = Metrics()
    rates = rates_of(settings, context)
    app = create_flask(context, Callers(guard), ROUTES, settings.trusted_hosts, metrics, rates)
    add_open_doors(app, context, metrics, watch_of(settings, context))
    add_docs(app, ROUTES, is_sandbox=settings.sandbox)
    if settings.sandbox:
        add_sandbox_doors(app, build_context(settings, spans, RELEASE), SandboxClock(settings.data_dir / "clock"))
    return app


def build_serving_app(settings: Settings) -> Flask:
    """The gateway in a process that serves and forks no more: with its traces, the last of which go when it ends."""
    spans = build_spans(settings, "gateway")
    atexit.register(spans.close)
    return build_app(settings, spans)


def watch_of(settings: Settings, context: Context) -> Watch:
    """What looks whether this gateway may be sent requests."""
    folders = [settings.data_dir.resolve(), context.extracts_dir]
    needs = Needs(
        settings.keyring_path,
        folders,
        int(settings.free_mib * 2**20),
        standby=settings.standby,
        kek=open_kek(settings.kek),
    )
    return Watch(lambda: check_readiness(context, needs))


def build_way_out(settings: Settings) -> tuple[MyCareNet, Pace]:
    """The client of MyCareNet, and the worker's pace.

    Raises: SettingsError without MyCareNet's address.
    """
    if not settings.mycarenet_url:
        raise SettingsError("CHRONICCARE_MYCARENET_URL is missing: the URL of MyCareNet")
    pace = Pace(timedelta(seconds=settings.lease_seconds), Backoff(most_seconds=settings.backoff_seconds), CONNECTIONS)
    return MyCareNet(settings.mycarenet_url), pace


def build_poster(settings: Settings) -> Postman:
    """Who posts events to projects' own software."""
    return Postman(is_sandbox=settings.sandbox)
