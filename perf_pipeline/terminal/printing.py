"""How things look in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from perf_pipeline.pipeline.explaining import Explanation
from perf_pipeline.pipeline.overview import STATUSES
from perf_pipeline.pipeline.words import pace
from perf_pipeline.terminal.predicting import predictions_table

WORDS = {
    "source_files": "Taking in files",
    "activity_streams": "Computing months",
    "activities": "Computing months",
    "activity_efforts": "Computing months",
    "activity_metrics": "Computing months",
    "profile_metrics": "Computing months",
    "activity_duplicates": "Finding duplicates",
    "relative_metrics": "Zones and W′ balance",
    "threshold_models": "Fitting thresholds",
    "prediction_backtest": "Predicting",
    "capability_predictions": "Predicting",
    "athlete_report": "Writing the report",
}


@contextmanager
def progress_bars(console: Console) -> Iterator[Any]:
    """A callback (stage, done, total, words) that draws one bar a stage; where nobody watches, it draws nothing."""
    if not console.is_terminal:
        yield lambda stage, done, total, words="": None
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int, words: str = "") -> None:
            name = WORDS.get(stage, stage)
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total, words=words)
            bars.update(tasks[name], completed=done, total=total, words=words)

        yield report


NOTICES = {
    "personal_record": "Latest personal records",
    "milestone": "Latest milestones",
    "recovery_alert": "Latest recovery alerts",
}


def counts_table(title: str, rows: Mapping[str, Mapping[str, int]]) -> Table:
    """One row an athlete, one column a status."""
    table = Table(title=title, title_justify="left")
    table.add_column("athlete")
    for status in (*STATUSES, "files"):
        table.add_column(status.replace("_", " "), justify="right")
    for handle, counts in rows.items():
        cells = [str(counts.get(status, 0)) for status in STATUSES]
        table.add_row(handle, *cells, str(sum(counts.get(status, 0) for status in STATUSES)))
    return table


def quarantine_table(rows: Sequence[Mapping[str, Any]], most: int = 20) -> Table:
    table = Table(title=f"In quarantine ({len(rows)})", title_justify="left")
    for column in ("athlete", "file", "reason"):
        table.add_column(column, overflow="fold")
    for row in rows[:most]:
        table.add_row(row["athlete"], row["name"], row["reason"])
    if len(rows) > most:
        table.add_row("...", f"and {len(rows) - most} more", "perf-pipeline status --json lists them all")
    return table


def duplicates_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One row an activity that gave way: files by the first digits of their hash."""
    table = Table(title=f"Duplicates ({len(rows)})", title_justify="left")
    for column in ("athlete", "superseded file", "kept file", "reason"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row["athlete"], row["superseded_file"], row["kept_file"], row["reason"])
    return table


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """What the athlete did, can do, and how fit they are now."""
    sports = Table(title="Activities", title_justify="left")
    for column in ("sport", "activities", "km", "hours"):
        sports.add_column(column, justify="left" if column == "sport" else "right")
    for row in summary["sports"]:
        sports.add_row(
            row["type"], str(row["activities"]), f"{row['kilometers'] or 0:,.0f}", f"{row['hours'] or 0:,.0f}"
        )
    console.print(sports)
    thresholds = Table(title="Thresholds", title_justify="left")
    for column in ("sport", "model", "as of", "threshold", "90 % interval", "capacity"):
        thresholds.add_column(column)
    for row in summary["thresholds"]:
        thresholds.add_row(row["sport"], row["model"].replace("_", " "), str(row["as_of"]), *threshold_cells(row))
    console.print(thresholds)
    if summary["predictions"]:
        said = [row for row in summary["predictions"] if row["refusal"] is None]
        console.print(predictions_table(said, "Predictions: the best to expect within a month"))
    for row in summary["fitness"]:
        peak = summary["peak"][0] if summary["peak"] else None
        best = f" (highest CTL {peak['ctl']:.0f} on {peak['date']})" if peak else ""
        console.print(
            f"[bold]Fitness on {row['date']}[/]: "
            f"CTL {row['ctl']:.1f}, ATL {row['atl']:.1f}, TSB {row['tsb']:+.1f}{best}"
        )
    for kind, heading in NOTICES.items():
        rows = [row for row in summary["notifications"] if row["type"] == kind]
        if rows:
            console.print(f"[bold]{heading}[/]")
        for row in rows:
            day = f"{row['occurred_at']:%Y-%m-%d}"
            console.print(
                Text.assemble(f"  {day}  ", (row["title"], "green" if _over(row) else "bold"), f"  {row['message']}")
            )


