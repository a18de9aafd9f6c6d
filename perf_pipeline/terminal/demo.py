"""The demo: a generated athlete through the whole pipeline, ending in what a user gets."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.demo_athlete import generate
from perf_pipeline.pipeline.demo_planned import planned_files
from perf_pipeline.pipeline.overview import athlete_summary, counts_by_athlete, quarantined
from perf_pipeline.pipeline.services import Services
from perf_pipeline.pipeline.workout_words import plan_of
from perf_pipeline.settings import Settings
from perf_pipeline.storage.errors import without_secrets
from perf_pipeline.storage.ids import profile_id_of
from perf_pipeline.terminal.printing import counts_table, print_summary, progress_bars, quarantine_table
from perf_pipeline.terminal.running import dagster_instance, run_athlete
from perf_pipeline.terminal.workouts import print_workouts

HANDLE = "demo"


def run_demo(settings: Settings, out: Console, err: Console) -> bool:
    """Generates, ingests, computes and prints; whether the run succeeded."""
    began = time.perf_counter()
    today = datetime.now(UTC).date()
    with Services(settings) as services:
        with progress_bars(err) as progress:
            count = 0
            for count, file in enumerate(itertools.chain(generate(), planned_files(today)), 1):
                services.store.put(layout.inbox(HANDLE, file.name), file.data)
                progress("Writing files", count, max(count, 300))
            progress("Writing files", count, count)
            with dagster_instance(settings, for_runs=True) as instance:
                succeeded, reason = run_athlete(instance, HANDLE, progress=progress, take_in_at_once=True)
        if not succeeded:
            err.print(f"[red]the run failed[/]: {reason}", highlight=False)
            return False
        report = services.store.url(layout.report(HANDLE, "html"))
        with services.warehouse.begin() as connection:
            out.print(counts_table("Files received", {HANDLE: counts_by_athlete(connection)[HANDLE]}))
            bad = [row for row in quarantined(connection) if row["athlete"] == HANDLE]
            if bad:
                out.print(quarantine_table(bad))
            print_summary(out, athlete_summary(connection, profile_id_of(HANDLE), today))
            plan = plan_of(connection, profile_id_of(HANDLE), today)
    out.print("\n[bold]Planned workouts[/]")
    print_workouts(out, plan, services.store.url(layout.outbox(HANDLE)))
    storage = settings.resolved_storage_url
    database = without_secrets(settings.database_url) if settings.database_url else "embedded PostgreSQL"
    out.print(f"\nParquet:   {storage}/streams/athlete={HANDLE}/", highlight=False, soft_wrap=True)
    out.print(f"Database:  {database} (perf-pipeline doctor shows the address)", highlight=False, soft_wrap=True)
    out.print("UI:        make up, then http://127.0.0.1:3000")
    out.print(
        f"Report:    {Path(report).as_uri() if report.startswith('/') else report}", highlight=False, soft_wrap=True
    )
    out.print(f"Took {time.perf_counter() - began:.0f} s")
    return True
