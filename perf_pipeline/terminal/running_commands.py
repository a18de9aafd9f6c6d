"""Commands that bring files in and tables up to date."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from perf_pipeline.pipeline import layout
from perf_pipeline.settings import load_settings
from perf_pipeline.terminal.edge import (
    HANDLE_RULE,
    MONTH_HELP,
    AsJson,
    Athlete,
    SomeAthlete,
    checked_month,
    checked_stages,
    complain,
    err,
    out,
)

MOST_PREDICTIONS = 24
"""Lines that `status` shows of all athletes together."""


def ingest(
    path: Annotated[Path, typer.Argument(exists=True, help="a file or a folder of files; it is left as it is")],
    athlete: Athlete,
    as_json: AsJson = False,  # noqa: FBT002 - typer reads flags this way
) -> None:
    """Copy files into an athlete's inbox and bring everything derived from them up to date."""
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.storage.ids import profile_id_of
    from perf_pipeline.terminal.copying import copy_in
    from perf_pipeline.terminal.given import account_of
    from perf_pipeline.terminal.printing import counts_table, progress_bars, quarantine_table

    settings = load_settings()
    with Services(settings) as services, progress_bars(err) as progress:
        copied = copy_in(services.store, athlete, path, lambda done, total: progress("Copying", done, total))
        succeeded, reason = True, ""
        if copied.plain or copied.containers:
            from perf_pipeline.terminal.running import dagster_instance, run_athlete

            with dagster_instance(settings, for_runs=True) as instance:
                succeeded, reason = run_athlete(instance, athlete, progress=progress, take_in_at_once=True)
        with services.warehouse.begin() as connection:
            account = account_of(connection, profile_id_of(athlete), copied)
    if as_json:
        result = {"given": copied.given, **account.counts, "unreadable": copied.unreadable}
        result["quarantine"] = account.quarantine
        sys.stdout.write(json.dumps({**result, "succeeded": succeeded, "reason": reason}, default=str) + "\n")
    elif not copied.given:
        err.print(f"there is no file below {path}", highlight=False, markup=False, soft_wrap=True)
    else:
        out.print(counts_table(f"{copied.given} files given", {athlete: account.counts}))
        if account.quarantine:
            out.print(quarantine_table([{"athlete": athlete, **row} for row in account.quarantine]))
    for name, why in copied.unreadable.items():
        complain("not read", f"{name}: {why}")
    if not succeeded:
        complain("the run failed", reason)
    if copied.unreadable or not succeeded:
        raise typer.Exit(1)


def rebuild(
    athlete: SomeAthlete = None,
    full_refresh: Annotated[bool, typer.Option(help="recompute what is up to date as well")] = False,  # noqa: FBT002
    since: Annotated[str | None, typer.Option(callback=checked_month, help=f"first {MONTH_HELP}")] = None,
    until: Annotated[str | None, typer.Option(callback=checked_month, help=f"last {MONTH_HELP}")] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(callback=checked_stages, help="only this stage (an asset's name); may be repeated"),
    ] = None,
) -> None:
    """Rebuild everything derived from the archive: what is stale, or all of it.

    Athletes whom the database does not know are restored from the archive first. A rebuild that was stopped goes on
    from where it was when the same is asked again.
    """
    from perf_pipeline.pipeline.overview import counts_by_athlete
    from perf_pipeline.pipeline.restore import athletes_in_archive
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.printing import progress_bars
    from perf_pipeline.terminal.running import dagster_instance, run_athlete

    if since and until and since > until:
        raise typer.BadParameter(f"--since {since} lies after --until {until}")
    settings = load_settings()
    with Services(settings) as services, services.warehouse.begin() as connection:
        known = sorted({*counts_by_athlete(connection), *athletes_in_archive(services.store)})
    if athlete is not None and athlete not in known:
        complain("error", f"no athlete {athlete}: nothing has been taken in under that name. See perf-pipeline status")
        raise typer.Exit(1)
    if not known:
        err.print("nothing has been taken in yet: perf-pipeline ingest PATH --athlete NAME")
    failed = False
    with dagster_instance(settings, for_runs=True) as instance:
        for handle in [athlete] if athlete else known:
            with progress_bars(err) as progress:
                succeeded, reason = run_athlete(
                    instance, handle, progress=progress, full_refresh=full_refresh, since=since, until=until,
                    stages=stage or (),
                )  # fmt: skip
            if succeeded:
                out.print(f"{handle}: up to date", highlight=False, markup=False)
            else:
                complain(f"{handle} failed", reason)
            failed = failed or not succeeded
    if failed:
        raise typer.Exit(1)


