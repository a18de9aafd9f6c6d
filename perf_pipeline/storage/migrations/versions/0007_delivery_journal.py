"""Since when a service is told is journalled: after the loss of the database it hears what it has not heard, once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COMMENT = (
    "Since when each configured service is told of an athlete's notifications. It cannot be derived: a rebuild sends "
    "no old news."
)


def upgrade() -> None:
    # The version before goes on inserting without an id; its rows are a handful an athlete.
    op.add_column(
        "delivery_services",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
    )
    op.drop_constraint("pk_delivery_services", "delivery_services")
    op.create_primary_key("pk_delivery_services", "delivery_services", ["id"])
    op.create_unique_constraint("uq_delivery_services_service", "delivery_services", ["profile_id", "service"])
    op.create_table_comment("delivery_services", COMMENT)
    op.execute(
        "CREATE TRIGGER note_for_journal AFTER INSERT OR UPDATE OR DELETE ON delivery_services "
        "FOR EACH ROW EXECUTE FUNCTION note_for_journal()"
    )
    op.execute("INSERT INTO journal_pending SELECT profile_id, 'delivery_services', id FROM delivery_services")
