"""What the commands share: where they print, how they complain, and the options that many of them take."""

from __future__ import annotations

import logging
import re
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.run_log import is_on, tell

out = Console()
err = Console(stderr=True)

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
HANDLE_RULE = "use 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
MONTH_HELP = "archive month, YYYY-MM"


def complain(what: str, detail: str) -> None:
    """One line to the error stream, as it is: brackets in it are not markup. Where the log is on, a line of that."""
    if is_on():
        tell(what, logging.ERROR, message=" ".join(detail.split()))
        return
    err.print(Text.assemble((what, "red"), ": ", " ".join(detail.split())), soft_wrap=True)


def checked_handle(value: str | None) -> str | None:
    from perf_pipeline.pipeline.services import HandleError

    if value is not None and not layout.is_handle(value):
        raise typer.BadParameter(str(HandleError(value)))
    return value


def checked_month(value: str | None) -> str | None:
    if value is not None and not MONTH.fullmatch(value):
        raise typer.BadParameter(f"'{value}' is not a month; write YYYY-MM")
    return value


def checked_stages(values: list[str] | None) -> list[str]:
    from perf_pipeline.defs.athletes import STAGE_ORDER

    for value in values or ():
        if value not in STAGE_ORDER:
            raise typer.BadParameter(f"'{value}' is no stage; the stages are {', '.join(STAGE_ORDER)}")
    return values or []


Athlete = Annotated[str, typer.Option("--athlete", "-a", callback=checked_handle, help="whose files these are")]
SomeAthlete = Annotated[str | None, typer.Option("--athlete", "-a", callback=checked_handle, help="only this athlete")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable output")]


def require_athlete(services: Any, athlete: str) -> None:
    """Ends with an error where nothing was ever taken in under that name."""
    from perf_pipeline.pipeline.overview import counts_by_athlete

    with services.warehouse.begin() as connection:
        known = counts_by_athlete(connection)
    if athlete not in known:
        complain("error", f"no athlete {athlete}: nothing has been taken in under that name. See perf-pipeline status")
        raise typer.Exit(1)
