"""The check-up: each thing the pipeline needs, whether it is well, and the remedy where it is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from perf_pipeline.pipeline.cluster import SCHEME, DaskExecutor
from perf_pipeline.pipeline.delivery import not_understood, services_of
from perf_pipeline.pipeline.services import Services, dagster_url, warehouse_url
from perf_pipeline.settings import Settings, SettingsError
from perf_pipeline.storage.errors import without_secrets
from perf_pipeline.terminal.failing import message_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything, also after something was found wrong."""
    findings = [
        Finding(f"PERF_{name.upper()}", ok=True, detail=f"{_shown(getattr(settings, name))} ({field.description})")
        for name, field in Settings.model_fields.items()
    ]
    with Services(settings) as services:
        database = _try("database", lambda: _database(services))
        findings += [
            _try("storage", lambda: _storage(services)),
            database,
            # Of a database that does not answer there is one thing to say.
            *([_try("access", lambda: _access(services))] if database.ok else []),
            _try("Dagster's database", lambda: _dagster(settings)),
            _try("disk", lambda: _disk(settings)),
            _try("delivery", lambda: _delivery("NOTIFY", settings.notify_urls.get_secret_value())),
            _try("alerts", lambda: _delivery("ALERT", settings.alert_urls.get_secret_value())),
            _try("workers", lambda: _workers(services)),
        ]
    return findings


def _shown(value: object) -> str:
    return "not set" if value is None or not str(value) else without_secrets(str(value))


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, ok=True, detail=look())
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the other things are looked at as well
        return Finding(what, ok=False, detail=message_of(error))


def _storage(services: Services) -> str:
    services.store.check()
    return f"{without_secrets(services.settings.resolved_storage_url)} can be written, read and listed"


def _database(services: Services) -> str:
    with services.warehouse.begin() as connection:
        version = connection.exec_driver_sql("show server_version").scalar()
    return f"{without_secrets(warehouse_url(services.settings))} answers (PostgreSQL {version}), schema up to date"


def _access(services: Services) -> str:
    roles = "select count(*) from pg_roles where rolname in ('perf_analyst', 'perf_athlete')"
    with services.warehouse.begin() as connection:
        if connection.exec_driver_sql(roles).scalar() != 2:
            return "closed to all but the owner: the roles perf_analyst and perf_athlete are missing (docs/access.md)"
        logins = connection.exec_driver_sql("select count(distinct role_name) from athlete_logins").scalar()
    return f"perf_analyst reads all rows; perf_athlete own ones, with {logins} login(s)"


def _dagster(settings: Settings) -> str:
    from perf_pipeline.terminal.running import dagster_instance

    with dagster_instance(settings) as instance:
        runs = instance.get_runs_count()
    return f"{without_secrets(dagster_url(settings))} answers, with {runs} runs"


def _workers(services: Services) -> str:
    settings = services.settings
    if settings.compute.startswith(SCHEME):
        return DaskExecutor(settings.compute).describe()
    return f"{settings.workers or os.cpu_count()} processes ({settings.compute})"


def _delivery(which: str, urls: str) -> str:
    services = services_of(urls)
    if not services:
        return f"off: PERF_{which}_URLS names no service"
    wrong = not_understood(urls)
    if wrong:
        listed = ", ".join(str(number) for number in wrong)
        raise SettingsError(f"PERF_{which}_URLS: service {listed} is not understood. Write it as Apprise does")
    what = "notifications go" if which == "NOTIFY" else "failures are told"
    return f"{what} to {len(services)} service(s): {', '.join(service.kind for service in services)}"


def _disk(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free / 2**30
    if free < 1:
        raise OSError(f"{free:.1f} GiB free in {settings.home}: make room, or move PERF_HOME")
    return f"{free:.0f} GiB free in {settings.home}"