def _over(row: Mapping[str, Any]) -> bool:
    """Whether it is a recovery alert that has cleared."""
    return row["type"] == "recovery_alert" and row["data"].get("closed_on") is not None


def explanation_tree(explanation: Explanation) -> Tree:
    """The explanation with what it is made of as branches; brackets in names are not markup."""
    tree = Tree(Text(explanation.title, style="bold"))
    for what, said in explanation.lines:
        tree.add(Text.assemble((f"{what}: ", "dim"), said))
    for part in explanation.parts:
        tree.add(explanation_tree(part))
    return tree


def threshold_cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Threshold, interval and capacity of a row of `threshold_models` in words."""
    if row["threshold"] is None:
        return "-", row["refusal"] or "", ""
    low, high = row["threshold_low"], row["threshold_high"]
    if row["unit"] == "W":
        interval = "" if low is None else f"{low:.0f} to {high:.0f} W"
        capacity = "" if row["capacity"] is None else f"W′ {row['capacity'] / 1000:.1f} kJ"
        return f"{row['threshold']:.0f} W", interval, capacity
    if row["unit"] == "bpm":
        return f"{row['threshold']:.0f} bpm", "" if low is None else f"{low:.0f} to {high:.0f} bpm", ""
    interval = "" if low is None else f"{pace(high, row['sport']).split()[0]} to {pace(low, row['sport'])}"
    capacity = "" if row["capacity"] is None else f"D′ {row['capacity']:.0f} m"
    return pace(row["threshold"], row["sport"]), interval, capacity


def reasons_table(rows: Sequence[Mapping[str, Any]], most: int = 20) -> Table:
    """The quarantine by reason and age."""
    table = Table(title="Quarantine by reason and age", title_justify="left")
    for column in ("reason", "files", "oldest", "newest"):
        table.add_column(column, justify="left" if column == "reason" else "right", overflow="fold")
    for row in rows[:most]:
        ages = [f"{row[name]} d" for name in ("oldest_days", "newest_days")]
        table.add_row(row["reason"] or "no reason recorded", str(row["files"]), *ages)
    return table


def archive_lines(state: Mapping[str, Any]) -> list[str]:
    """What the nightly care of the archive knows."""
    lines = []
    if state["files"]:
        oldest = f", the oldest look is of {state['oldest']:%Y-%m-%d}" if state["oldest"] else ""
        lines.append(f"Archive: {state['lately']} of {state['files']} files read again within 28 days{oldest}")
    lines += [f"Archive: {row['object']}: {row['problem']}" for row in state["problems"]]
    if state["unknown_athletes"]:
        who = ", ".join(state["unknown_athletes"])
        lines.append(f"Archive: nothing in the database of {who}: perf-pipeline rebuild restores them")
    return lines


def erased_table(handle: str, found: Mapping[str, int], left: Mapping[str, int] | None) -> Table:
    """What there was of an athlete, and after an erasure what there is."""
    table = Table(title=f"Kept of {handle}", title_justify="left")
    for column in ("what", "found", *(["left"] if left is not None else [])):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, count in found.items():
        table.add_row(what, str(count), *([str(left.get(what, 0))] if left is not None else []))
    return table
