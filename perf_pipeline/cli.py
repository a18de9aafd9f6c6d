"""The command line. It materializes the same definitions as the UI; there is no second path through the code."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from perf_pipeline.pipeline import layout
from perf_pipeline.settings import SettingsError, load_settings
from perf_pipeline.storage.errors import StorageError

app = typer.Typer(
    help="Activity files in, performance knowledge out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

MONTH_HELP = "archive month, YYYY-MM"


def _handle(value: str | None) -> str | None:
    from perf_pipeline.pipeline.services import HandleError

    if value is not None and not layout.is_handle(value):
        raise typer.BadParameter(str(HandleError(value)))
    return value


def _month(value: str | None) -> str | None:
    if value is not None:
        try:
            datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC)
        except ValueError:
            raise typer.BadParameter(f"'{value}' is not a month; write YYYY-MM") from None
    return value


Athlete = Annotated[str, typer.Option("--athlete", "-a", callback=_handle, help="whose files these are")]
SomeAthlete = Annotated[str | None, typer.Option("--athlete", "-a", callback=_handle, help="only this athlete")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable output")]


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(exists=True, help="a file or a folder of files; it is left as it is")],
    athlete: Athlete,
    as_json: AsJson = False,  # noqa: FBT002 - typer reads flags this way
) -> None:
    """Copy files into an athlete's inbox and bring everything derived from them up to date."""
    from perf_pipeline.pipeline.overview import counts_of_names
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.storage.ids import profile_id_of
    from perf_pipeline.terminal.copying import copy_in
    from perf_pipeline.terminal.printing import counts_table, progress_bars
    from perf_pipeline.terminal.running import dagster_instance, run_athlete

    settings = load_settings()
    with Services(settings) as services, progress_bars(err) as progress:
        copied = copy_in(services.store, athlete, path, lambda done, total: progress("Copying", done, total))
        with dagster_instance(settings) as instance:
            succeeded, reason = run_athlete(instance, athlete, progress=progress, take_in_at_once=True)
        with services.warehouse.begin() as connection:
            counts = counts_of_names(connection, profile_id_of(athlete), copied.names)
    result = {"given": len(copied.names) + len(copied.unreadable), **counts, "unreadable": copied.unreadable}
    if as_json:
        sys.stdout.write(json.dumps({**result, "succeeded": succeeded, "reason": reason}) + "\n")
    else:
        out.print(counts_table(f"{result['given']} files given", {athlete: counts}))
        for name, why in copied.unreadable.items():
            err.print(f"[red]not read[/] {name}: {why}", highlight=False)
    if not succeeded:
        err.print(f"[red]the run failed[/]: {reason}", highlight=False)
    if copied.unreadable or not succeeded:
        raise typer.Exit(1)


@app.command()
def rebuild(
    athlete: SomeAthlete = None,
    full_refresh: Annotated[bool, typer.Option(help="recompute what is up to date as well")] = False,  # noqa: FBT002
    since: Annotated[str | None, typer.Option(callback=_month, help=f"first {MONTH_HELP}")] = None,
    until: Annotated[str | None, typer.Option(callback=_month, help=f"last {MONTH_HELP}")] = None,
) -> None:
    """Rebuild everything derived from the archive: what is stale, or all of it."""
    from perf_pipeline.pipeline.overview import counts_by_athlete
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.printing import progress_bars
    from perf_pipeline.terminal.running import dagster_instance, run_athlete

    settings = load_settings()
    with Services(settings) as services, services.warehouse.begin() as connection:
        known = sorted(counts_by_athlete(connection))
    if athlete is not None and athlete not in known:
        err.print(f"[red]no athlete {athlete}[/]: nothing has been taken in under that name", highlight=False)
        raise typer.Exit(1)
    failed = False
    with dagster_instance(settings) as instance:
        for handle in [athlete] if athlete else known:
            with progress_bars(err) as progress:
                succeeded, reason = run_athlete(
                    instance, handle, progress=progress, full_refresh=full_refresh, since=since, until=until
                )
            out.print(f"{handle}: {'up to date' if succeeded else 'failed: ' + reason}", highlight=False)
            failed = failed or not succeeded
    if failed:
        raise typer.Exit(1)


@app.command()
def status(as_json: AsJson = False) -> None:  # noqa: FBT002 - typer reads flags this way
    """What is in, what is in quarantine and why, and how the last run ended."""
    from perf_pipeline.pipeline.overview import STATUSES, counts_by_athlete, quarantined
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.printing import counts_table, quarantine_table
    from perf_pipeline.terminal.running import last_run

    settings = load_settings()
    with Services(settings) as services:
        waiting = sum(1 for _ in services.store.list(f"{layout.INBOX}/"))
        with services.warehouse.begin() as connection:
            athletes = counts_by_athlete(connection)
            bad = quarantined(connection)
    run = last_run(settings)
    if as_json:
        total = {name: sum(counts[name] for counts in athletes.values()) for name in STATUSES}
        report: dict[str, Any] = {
            **total, "files": sum(total.values()), "inbox": waiting, "athletes": athletes, "quarantine": bad,
            "last_run": run,
        }  # fmt: skip
        sys.stdout.write(json.dumps(report, default=str) + "\n")
        return
    out.print(counts_table("Files received", athletes))
    if bad:
        out.print(quarantine_table(bad))
    out.print(f"In the inbox: {waiting}")
    if run:
        out.print(f"Last run: {run['status']} ({run['job']}, {run['ended_at'] or 'not ended'})", highlight=False)


@app.command()
def demo() -> None:
    """Generate an athlete with two seasons, run the whole pipeline on them, and show what comes out."""
    from perf_pipeline.terminal.demo import run_demo

    if not run_demo(load_settings(), out, err):
        raise typer.Exit(1)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="address of the UI; loopback, because the UI has no login")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port of the UI")] = 3000,
) -> None:
    """Run the UI and the daemon that watches the inbox, until Ctrl-C."""
    from perf_pipeline.terminal.serving import serve as run_servers

    settings = load_settings()

    def say(url: str) -> None:
        out.print(f"UI:      {url}", highlight=False)
        out.print(f"Inbox:   {settings.resolved_storage_url}/inbox/<athlete>/", highlight=False, soft_wrap=True)
        out.print(f"Logs:    {settings.home / 'logs'}", highlight=False, soft_wrap=True)
        out.print("Ctrl-C stops both. The embedded database runs on until `perf-pipeline stop`.")

    run_servers(settings, host, port, say)


@app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL server."""
    from perf_pipeline.storage import embedded_postgres

    stopped = embedded_postgres.stop(load_settings().home)
    out.print("stopped" if stopped else "it was not running")


@app.command()
def doctor(as_json: AsJson = False) -> None:  # noqa: FBT002 - typer reads flags this way
    """Check settings, storage, database and Dagster, and say what to do where something is wrong."""
    from perf_pipeline.terminal.doctor import examine

    findings = examine(load_settings())
    if as_json:
        sys.stdout.write(json.dumps([finding.as_dict() for finding in findings]) + "\n")
    else:
        for finding in findings:
            mark = "[green]ok[/]    " if finding.ok else "[red]failed[/]"
            out.print(f"{mark} {finding.what}: {finding.detail}", highlight=False, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Runs the command line; errors of the outside world become one clear message and exit code 1."""
    try:
        app()
    except (SettingsError, StorageError, OSError, RuntimeError) as error:
        err.print(f"[red]error[/]: {error}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
