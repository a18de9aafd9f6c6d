"""When each archived file was last found whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive_checks",
        sa.Column("source_file_id", sa.UUID(), nullable=False, comment="the archived file"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "checked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when its bytes were last hashed again",
        ),
        sa.Column("problem", sa.Text(), nullable=True, comment="what was wrong with them: gone, or of another hash"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_archive_checks_profile_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_file_id"], ["source_files.id"], name="fk_archive_checks_source_file_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_file_id", name="pk_archive_checks"),
        comment="When each archived file was last read again and found whole. Bookkeeping of the nightly archive check.",
    )
    op.create_index("ix_archive_checks_checked_at", "archive_checks", ["checked_at"], unique=False)
