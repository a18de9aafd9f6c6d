"""What the science needs: wellness baselines, athlete-grain metrics, impulse and response, inferred sports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

profile_metric_type = postgresql.ENUM(
    "weight_kg", "resting_hr_bpm", "sleep_hours", "hrv_ms", name="profile_metric_type", create_type=False
)


def upgrade() -> None:
    op.create_table(
        "daily_wellness",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("metric_type", profile_metric_type, nullable=False, comment="what was measured"),
        sa.Column("date", sa.Date(), nullable=False, comment="the athlete's local day"),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="the one device or file kind that this day's numbers come from: sources are never mixed",
        ),
        sa.Column("source_reason", sa.Text(), nullable=True, comment="why that one"),
        sa.Column("value", sa.Double(), nullable=True, comment="the day's value; the last known one carried forward"),
        sa.Column("age_days", sa.Integer(), nullable=True, comment="days since it was measured: 0 on the day itself"),
        sa.Column(
            "mean_7d",
            sa.Double(),
            nullable=True,
            comment="mean of the last 7 days (HRV: of ln ms), where at least 3 are valid",
        ),
        sa.Column("mean_60d", sa.Double(), nullable=True, comment="mean of the last 60 days (HRV: of ln ms)"),
        sa.Column(
            "sd_60d", sa.Double(), nullable=True, comment="standard deviation over the last 60 days (HRV: of ln ms)"
        ),
        sa.Column("valid_7d", sa.Integer(), nullable=False, comment="days measured among the last 7"),
        sa.Column("valid_60d", sa.Integer(), nullable=False, comment="days measured among the last 60"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_daily_wellness_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "metric_type", "date", name="pk_daily_wellness"),
        comment="Weight, resting heart rate, HRV and sleep by local day, with baselines. Rebuilt from the archive.",
    )
    op.create_table(
        "deliveries",
        sa.Column(
            "notification_id",
            sa.UUID(),
            nullable=False,
            comment="the notification; kept when it is withdrawn, so that nothing is sent twice",
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "delivered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the first service took it",
        ),
        sa.Column(
            "services",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="keys of the services that took it (hashes of their URLs)",
        ),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_deliveries_profile_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notification_id", name="pk_deliveries"),
        comment="Which notifications were sent out, and to whom. Append-only: it cannot be derived.",
    )
    op.create_table(
        "delivery_services",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("service", sa.Text(), nullable=False, comment="key of the service: a hash of its URL"),
        sa.Column(
            "on_since",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when it was first seen in the settings: only what happened later is sent",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_delivery_services_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "service", name="pk_delivery_services"),
        comment="Since when each configured service is told of an athlete's notifications. Not rebuilt: a rebuild sends no old news.",
    )
    op.create_table(
        "impulse_response_models",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("sport", sa.Text(), nullable=False, comment="the sport whose tests were fitted"),
        sa.Column("test", sa.Text(), nullable=False, comment="what counts as a test, such as power 300 s"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="the last day that was looked at"),
        sa.Column("p0", sa.Double(), nullable=True, comment="performance without training, in the test's unit"),
        sa.Column("k1", sa.Double(), nullable=True, comment="gain per unit of load"),
        sa.Column("k2", sa.Double(), nullable=True, comment="fatigue per unit of load"),
        sa.Column("tau1_days", sa.Double(), nullable=True, comment="time constant of gain"),
        sa.Column("tau2_days", sa.Double(), nullable=True, comment="time constant of fatigue"),
        sa.Column("tests", sa.Integer(), nullable=True, comment="tests fitted"),
        sa.Column("r_squared", sa.Double(), nullable=True, comment="share of the tests' variance explained"),
        sa.Column(
            "leave_one_out_rmse", sa.Double(), nullable=True, comment="error of a test predicted from the others"
        ),
        sa.Column("naive_rmse", sa.Double(), nullable=True, comment="the same of their mean"),
        sa.Column("refusal", sa.Text(), nullable=True, comment="why there is no model"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_impulse_response_models_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "sport", "test", name="pk_impulse_response_models"),
        comment="Banister's impulse and response fitted to the athlete, or why not. Rebuilt from the archive.",
    )
    op.create_table(
        "athlete_outputs",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("stage", sa.Text(), nullable=False, comment="the athlete-grain stage, such as threshold_models"),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="hash of all that the stage could read, of what it wrote, of day and code: while it holds, the stage is skipped",
        ),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was computed",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_athlete_outputs_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "stage", name="pk_athlete_outputs"),
        comment="What is up to date of the stages that work on an athlete as a whole.",
    )
    op.create_table(
        "activity_outputs",
        sa.Column("activity_id", sa.UUID(), nullable=False, comment="the activity"),
        sa.Column("stage", sa.Text(), nullable=False, comment="the athlete-grain stage, such as relative_metrics"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="hash of the activity's streams, what was known of the athlete on its day, and code",
        ),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was computed",
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name="fk_activity_outputs_activity_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_activity_outputs_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("activity_id", "stage", name="pk_activity_outputs"),
        comment="What is up to date of the athlete-grain stages that work activity by activity.",
    )
    op.create_index("ix_activity_outputs_profile_id_stage", "activity_outputs", ["profile_id", "stage"], unique=False)
    op.add_column(
        "activities",
        sa.Column("elapsed_seconds", sa.Integer(), nullable=True, comment="by the wall clock, pauses included"),
    )
    op.add_column(
        "activities",
        sa.Column(
            "superseded_reason",
            sa.Text(),
            nullable=True,
            comment="why the two are the same activity, and why that one is kept",
        ),
    )
    op.add_column(
        "activities",
        sa.Column(
            "sport_source",
            sa.Text(),
            server_default=sa.text("'file'"),
            nullable=False,
            comment="who named the sport: sidecar, file or inferred; unknown where nobody could",
        ),
    )
    op.add_column(
        "activities",
        sa.Column(
            "sport_confidence",
            sa.Double(),
            nullable=True,
            comment="0 to 1, where the sport was inferred from the streams",
        ),
    )
    op.add_column(
        "activities",
        sa.Column(
            "sport_evidence",
            postgresql.JSONB(),
            nullable=True,
            comment="what told of the inferred sport, or why it was not inferred",
        ),
    )
    op.add_column(
        "activities",
        sa.Column("timezone", sa.Text(), nullable=True, comment="IANA zone of the first credible position"),
    )
    op.add_column(
        "activity_loads",
        sa.Column(
            "trimp", sa.Double(), nullable=True, comment="Banister's training impulse, where heart rate allowed one"
        ),
    )
    op.add_column("activity_loads", sa.Column("note", sa.Text(), nullable=True, comment="what was assumed"))
    op.add_column(
        "activity_metrics",
        sa.Column(
            "grain",
            sa.Text(),
            server_default=sa.text("'activity'"),
            nullable=False,
            comment="activity: from its file alone; athlete: needs a threshold, weight or profile as well",
        ),
    )
    op.alter_column(
        "threshold_models",
        "model",
        existing_type=sa.TEXT(),
        comment="critical_power, critical_speed, critical_swim_speed, ftp_20min, lthr or hr_max",
        existing_comment="critical_power, critical_speed or critical_swim_speed",
        existing_nullable=False,
    )
    # Not valid first: the table is not read under the lock that adding it takes.
    op.execute(
        "ALTER TABLE activity_metrics ADD CONSTRAINT ck_activity_metrics_grain CHECK (grain in ('activity', 'athlete')) NOT VALID"
    )
    op.execute("ALTER TABLE activity_metrics VALIDATE CONSTRAINT ck_activity_metrics_grain")
