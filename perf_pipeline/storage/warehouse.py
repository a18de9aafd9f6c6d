"""PostgreSQL: connections, transactions, one worker per athlete.

Rows go in and out through `storage.rows`; this room knows who may write, and what to try again.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from perf_pipeline.storage import schema
from perf_pipeline.storage.errors import AthleteBusyError, DatabaseUnavailableError, LeaseLostError, WrongUrlError
from perf_pipeline.storage.ids import profile_id_of
from perf_pipeline.storage.rows import copy_rows, delete_vanished, replace_children, upsert
from perf_pipeline.storage.tables import athlete_leases, profiles

__all__ = ["Lease", "Warehouse", "copy_rows", "delete_vanished", "replace_children", "retrying", "upsert"]

T = TypeVar("T")

_REMEDY = "Start the database, or correct PERF_DATABASE_URL"
_TRANSIENT = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})
"""Serialization failure, deadlock, lock not available, shutdown, crash shutdown, starting up, too many connections."""
_LOCK_NOT_AVAILABLE = "55P03"
_KEY = "CAST(:key AS bigint) # hashtextextended(current_schema(), 0)"
"""An athlete rebuilt into a schema of its own, for comparison, is another one: locks know no schemas."""


def retrying(work: Callable[[], T], attempts: int = 3) -> T:
    """The result of `work`, a whole transaction that may be done again, tried again where the database asks for it.

    Tried again: serialization failures, deadlocks, lock time-outs, dropped connections. The last failure is
    raised: a database that went away as `DatabaseUnavailableError`, anything else as it is.
    """
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except DBAPIError as error:
            if not _transient(error):
                raise
            if attempt == attempts:
                if _disconnected(error):
                    raise DatabaseUnavailableError("the database went away", _REMEDY, error.orig) from error
                raise
        except DatabaseUnavailableError:
            if attempt == attempts:
                raise
        time.sleep(random.uniform(0.5, 1.0) * 0.1 * 4**attempt)  # noqa: S311 - jitter, not a secret
    raise ValueError("attempts must be at least 1")


class Witness(Protocol):
    """Sees every transaction of a lease: what it does before the commit, the transaction stands or falls with."""

    def before_commit(self, connection: Connection, profile_id: uuid.UUID, token: int) -> None: ...

    def after_commit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for one athlete, as long as no other holder has a newer token."""

    profile_id: uuid.UUID
    token: int
    warehouse: Warehouse
    witness: Witness | None = field(default=None, kw_only=True)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that only the newest holder can begin, and during which no newer one can come to be.

        Raises `LeaseLostError` where another holder has taken over.
        """
        with self.warehouse.begin() as connection:
            newest = connection.execute(
                select(athlete_leases.c.token)
                .where(athlete_leases.c.profile_id == self.profile_id)
                .with_for_update(read=True)
            ).scalar()
            if newest != self.token:
                raise LeaseLostError(
                    f"another worker has taken over the athlete {self.profile_id}",
                    "Nothing is to be done: that worker brings the athlete up to date",
                )
            yield connection
            if self.witness is not None:
                self.witness.before_commit(connection, self.profile_id, self.token)
        if self.witness is not None:
            self.witness.after_commit()


class Warehouse:
    """One database. Make it with `connect`; `close` gives its connections back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._free_sessions: list[Connection] = []

    @staticmethod
    def connect(database_url: str, *, application_name: str = "perf_pipeline") -> Warehouse:
        """The database that answers at the URL; raises `WrongUrlError` or `DatabaseUnavailableError`."""
        url = _parsed(database_url)
        own = str(url.query.get("options", ""))
        warehouse = Warehouse(
            create_engine(
                url.difference_update_query(["options"]),
                pool_size=3,
                max_overflow=5,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": 10,
                    "application_name": application_name,
                    "keepalives_idle": 30,
                    "options": f"{own} -c timezone=UTC -c idle_in_transaction_session_timeout=600000".lstrip(),
                },
            )
        )
        try:
            with warehouse.begin() as connection:
                connection.execute(text("SELECT 1"))
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def close(self) -> None:
        while self._free_sessions:
            self._free_sessions.pop().close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def migrate(self) -> bool:
        """Bring the schema to the one that this code knows; says whether there was anything to do."""
        with self._unreachable():
            return schema.migrate(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back where an exception leaves it."""
        with self._unreachable():
            connection = self.engine.connect()
        with connection:
            try:
                with connection.begin():
                    try:
                        yield connection
                    except BaseException as error:
                        _give_up(connection, error)
                        raise
            except BaseException as error:
                _give_up(connection, error)
                raise

    def handles(self) -> list[str]:
        """The handles of all athletes."""
        with self.begin() as connection:
            return list(connection.scalars(select(profiles.c.handle).order_by(profiles.c.handle)))

    def ensure_profile(self, handle: str) -> uuid.UUID:
        """The id of the athlete with this handle, whose row is there when this returns."""
        profile_id = profile_id_of(handle)
        with self.begin() as connection:
            known = connection.execute(select(profiles.c.id).where(profiles.c.id == profile_id)).scalar()
            if known is None:
                connection.execute(insert(profiles).values(id=profile_id, handle=handle).on_conflict_do_nothing())
                connection.execute(insert(athlete_leases).values(profile_id=profile_id).on_conflict_do_nothing())
        return profile_id

    @contextmanager
    def athlete_lease(self, profile_id: uuid.UUID, holder: str, wait_seconds: float = 0.0) -> Iterator[Lease]:
        """The athlete's lease, held until the block ends; raises `AthleteBusyError` after `wait_seconds`.

        An advisory lock of a session of its own keeps others out; should that session be lost while its holder
        stalls, the next holder's token keeps the stalled one from committing. The athlete's row must be there.
        """
        with ExitStack() as stack:
            connection = self._lock_session()
            stack.callback(connection.close)
            key = int.from_bytes(profile_id.bytes[:8], signed=True)
            try:
                _lock(connection, key, wait_seconds)
                token = _next_token(connection, profile_id, holder, wait_seconds)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
                raise AthleteBusyError(
                    f"another worker is at work on the athlete {profile_id}", "Wait for it to end, then run again"
                ) from error
            try:
                yield Lease(profile_id, token, self)
            finally:
                with suppress(DBAPIError):
                    unlock = text(f"SELECT pg_advisory_unlock({_KEY})")
                    if connection.execute(unlock, {"key": key}).scalar():
                        stack.pop_all()
                        self._free_sessions.append(connection)

    def _lock_session(self) -> Connection:
        """A session for a lock: one whose lock was given back, where there is one and it is still alive.

        The lock belongs to the session: one that may still hold a lock is closed, and never used again. To open one
        takes longer than all that most stages ask of an athlete of whom there is no news.
        """
        while self._free_sessions:
            connection = self._free_sessions.pop()
            try:
                connection.execute(text("SELECT 1"))
            except DBAPIError:
                connection.close()
            else:
                return connection
        with self._unreachable():
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        return connection

    @contextmanager
    def _unreachable(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) in {"40001", "40P01", _LOCK_NOT_AVAILABLE}:
                raise
            url = self.engine.url
            raise DatabaseUnavailableError(
                f"cannot connect to the database {url.database!r} at {url.host}:{url.port or 5432}", _REMEDY, error.orig
            ) from error

    def __repr__(self) -> str:
        url = self.engine.url
        return f"Warehouse({url.host}:{url.port or 5432}/{url.database})"


def _give_up(connection: Connection, error: BaseException) -> None:
    """Ends the connection at an interrupt, Dagster's or the terminal's: it may have come in the middle of a query, and
    the pool would tell of a connection that it cannot roll back.
    """
    if not isinstance(error, Exception):
        connection.invalidate()


def _lock(connection: Connection, key: int, wait_seconds: float) -> None:
    # A lock_timeout of 0 would mean to wait for ever.
    connection.execute(text(f"SET lock_timeout = {max(1, round(wait_seconds * 1000))}"))
    connection.execute(text(f"SELECT pg_advisory_lock({_KEY})"), {"key": key})


def _next_token(connection: Connection, profile_id: uuid.UUID, holder: str, wait_seconds: float) -> int:
    # Waits for a transaction that a stalled holder has under way: once it is over, no later one of his begins.
    connection.execute(text(f"SET lock_timeout = {max(1000, round(wait_seconds * 1000))}"))
    statement = insert(athlete_leases).values(profile_id=profile_id, token=1, holder=holder)
    token: int = connection.execute(
        statement.on_conflict_do_update(
            index_elements=[athlete_leases.c.profile_id],
            set_={"token": athlete_leases.c.token + 1, "holder": holder, "acquired_at": text("now()")},
        ).returning(athlete_leases.c.token)
    ).scalar_one()
    return token


def _parsed(database_url: str) -> URL:
    remedy = "Write it as postgresql://user:password@host:5432/database"
    try:
        url = make_url(database_url.strip())
    except (ArgumentError, ValueError):
        # The text is not shown: what cannot be parsed cannot be stripped of its password.
        raise WrongUrlError("the database URL cannot be read", remedy) from None
    if url.drivername not in {"postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"}:
        raise WrongUrlError(f"the database URL is of kind {url.drivername!r}, not PostgreSQL", remedy)
    if not url.database:
        raise WrongUrlError("the database URL names no database", remedy)
    return url.set(drivername="postgresql+psycopg")


def _transient(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _TRANSIENT or _disconnected(error)


def _disconnected(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    lost = isinstance(error, OperationalError) and state is None
    return error.connection_invalidated or lost or (state is not None and state.startswith(("08", "57P")))
