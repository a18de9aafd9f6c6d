"""The command line. It materializes the same definitions as the UI; there is no second path through the code."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from time import perf_counter

import typer

from perf_pipeline.pipeline.run_log import set_up, tell
from perf_pipeline.settings import SettingsError, load_settings
from perf_pipeline.terminal import asking_commands, care_commands, running_commands
from perf_pipeline.terminal.edge import complain

app = typer.Typer(
    help="Activity files in, performance knowledge out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a frame around an error breaks the path that it names
)
for command in (
    running_commands.ingest,
    running_commands.rebuild,
    running_commands.status,
    running_commands.demo,
    asking_commands.predict,
    asking_commands.report,
    asking_commands.explain,
    asking_commands.workouts,
    asking_commands.duplicates,
    care_commands.sql,
    care_commands.quality,
    care_commands.metrics,
    care_commands.verify,
    care_commands.erase,
    care_commands.serve,
    care_commands.stop,
    care_commands.doctor,
):
    app.command()(command)


def main() -> None:
    """Runs the command line; whatever goes wrong becomes one clear message and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign shows a question mark instead of ending us.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    with suppress(SettingsError):  # whichever command it is says what is wrong with them
        set_up(load_settings())
    began, code = perf_counter(), 1
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    except Exception as error:  # noqa: BLE001 - the outermost edge: a user must not meet a traceback
        _report(error)
        raise SystemExit(1) from None
    finally:
        name = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
        tell("command ended", command=name, exit_code=code, seconds=round(perf_counter() - began, 3))


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
