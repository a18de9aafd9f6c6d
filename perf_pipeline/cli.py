"""The command line. It materializes the same definitions as the UI; there is no second path through the code."""

from __future__ import annotations

import io
import json
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from perf_pipeline.pipeline import layout
from perf_pipeline.settings import load_settings

app = typer.Typer(
    help="Activity files in, performance knowledge out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a frame around an error breaks the path that it names
)
out = Console()
err = Console(stderr=True)

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
HANDLE_RULE = "use 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
MONTH_HELP = "archive month, YYYY-MM"
MOST_PREDICTIONS = 24
"""Lines that `status` shows of all athletes together."""


class Explained(StrEnum):
    """What `explain` knows how to explain."""

    activity = "activity"
    effort = "effort"
    record = "record"
    threshold = "threshold"


def complain(what: str, detail: str) -> None:
    """One line to the terminal's error stream, as it is: brackets in it are not markup."""
    err.print(Text.assemble((what, "red"), ": ", " ".join(detail.split())), soft_wrap=True)


def _handle(value: str | None) -> str | None:
    from perf_pipeline.pipeline.services import HandleError

    if value is not None and not layout.is_handle(value):
        raise typer.BadParameter(str(HandleError(value)))
    return value


def _month(value: str | None) -> str | None:
    if value is not None and not MONTH.fullmatch(value):
        raise typer.BadParameter(f"'{value}' is not a month; write YYYY-MM")
    return value


def _stages(values: list[str] | None) -> list[str]:
    from perf_pipeline.defs.athletes import STAGE_ORDER

    for value in values or ():
        if value not in STAGE_ORDER:
            raise typer.BadParameter(f"'{value}' is no stage; the stages are {', '.join(STAGE_ORDER)}")
    return values or []


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

            with dagster_instance(settings) as instance:
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


