"""Planned and adapted workouts on the terminal, as a coach would read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

WORDS = {
    "done": ("done", "green"), "missed": ("not done", "yellow"), "adapted": ("adapted", "cyan"),
    "unchanged": ("as planned", "green"), "refused": ("not adapted", "red"), "planned": ("planned", "default"),
}  # fmt: skip


def print_workouts(console: Console, rows: Sequence[Mapping[str, Any]], outbox: str) -> None:
    """One block a workout: when and what, as planned, as adapted, why, and which files there are."""
    for row in rows:
        word, style = WORDS[row["state"]]
        day = f"{row['planned_date']:%a %Y-%m-%d}" if row["planned_date"] else "any day"
        sport = row["sport"] or row["format"]
        console.print(Text.assemble((f"{day}  {row['name']}", "bold"), f" ({sport})  ", (word, style)))
        _line(console, "planned", row["planned"])
        if row["state"] == "done":
            _line(console, "done", _done(row))
        elif row["state"] == "refused":
            _line(console, "why", row["unread"] or row["refusal"])
        elif row["state"] in ("adapted", "unchanged"):
            _line(console, "today", row["adapted"])
            _line(console, "why", row["explanation"])
            _line(console, "files", ", ".join(row["exports"]))
    if any(row["state"] in ("adapted", "unchanged") and row["exports"] for row in rows):
        console.print(f"Files are in {outbox}", highlight=False, markup=False, soft_wrap=True)


def _line(console: Console, head: str, words: str | None) -> None:
    if words:
        console.print(Padding(Text.assemble((f"{head:<8}", "dim"), words), (0, 0, 0, 2)))


def _done(row: Mapping[str, Any]) -> str:
    at = f"{row['done_as']} on {row['done_at']:%Y-%m-%d}"
    if not row["intervals"]:
        return f"{at}: {100 * row['score']:.0f} % like the plan"
    unit = "W" if row["compliance"][0]["low"] > 20 else "m/s"
    held = "; ".join(
        f"{one['mean']:.{0 if unit == 'W' else 2}f} {unit}{'' if one['finished'] else ' (not finished)'}"
        for one in row["compliance"]
    )
    return f"{at}: {row['finished']} of {row['intervals']} intervals finished ({held})"
