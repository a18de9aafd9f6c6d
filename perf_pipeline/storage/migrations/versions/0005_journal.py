"""What is to be written to the journal of the archive, noted by the database itself, whoever writes the rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JOURNALLED = (
    "source_files", "arrivals", "threshold_models", "capability_predictions", "workout_adaptations", "deliveries",
)  # fmt: skip

# Runs with the rights and the schema of whoever made it: a reader who marks a notification as read needs neither.
# DO UPDATE and not DO NOTHING: it locks the note, so that it is not taken away before the change is to be seen.
NOTE = """
CREATE FUNCTION note_for_journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    changed record;
    key uuid;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM profiles WHERE id = changed.profile_id) THEN
        RETURN NULL;  -- it goes together with its athlete
    END IF;
    IF TG_TABLE_NAME = 'deliveries' THEN key := changed.notification_id; ELSE key := changed.id; END IF;
    INSERT INTO journal_pending (profile_id, kind, row_id) VALUES (changed.profile_id, TG_TABLE_NAME, key)
    ON CONFLICT (profile_id, kind, row_id) DO UPDATE SET kind = excluded.kind;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "journal_pending",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("kind", sa.Text(), nullable=False, comment="the table whose row changed"),
        sa.Column("row_id", sa.UUID(), nullable=False, comment="primary key of the row"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_journal_pending_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "kind", "row_id", name="pk_journal_pending"),
        comment="Rows that cannot be derived and are not yet in the journal of the archive. Bookkeeping.",
    )
    op.create_table(
        "journal_heads",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("kind", sa.Text(), nullable=False, comment="the table whose rows are journalled"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="number of the newest entry"),
        sa.Column("entries", sa.Integer(), nullable=False, comment="entries since they were last made one"),
        sa.Column(
            "restored",
            sa.Boolean(),
            nullable=False,
            comment="the table holds what the journal told when this database met the athlete",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_journal_heads_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "kind", name="pk_journal_heads"),
        comment="How far the journal of each athlete reaches. Bookkeeping.",
    )
    op.add_column(
        "source_files",
        sa.Column(
            "reader_version",
            sa.Text(),
            nullable=True,
            comment="version of the readers that intake refused it with: with others it is tried again",
        ),
    )
    op.execute(NOTE)
    for table in JOURNALLED:
        op.execute(
            f"CREATE TRIGGER note_for_journal AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION note_for_journal()"
        )
        key = "notification_id" if table == "deliveries" else "id"
        op.execute(f"INSERT INTO journal_pending SELECT profile_id, '{table}', {key} FROM {table}")  # noqa: S608
    op.execute(
        "CREATE TRIGGER note_for_journal AFTER UPDATE OF is_read ON notifications "
        "FOR EACH ROW WHEN (OLD.is_read IS DISTINCT FROM NEW.is_read) EXECUTE FUNCTION note_for_journal()"
    )
    op.execute(
        "CREATE TRIGGER note_gone_for_journal AFTER DELETE ON notifications "
        "FOR EACH ROW WHEN (OLD.is_read) EXECUTE FUNCTION note_for_journal()"
    )
    op.execute("INSERT INTO journal_pending SELECT profile_id, 'notifications', id FROM notifications WHERE is_read")