@app.command()
def rebuild(
    athlete: SomeAthlete = None,
    full_refresh: Annotated[bool, typer.Option(help="recompute what is up to date as well")] = False,  # noqa: FBT002
    since: Annotated[str | None, typer.Option(callback=_month, help=f"first {MONTH_HELP}")] = None,
    until: Annotated[str | None, typer.Option(callback=_month, help=f"last {MONTH_HELP}")] = None,
    stage: Annotated[
        list[str] | None, typer.Option(callback=_stages, help="only this stage (an asset's name); may be repeated")
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
    with dagster_instance(settings) as instance:
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


@app.command()
def status(as_json: AsJson = False) -> None:  # noqa: FBT002 - typer reads flags this way
    """What is in, what is in quarantine and why, and how the last run ended."""
    from perf_pipeline.pipeline.archive_care import archive_state
    from perf_pipeline.pipeline.inbox import read_inbox
    from perf_pipeline.pipeline.overview import STATUSES, counts_by_athlete, quarantine_by_reason_and_age, quarantined
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
            expected = headlines(latest_predictions(connection, known, datetime.now(UTC).date()))
    # Dagster is imported once storage and database have answered: what is wrong with them is told at once.
    from perf_pipeline.terminal.running import last_run

    run = last_run(settings)
    waiting = sum(news.ready.values()) + news.growing
    if as_json:
        total = {name: sum(counts[name] for counts in athletes.values()) for name in STATUSES}
        report: dict[str, Any] = {
            **total, "files": sum(total.values()), "inbox": waiting, "misplaced": news.misplaced, "athletes": athletes,
            "quarantine": bad, "quarantine_by_reason": reasons, "archive": archive, "last_run": run,
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


@app.command()
def predict(
    athlete: Athlete,
    sport: Annotated[str | None, typer.Option(help="bike, run or swim; needed where the athlete does several")] = None,
    power: Annotated[float | None, typer.Option(min=1, help="how long can this power be held? W")] = None,
    pace: Annotated[str | None, typer.Option(help="how long can this pace be held? m:ss a km; swimming: 100 m")] = None,
    duration: Annotated[str | None, typer.Option(help="what power over this duration? h:mm:ss")] = None,
    distance: Annotated[float | None, typer.Option(min=1, help="how long does this distance take? m")] = None,
    as_json: AsJson = False,  # noqa: FBT002 - typer reads flags this way
) -> None:
    """What an athlete can be expected to do, with 90 % intervals; with an option, the answer to that one question."""
    from perf_pipeline.pipeline.predicted import latest_predictions
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.storage.ids import profile_id_of
    from perf_pipeline.terminal.predicting import answer, predictions_table, question_of

    try:
        question = question_of(power, pace, duration, distance)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with Services(load_settings()) as services, services.warehouse.begin() as connection:
        rows = latest_predictions(connection, [profile_id_of(athlete)], datetime.now(UTC).date())
    rows = [row for row in rows if sport is None or row["sport"] == sport]
    if not rows:
        complain("error", f"nothing has been predicted of {athlete}. See perf-pipeline status")
        raise typer.Exit(1)
    if question is not None:
        for line in answer(rows, question):
            out.print(line, highlight=False, markup=False, soft_wrap=True)
    elif as_json:
        sys.stdout.write(json.dumps(rows, default=str) + "\n")
    else:
        out.print(predictions_table(rows))


@app.command()
def report(
    athlete: Athlete,
    to: Annotated[Path | None, typer.Option(help="also copy the page to this file")] = None,
) -> None:
    """Write an athlete's report, one page that works offline, and say where it is."""
    from perf_pipeline.pipeline.report.writing import update_report
    from perf_pipeline.pipeline.services import Services

    settings = load_settings()
    with Services(settings) as services:
        _known_athlete(services, athlete)
        with services.athlete(athlete, "report") as lease:
            update_report(services.store, services.warehouse, lease, athlete, datetime.now(UTC).date())
        key = layout.report(athlete, "html")
        if to is not None:
            to.write_bytes(services.store.get(key))
        out.print(str(to) if to is not None else services.store.url(key), highlight=False, markup=False, soft_wrap=True)


@app.command()
def explain(
    kind: Annotated[Explained, typer.Argument(help="what to explain")],
    number: Annotated[str | None, typer.Argument(metavar="[ID]", help="its id, or the beginning of it")] = None,
    athlete: SomeAthlete = None,
    as_json: AsJson = False,  # noqa: FBT002 - typer reads flags this way
) -> None:
    """Lead from a number to the file it comes from; without an id, list what may be asked about."""
    from perf_pipeline.pipeline.explaining import UnknownIdError, latest
    from perf_pipeline.pipeline.explaining import explain as explained
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.storage.ids import profile_id_of
    from perf_pipeline.terminal.printing import explanation_tree

    if number is None and athlete is None:
        raise typer.BadParameter("give an id, or --athlete to list what may be asked about")
    with Services(load_settings()) as services:
        if number is None and athlete is not None:
            _known_athlete(services, athlete)
            with services.warehouse.begin() as connection:
                listed = latest(connection, kind.value, profile_id_of(athlete))
            if as_json:
                sys.stdout.write(json.dumps([{"id": key, "what": what} for key, what in listed]) + "\n")
            else:
                for key, what in listed:
                    out.print(f"{key}  {what}", highlight=False, markup=False, soft_wrap=True)
            return
        try:
            with services.warehouse.begin() as connection:
                answer = explained(connection, kind.value, number or "")
        except UnknownIdError as error:
            complain("error", str(error))
            raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(json.dumps(answer.as_dict(), default=str) + "\n")
    else:
        out.print(explanation_tree(answer), soft_wrap=True)


@app.command()
def duplicates(athlete: SomeAthlete = None, as_json: AsJson = False) -> None:  # noqa: FBT002
    """List recordings that gave way to another one of the same activity, and why."""
    from perf_pipeline.pipeline.overview import duplicate_pairs
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.printing import duplicates_table

    with Services(load_settings()) as services, services.warehouse.begin() as connection:
        pairs = [pair for pair in duplicate_pairs(connection) if athlete in (None, pair["athlete"])]
    if as_json:
        sys.stdout.write(json.dumps(pairs, default=str) + "\n")
    else:
        out.print(duplicates_table(pairs))


@app.command()
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


@app.command()
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


@app.command()
def workouts(athlete: Athlete, as_json: AsJson = False) -> None:  # noqa: FBT002 - typer reads flags this way
    """Planned workouts, what they are for the athlete of today and why, and what was done of them."""
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.pipeline.workout_words import plan_of
    from perf_pipeline.storage.ids import profile_id_of
    from perf_pipeline.terminal.workouts import print_workouts

    with Services(load_settings()) as services:
        with services.warehouse.begin() as connection:
            rows = plan_of(connection, profile_id_of(athlete), datetime.now(UTC).date())
        outbox = services.store.url(layout.outbox(athlete))
    if as_json:
        sys.stdout.write(json.dumps(rows, default=str) + "\n")
    elif rows:
        print_workouts(out, rows, outbox)
    else:
        out.print(f"No workout is planned. Drop FIT, ZWO, ERG or YAML into inbox/{athlete}/workouts/", highlight=False)


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
            out.print(f"{mark} {escape(finding.what)}: {escape(finding.detail)}", highlight=False, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


class SqlAction(StrEnum):
    """What `sql` does."""

    COMPILE = "compile"
    RUN = "run"
    TEST = "test"


@app.command()
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


@app.command()
def quality(
    athlete: SomeAthlete = None,
    docs: Annotated[Path | None, typer.Option(help="write great-expectations' Data Docs site into this folder")] = None,
) -> None:
    """Every stored row against the expectations of its table: types, keys, ranges, units, coherence, freshness."""
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.terminal.quality import examine

    with Services(load_settings()) as services:
        if athlete is not None:
            _known_athlete(services, athlete)
        if not examine(services, [athlete] if athlete else [], docs, out):
            raise typer.Exit(1)


def _known_athlete(services: Any, athlete: str) -> None:
    """Ends with an error where nothing was ever taken in under that name."""
    from perf_pipeline.pipeline.overview import counts_by_athlete

    with services.warehouse.begin() as connection:
        known = counts_by_athlete(connection)
    if athlete not in known:
        complain("error", f"no athlete {athlete}: nothing has been taken in under that name. See perf-pipeline status")
        raise typer.Exit(1)


def main() -> None:
    """Runs the command line; whatever goes wrong becomes one clear message and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign shows a question mark instead of ending us.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost edge: a user must not meet a traceback
        _report(error)
        raise SystemExit(1) from None


def _report(error: Exception) -> None:
    from perf_pipeline.terminal.failing import is_expected, keep_traceback, message_of

    if is_expected(error):
        complain("error", message_of(error))
        return
    try:
        kept = f"Its traceback is in {keep_traceback(error, load_settings())}"
    except (OSError, ValueError):
        kept = f"It came from {type(error).__module__}"
    complain("error", f"a fault in perf-pipeline: {type(error).__name__}: {message_of(error)}. {kept}")


if __name__ == "__main__":
    main()
