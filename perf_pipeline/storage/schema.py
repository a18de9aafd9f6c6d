"""Bring a database to the schema that this code knows."""

from __future__ import annotations

import time
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from perf_pipeline.storage.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "perf_schema_version"
"""Alembic's own name for it is taken where Dagster keeps its storage in the same database."""

MIGRATION_LOCK = 0x70657266  # "perf"
"""Key of the advisory lock under which one process at a time migrates."""

LOCK_TIMEOUT_SECONDS = 3
"""A migration that waits for a table holds up everybody who comes after it: it gives way, and tries again."""

_ATTEMPTS = 20
_MIGRATIONS = Path(str(resources.files("perf_pipeline.storage"))) / "migrations"


def head_revision() -> str:
    """The newest revision: the number that begins the name of the last file in `migrations/versions`."""
    return max(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def current_revision(connection: Connection) -> str | None:
    """The revision of this database, None where it was never migrated."""
    savepoint = connection.begin_nested() if connection.in_transaction() else connection.begin()
    try:
        query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant of this module
        revision: str | None = connection.execute(text(query)).scalar()
    except ProgrammingError:
        revision = None
    finally:
        savepoint.rollback()
    return revision


def migrate(engine: Engine) -> bool:
    """Bring the database to the head revision under a lock; says whether there was anything to do.

    At the head, or where a newer version of this program has been, it is one query and changes nothing (a
    migration expands first, so that the version before it keeps working).
    """
    with engine.connect() as connection:
        if _is_done(connection):
            return False
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        try:
            with engine.connect() as connection:
                if _is_done(connection):
                    return False
            _upgrade(engine)
        finally:
            # A connection that was lost took its lock with it.
            with suppress(DBAPIError):
                guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
    return True


def alembic_config() -> Config:
    """Alembic's configuration, built here so that there is no file beside the package to lose."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _is_done(connection: Connection) -> bool:
    current = current_revision(connection)
    return current is not None and current >= head_revision()


def _upgrade(engine: Engine) -> None:
    from alembic import command

    for attempt in range(1, _ATTEMPTS + 1):
        config = alembic_config()
        try:
            with engine.connect() as connection:
                connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
                connection.commit()
                config.attributes["connection"] = connection
                try:
                    command.upgrade(config, "head")
                finally:
                    # The setting belongs to the session, and the session goes back to the pool.
                    connection.invalidate()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            if attempt == _ATTEMPTS:
                raise DatabaseUnavailableError(
                    "the schema cannot be migrated: a table stays locked",
                    "End the long transactions in the database, then start again",
                    error.orig,
                ) from error
            time.sleep(min(0.1 * 2**attempt, 5.0))
        else:
            return
