"""Notifications out of the door: to the services that PERF_NOTIFY_URLS names, each once, news only.

Off by default. A service's turn begins when it is first seen in the settings: what happened before is not sent, so that
neither a backfill of ten years nor a rebuild sends a thousand messages. When it began is in the journal, as is what was
sent: where the database is lost, the service is told what it has not taken, and nothing again. A service that fails is
tried again in the next run, for what it has not taken; it never fails the athlete's run. A service that is taken out of
the settings is forgotten, and begins anew when it comes back. URLs hold secrets: what is stored and logged is a hash
and the kind.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import deliveries, delivery_services, notifications
from perf_pipeline.storage.warehouse import Lease, Warehouse

MOST_PER_RUN = 20
"""So many messages a service and run; the others follow in the next."""

Send = Callable[[str, str, str], bool]
"""Sends (URL, title, body); whether the service took it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One place to send to. `key` tells it from others without telling its URL; `kind` is the URL's scheme."""

    url: str
    key: str
    kind: str


def services_of(urls: str) -> tuple[Service, ...]:
    """The services of a list of URLs with white space between them.

    >>> [service.kind for service in services_of("json://localhost/a  mailto://user:word@example.org")]
    ['json', 'mailto']
    """
    return tuple(
        Service(url, hashlib.sha256(url.encode()).hexdigest()[:16], url.partition("://")[0])
        for url in dict.fromkeys(urls.split())
    )


def send_by_apprise(url: str, title: str, body: str) -> bool:
    """Sends through the `apprise` package, which knows a hundred services; False where the service did not take it."""
    import apprise

    logging.getLogger("apprise").disabled = True  # it would log addresses
    outlet = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="perf-pipeline"))
    return bool(outlet.add(url)) and bool(outlet.notify(body=body, title=title))


def send_to_all(urls: str, title: str, body: str, send: Send = send_by_apprise) -> list[str]:
    """Sends to every service of the list; the kinds of those that did not take it."""
    failed = []
    for service in services_of(urls):
        try:
            taken = send(service.url, title, body)
        except Exception:  # noqa: BLE001 - whatever a service does, the others are told; its text may hold the URL
            taken = False
        if not taken:
            failed.append(service.kind)
    return failed


def not_understood(urls: str) -> list[int]:
    """Which of the URLs, from 1, `apprise` can do nothing with."""
    import apprise

    logging.getLogger("apprise").disabled = True
    return [n for n, s in enumerate(services_of(urls), 1) if apprise.Apprise.instantiate(s.url) is None]


def deliver(
    warehouse: Warehouse, lease: Lease, urls: str, now: datetime, send: Send = send_by_apprise
) -> dict[str, int]:
    """Sends the athlete's news to each service that has not had them; counts what was sent, and who failed."""
    services = services_of(urls)
    begun = _begun(warehouse, lease, services, now)
    if not services:
        return {"delivered": 0, "services_failed": 0}
    with warehouse.begin() as connection:
        news = _news(connection, lease, min(begun.values()))
    delivered = failed = 0
    for service in services:
        for row in _open(news, service, begun[service.key]):
            if not _took(send, service, row):
                failed += 1
                break  # it would not take the next one either, and each try costs its time-out
            _record(lease, row["id"], service)
            delivered += 1
    return {"delivered": delivered, "services_failed": failed}


def _begun(warehouse: Warehouse, lease: Lease, services: Sequence[Service], now: datetime) -> dict[str, datetime]:
    """Since when each service is to be told, by its key."""
    table = delivery_services
    mine = table.c.profile_id == lease.profile_id
    keys = {service.key for service in services}
    with warehouse.begin() as connection:
        known = {row.service: row.on_since for row in connection.execute(select(table).where(mine))}
    if known.keys() != keys:
        with lease.transaction() as connection:
            connection.execute(delete(table).where(mine, table.c.service.not_in(keys)))
            for key in sorted(keys - known.keys()):
                row_id = content_id("delivery_service", lease.profile_id, key)
                connection.execute(
                    insert(table).values(id=row_id, profile_id=lease.profile_id, service=key, on_since=now)
                )
    return {key: known.get(key, now) for key in keys}


def _news(connection: Connection, lease: Lease, since: datetime) -> list[Mapping[str, Any]]:
    of, sent = notifications.c, deliveries.c
    query = (
        select(of.id, of.title, of.message, of.occurred_at, sent.services)
        .outerjoin(deliveries, sent.notification_id == of.id)
        .where(of.profile_id == lease.profile_id, of.occurred_at > since)
        .order_by(of.occurred_at, of.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _open(news: Sequence[Mapping[str, Any]], service: Service, since: datetime) -> Iterator[Mapping[str, Any]]:
    mine = (row for row in news if row["occurred_at"] > since and service.key not in (row["services"] or ()))
    yield from (row for row, _ in zip(mine, range(MOST_PER_RUN), strict=False))


def _took(send: Send, service: Service, row: Mapping[str, Any]) -> bool:
    try:
        return send(service.url, row["title"], row["message"])
    except Exception:  # noqa: BLE001 - whatever a service does, the athlete's run goes on; no text of it is logged
        return False


def _record(lease: Lease, notification_id: object, service: Service) -> None:
    statement = insert(deliveries).values(
        notification_id=notification_id, profile_id=lease.profile_id, services=[service.key]
    )
    with lease.transaction() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[deliveries.c.notification_id],
                set_={"services": deliveries.c.services.op("||")(statement.excluded.services)},
            )
        )
