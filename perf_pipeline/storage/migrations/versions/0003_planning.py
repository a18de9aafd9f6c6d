"""Predictions and their back-test, planned workouts, their adaptation and completion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "capability_predictions",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("sport", sa.Text(), nullable=False, comment="bike, run or swim"),
        sa.Column(
            "target", sa.Text(), nullable=False, comment="what is predicted, such as power 300 s or distance 10000 m"
        ),
        sa.Column("duration_seconds", sa.Integer(), nullable=True, comment="of a power target"),
        sa.Column("distance_meters", sa.Double(), nullable=True, comment="of a race or distance target"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="the local day on which it was said"),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="0 for the first answer as of that day, then 1, ...",
        ),
        sa.Column(
            "value",
            sa.Double(),
            nullable=True,
            comment="expected best: W, or s over the distance; null where it was refused",
        ),
        sa.Column("value_low", sa.Double(), nullable=True, comment="lower end of the 90 % interval"),
        sa.Column("value_high", sa.Double(), nullable=True, comment="upper end of the 90 % interval"),
        sa.Column("unit", sa.Text(), nullable=False, comment="W or s"),
        sa.Column("model", sa.Text(), nullable=False, comment="the model that the back-test chose for this range"),
        sa.Column("current_best", sa.Double(), nullable=True, comment="best of the last 90 days, in the unit"),
        sa.Column(
            "beats_best_probability",
            sa.Double(),
            nullable=True,
            comment="probability that a maximal effort today beats the current best",
        ),
        sa.Column("refusal", sa.Text(), nullable=True, comment="why there is no number"),
        sa.Column(
            "details",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="efforts behind it, back-test error, assumptions",
        ),
        sa.Column("input_hash", sa.Text(), nullable=False, comment="hash of inputs and code"),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was said",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_capability_predictions_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_capability_predictions"),
        sa.UniqueConstraint(
            "profile_id", "sport", "target", "as_of", "version", name="uq_capability_predictions_answer"
        ),
        comment="What the athlete is expected to be able to do, as of a day, with 90 % intervals. Append-only.",
    )
    op.create_table(
        "prediction_backtests",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("sport", sa.Text(), nullable=False, comment="bike, run or swim"),
        sa.Column("target", sa.Text(), nullable=False, comment="as in capability_predictions"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="the day up to which efforts were known"),
        sa.Column("unit", sa.Text(), nullable=False, comment="W or s"),
        sa.Column(
            "model",
            sa.Text(),
            nullable=True,
            comment="the model that was shown, chosen by what had happened up to that day",
        ),
        sa.Column(
            "predicted", sa.Double(), nullable=True, comment="what was shown, in the unit; null where it was refused"
        ),
        sa.Column("predicted_low", sa.Double(), nullable=True, comment="lower end of the 90 % interval"),
        sa.Column("predicted_high", sa.Double(), nullable=True, comment="upper end of the 90 % interval"),
        sa.Column("refusal", sa.Text(), nullable=True, comment="why nothing was shown"),
        sa.Column("naive", sa.Double(), nullable=True, comment="best of the 90 days before"),
        sa.Column(
            "riegel",
            sa.Double(),
            nullable=True,
            comment="by Riegel's formula from the best of the 90 days before nearest in length",
        ),
        sa.Column(
            "contenders",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what each model said, in the unit, before the athlete's own record moved it",
        ),
        sa.Column("actual", sa.Double(), nullable=False, comment="best of the 30 days after"),
        sa.Column("actual_activity_id", sa.UUID(), nullable=True, comment="the activity that holds it"),
        sa.Column(
            "percentile",
            sa.Double(),
            nullable=True,
            comment="where the outcome fell in the predicted distribution: 0 worse than all of it, 1 better",
        ),
        sa.Column("near_maximal", sa.Boolean(), nullable=False, comment="by a rule that never sees the prediction"),
        sa.Column(
            "input_hash",
            sa.Text(),
            nullable=False,
            comment="hash of the efforts up to the end of the 30 days, and of the code",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_prediction_backtests_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_prediction_backtests"),
        sa.UniqueConstraint("profile_id", "sport", "target", "as_of", name="uq_prediction_backtests_case"),
        comment="Predictions as of past days beside what then happened. Rebuilt from the archive.",
    )
    op.create_table(
        "planned_workouts",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("source_file_id", sa.UUID(), nullable=False, comment="the file it comes from"),
        sa.Column("name", sa.Text(), nullable=False, comment="from the file"),
        sa.Column("sport", sa.Text(), nullable=True, comment="bike, run, swim; null where the file does not say"),
        sa.Column("planned_date", sa.Date(), nullable=True, comment="local day, where the file or its name tells one"),
        sa.Column("format", sa.Text(), nullable=False, comment="fit, zwo, erg, mrc or yaml"),
        sa.Column(
            "steps",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="the steps, repeats kept",
        ),
        sa.Column("duration_seconds", sa.Integer(), nullable=True, comment="sum of the timed steps"),
        sa.Column("notes", sa.Text(), nullable=True, comment="from the file"),
        sa.Column(
            "base_threshold",
            sa.Double(),
            nullable=True,
            comment="what the file says its absolute targets were planned against, W or m/s",
        ),
        sa.Column("received_on", sa.Date(), nullable=False, comment="the day on which the file arrived, UTC"),
        sa.Column("refusal", sa.Text(), nullable=True, comment="why it cannot be adapted"),
        sa.Column(
            "input_hash",
            sa.Text(),
            nullable=False,
            comment="hash of the file, its name and code: unchanged, it is not read again",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_planned_workouts_profile_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_file_id"], ["source_files.id"], name="fk_planned_workouts_source_file_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_planned_workouts"),
        comment="Structured workouts from inbox/<athlete>/workouts/. Rebuilt from the archive.",
    )
    op.create_index("ix_planned_workouts_profile_id", "planned_workouts", ["profile_id"], unique=False)
    op.create_table(
        "workout_adaptations",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("planned_workout_id", sa.UUID(), nullable=False, comment="the workout; it is never overwritten"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="the local day on which it was adapted"),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="0 for the first answer as of that day, then 1, ...",
        ),
        sa.Column("status", sa.Text(), nullable=False, comment="adapted, unchanged or refused"),
        sa.Column("refusal", sa.Text(), nullable=True, comment="why it was not adapted"),
        sa.Column(
            "readiness",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what was known of the athlete that day, and the scale that follows",
        ),
        sa.Column(
            "steps",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="the adapted steps with targets in W or m/s",
        ),
        sa.Column(
            "changes",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="each change with its reason in numbers",
        ),
        sa.Column(
            "explanation", sa.Text(), server_default=sa.text("''"), nullable=False, comment="the reasons in words"
        ),
        sa.Column(
            "finish_probability",
            sa.Double(),
            nullable=True,
            comment="lowest probability over its intervals, after the changes",
        ),
        sa.Column(
            "exports",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="keys of the exported files in the outbox",
        ),
        sa.Column("input_hash", sa.Text(), nullable=False, comment="hash of inputs and code"),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was said",
        ),
        sa.ForeignKeyConstraint(
            ["planned_workout_id"],
            ["planned_workouts.id"],
            name="fk_workout_adaptations_planned_workout_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_workout_adaptations_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_workout_adaptations"),
        sa.UniqueConstraint("planned_workout_id", "as_of", "version", name="uq_workout_adaptations_answer"),
        comment="Planned workouts re-based on today's threshold and readiness, with reasons. Append-only.",
    )
    op.create_index(
        "ix_workout_adaptations_profile_id_as_of", "workout_adaptations", ["profile_id", "as_of"], unique=False
    )
    op.create_table(
        "workout_completions",
        sa.Column("planned_workout_id", sa.UUID(), nullable=False, comment="the workout"),
        sa.Column("activity_id", sa.UUID(), nullable=False, comment="the activity"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "score", sa.Double(), nullable=False, comment="0 to 1: how well the activity has the workout's shape"
        ),
        sa.Column(
            "compliance",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="per interval: target, done, share of the time in the target",
        ),
        sa.Column("intervals", sa.Integer(), nullable=False, comment="intervals that were asked for"),
        sa.Column("finished", sa.Integer(), nullable=False, comment="intervals of them that were finished"),
        sa.Column(
            "input_hash", sa.Text(), nullable=False, comment="hash of the workout, the activity's streams and code"
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name="fk_workout_completions_activity_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["planned_workout_id"],
            ["planned_workouts.id"],
            name="fk_workout_completions_planned_workout_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_workout_completions_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("planned_workout_id", name="pk_workout_completions"),
        comment="Which activity did which planned workout, and how well. Rebuilt from the archive.",
    )
    op.create_index("ix_workout_completions_activity_id", "workout_completions", ["activity_id"], unique=False)
    op.create_index("ix_workout_completions_profile_id", "workout_completions", ["profile_id"], unique=False)
