"""Commands that look after the system: checks, models, servers, the archive."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from perf_pipeline.settings import load_settings
from perf_pipeline.terminal.edge import AsJson, Athlete, SomeAthlete, complain, err, out, require_athlete


class SqlAction(StrEnum):
    """What `sql` does."""

    COMPILE = "compile"
    RUN = "run"
    TEST = "test"


def verify(athlete: SomeAthlete = None, as_json: AsJson = False) -> None:  # noqa: FBT002 - as above
    """Rebuild athletes from the archive alone, beside what is there, and say what differs. Changes nothing."""
    from perf_pipeline.pipeline.overview import counts_by_athlete
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.printing import progress_bars
    from perf_pipeline.terminal.verifying import verify_athlete

    with Services(load_settings()) as services:
        with services.warehouse.begin() as connection:
            known = sorted(counts_by_athlete(connection))
        if athlete is not None and athlete not in known:
            complain("error", f"no athlete {athlete}: see perf-pipeline status")
            raise typer.Exit(1)
        found: dict[str, Any] = {}
        for handle in [athlete] if athlete else known:
            with progress_bars(err) as progress:
                result = verify_athlete(services, handle, progress)
            found[handle] = result.as_dict()
            if as_json:
                continue
            for difference in result.differences:
                complain("differs", difference)
            verdict = "differs from a rebuild" if result.differences else "a rebuild gives the same"
            size = f"{sum(result.rows.values()):,} rows, {result.objects:,} Parquet objects"
            out.print(f"{handle}: {verdict} ({size})", highlight=False, markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    if any(result["differences"] for result in found.values()):
        raise typer.Exit(1)


def erase(
    athlete: Athlete,
    yes: Annotated[bool, typer.Option("--yes", help="do it: nothing of it can be undone")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002 - typer reads flags this way
) -> None:
    """Delete everything kept of an athlete: files, Parquet, rows, partition and runs; prints a list as proof."""
    from perf_pipeline.terminal.erasing import erase_athlete
    from perf_pipeline.terminal.printing import erased_table

    found, left = erase_athlete(load_settings(), athlete, yes=yes)
    if as_json:
        told = {"athlete": athlete, "erased": yes, "found": found, "left": left}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        out.print(erased_table(athlete, found, left if yes else None))
    if not yes:
        complain("nothing was erased", f"to erase all of it, for ever: perf-pipeline erase --athlete {athlete} --yes")
    if not yes or any(left.values()):
        raise typer.Exit(1)


def sql(
    action: Annotated[SqlAction, typer.Argument(help="compile: print the SQL; run: build and refresh; test: check")],
    models: Annotated[list[str] | None, typer.Argument(help="models by name (default: all)")] = None,
) -> None:
    """The SQL models of dbt_like_sql: staging views and marts in the warehouse."""
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.sql import compile_models, run_models, test_models

    if action is SqlAction.COMPILE:
        compile_models(models or [], sys.stdout.write)
        return
    with Services(load_settings()) as services:
        if action is SqlAction.RUN:
            run_models(services, models or [], out)
        elif not test_models(services, models or [], out):
            raise typer.Exit(1)


def quality(
    athlete: SomeAthlete = None,
    docs: Annotated[Path | None, typer.Option(help="write great-expectations' Data Docs site into this folder")] = None,
) -> None:
    """Every stored row against the expectations of its table: types, keys, ranges, units, coherence, freshness."""
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.quality import examine

    with Services(load_settings()) as services:
        if athlete is not None:
            require_athlete(services, athlete)
        if not examine(services, [athlete] if athlete else [], docs, out):
            raise typer.Exit(1)


def metrics() -> None:
    """Counters of what is stored, in Prometheus' text format: for a textfile collector, or a scrape by a script."""
    from perf_pipeline.pipeline.counters import counters, exposition
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.running import failed_lately

    settings = load_settings()
    with Services(settings) as services, services.warehouse.begin() as connection:
        sys.stdout.write(exposition(counters(connection, failed_lately(settings))))


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


def stop() -> None:
    """Stop the embedded PostgreSQL server."""
    from perf_pipeline.storage import embedded_postgres

    stopped = embedded_postgres.stop(load_settings().home)
    out.print("stopped" if stopped else "it was not running")


def doctor(as_json: AsJson = False) -> None:  # noqa: FBT002 - typer reads flags this way
    """Check settings, storage, database and Dagster, and say what to do where something is wrong."""
    from perf_pipeline.terminal.doctor import examine

    findings = examine(load_settings())
    if as_json:
        sys.stdout.write(json.dumps([finding.as_dict() for finding in findings]) + "\n")
    else:
        for finding in findings:
            mark = "[green]ok[/]    " if finding.ok else "[red]failed[/]"
            out.print(f"{mark} {escape(finding.what)}: {escape(finding.detail)}", highlight=False, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
