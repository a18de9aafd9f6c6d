"""Commands that answer: what may be expected, where a number comes from, what is planned."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from perf_pipeline.pipeline import layout
from perf_pipeline.settings import load_settings
from perf_pipeline.terminal.edge import AsJson, Athlete, SomeAthlete, complain, out, require_athlete

WHOLE_LINES = 10_000


class Explained(StrEnum):
    """What `explain` knows how to explain."""

    activity = "activity"
    effort = "effort"
    record = "record"
    threshold = "threshold"


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


def report(
    athlete: Athlete,
    to: Annotated[Path | None, typer.Option(help="also copy the page to this file")] = None,
) -> None:
    """Write an athlete's report, one page that works offline, and say where it is."""
    from perf_pipeline.pipeline.report.writing import update_report
    from perf_pipeline.pipeline.services import Services

    settings = load_settings()
    with Services(settings) as services:
        require_athlete(services, athlete)
        with services.athlete(athlete, "report") as lease:
            today = datetime.now(UTC).date()
            update_report(services.store, services.warehouse, lease, athlete, today, full_refresh=True)
        key = layout.report(athlete, "html")
        if to is not None:
            to.write_bytes(services.store.get(key))
        out.print(str(to) if to is not None else services.store.url(key), highlight=False, markup=False, soft_wrap=True)


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
            require_athlete(services, athlete)
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
        # A script is given whole lines; in a terminal they are folded, never cut: the hash is what it is about.
        place = out if out.is_terminal else Console(width=WHOLE_LINES)
        place.print(explanation_tree(answer))


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
