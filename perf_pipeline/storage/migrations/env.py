"""How Alembic runs migrations: on the connection that `storage.schema` hands it, each in its own transaction."""

from __future__ import annotations

from alembic import context

from perf_pipeline.storage.schema import VERSION_TABLE
from perf_pipeline.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
