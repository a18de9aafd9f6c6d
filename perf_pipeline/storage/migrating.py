"""Help for migrations that must not hold anybody up.

A migration expands: new tables, new columns that may be null or have a default, constraints first `NOT VALID` and then
validated, indexes on tables that are written to through `create_index_concurrently`. What the version before it uses is
taken away by a later release, when nobody runs that version any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, text


def create_index_concurrently(engine: Engine, name: str, table: str, columns: Sequence[str], options: str = "") -> None:
    """Builds the index without locking out writers; `options` goes behind the columns (INCLUDE, WHERE).

    A build that was killed leaves an index that is never used: it is dropped and built again; a finished one is left.
    Such a build cannot be part of a transaction: in a migration call it inside of
    `op.get_context().autocommit_block()` with `op.get_bind().engine`.
    """
    find = text(
        "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE c.relname = :name AND pg_table_is_visible(c.oid)"
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_valid = connection.execute(find, {"name": name}).scalar()
        if is_valid:
            return
        if is_valid is False:
            connection.execute(text(f'DROP INDEX CONCURRENTLY "{name}"'))
        listed = ", ".join(columns)
        connection.execute(text(f'CREATE INDEX CONCURRENTLY "{name}" ON "{table}" ({listed}) {options}'))