def status(as_json: AsJson = False) -> None:  # noqa: FBT002 - typer reads flags this way
    """What is in, what is in quarantine and why, and how the last run ended."""
    from perf_pipeline.pipeline.archive_care import archive_state
    from perf_pipeline.pipeline.inbox import read_inbox
    from perf_pipeline.pipeline.overview import (
        STATUSES,
        counts_by_athlete,
        latest_notifications,
        quarantine_by_reason_and_age,
        quarantined,
    )
    from perf_pipeline.pipeline.predicted import headlines, latest_predictions
    from perf_pipeline.pipeline.restore import athletes_in_archive
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.storage.ids import profile_id_of
    from perf_pipeline.terminal.predicting import predictions_table
    from perf_pipeline.terminal.printing import archive_lines, counts_table, quarantine_table, reasons_table

    settings = load_settings()
    with Services(settings) as services:
        archived = athletes_in_archive(services.store)
        news = read_inbox(services.store.list(f"{layout.INBOX}/"), datetime.now(UTC), settle_seconds=0)
        with services.warehouse.begin() as connection:
            athletes = counts_by_athlete(connection)
            bad, reasons = quarantined(connection), quarantine_by_reason_and_age(connection)
            archive = {**archive_state(connection), "unknown_athletes": sorted({*archived} - {*athletes})}
            known = [profile_id_of(handle) for handle in athletes]
            heard = latest_notifications(connection)
            expected = headlines(latest_predictions(connection, known, datetime.now(UTC).date()))
    # Dagster is imported once storage and database have answered: what is wrong with them is told at once.
    from perf_pipeline.terminal.running import last_run

    run = last_run(settings)
    waiting = sum(news.ready.values()) + news.growing
    if as_json:
        total = {name: sum(counts[name] for counts in athletes.values()) for name in STATUSES}
        report: dict[str, Any] = {
            **total, "files": sum(total.values()), "inbox": waiting, "misplaced": news.misplaced, "athletes": athletes,
            "quarantine": bad, "quarantine_by_reason": reasons, "archive": archive, "notifications": heard,
            "last_run": run,
        }  # fmt: skip
        sys.stdout.write(json.dumps(report, default=str) + "\n")
        return
    if athletes:
        out.print(counts_table("Files received", athletes))
    else:
        out.print("Nothing has been taken in yet: perf-pipeline ingest PATH --athlete NAME")
    if bad:
        out.print(quarantine_table(bad))
        out.print(reasons_table(reasons))
    for line in archive_lines(archive):
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    for row in heard:
        said = f"{row['occurred_at']:%Y-%m-%d}  {row['athlete']}  {row['title']}"
        out.print(said, highlight=False, markup=False, soft_wrap=True)
    if expected:
        out.print(predictions_table(expected[:MOST_PREDICTIONS]))
    if len(expected) > MOST_PREDICTIONS:
        out.print("... perf-pipeline predict --athlete NAME shows the others")
    out.print(f"In the inbox: {waiting}")
    for folder in news.misplaced:
        complain("left in place", f"{folder} may not name an athlete: {HANDLE_RULE}")
    if run:
        why = f": {run['reason']}" if run["reason"] else ""
        said = f"Last run: {run['status']} ({run['job']}, {run['ended_at'] or 'not ended'}){why}"
        out.print(said, highlight=False, markup=False, soft_wrap=True)


def demo() -> None:
    """Generate an athlete with two seasons, run the whole pipeline on them, and show what comes out."""
    from perf_pipeline.terminal.demo import run_demo

    if not run_demo(load_settings(), out, err):
        raise typer.Exit(1)
