"""What a user reads when something fails: one line that names the thing and the remedy."""

from __future__ import annotations

import errno
import traceback
from datetime import UTC, datetime
from pathlib import Path

from perf_pipeline.pipeline.sql_models.errors import ModelError
from perf_pipeline.settings import Settings, SettingsError
from perf_pipeline.storage.errors import StorageError, without_secrets

DATABASE_MODULES = ("psycopg", "psycopg2", "sqlalchemy")
OBJECT_MODULES = ("botocore", "aiobotocore", "aiohttp", "s3fs", "fsspec")
SPOKEN = (StorageError, SettingsError, ModelError)
"""Errors whose own message is written for the user."""


def message_of(error: BaseException) -> str:
    """The error in one line without secrets, with a remedy as far as one is known."""
    if isinstance(error, SPOKEN):
        return str(error)
    for cause in _causes(error):
        if isinstance(cause, SPOKEN):
            return str(cause)
        module = type(cause).__module__.split(".")[0]
        if module in DATABASE_MODULES:
            return (
                f"the database does not do what it is asked ({_line(cause)}). Check that it runs and that "
                "PERF_DATABASE_URL is right (perf-pipeline doctor), then run again: what is done is kept"
            )
        if module in OBJECT_MODULES:
            return f"the storage does not do what it is asked ({_line(cause)}). Check PERF_STORAGE_URL, then run again"
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return (
                f"no room is left ({_line(error)}). Make room, or move PERF_HOME, then run again: what is done is kept"
            )
        return f"{_line(error)}. Check the folder and who owns it, or set PERF_HOME to a folder of your own"
    return _line(error)


def is_expected(error: BaseException) -> bool:
    """Whether the outside world failed; anything else is a fault of ours, whose traceback is worth keeping."""
    modules = (*DATABASE_MODULES, *OBJECT_MODULES)
    return any(
        isinstance(cause, (*SPOKEN, OSError)) or type(cause).__module__.split(".")[0] in modules
        for cause in _causes(error)
    )


def keep_traceback(error: BaseException, settings: Settings) -> Path:
    """Appends the traceback to the log of the command line; where that is. Raises `OSError`."""
    path = settings.home / "logs" / "cli.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(traceback.format_exception(error))
    with path.open("a") as log:
        log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')}\n{without_secrets(text)}\n")
    return path


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


def _line(error: BaseException) -> str:
    # SQLAlchemy appends the statement, its parameters (which may be personal) and a link.
    said = str(getattr(error, "orig", None) or error)
    return without_secrets(" ".join(said.split()) or type(error).__name__)[:500]
