"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

effort_type = postgresql.ENUM("power", "speed", "pace", name="effort_type", create_type=False)
profile_metric_type = postgresql.ENUM(
    "weight_kg", "resting_hr_bpm", "sleep_hours", "hrv_ms", name="profile_metric_type", create_type=False
)
notification_type = postgresql.ENUM(
    "personal_record", "milestone", "recovery_alert", name="notification_type", create_type=False
)


def upgrade() -> None:
    for enum in (effort_type, profile_metric_type, notification_type):
        enum.create(op.get_bind())
    op.create_table(
        "profiles",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("handle", sa.Text(), nullable=False, comment="folder name in the inbox and partition key"),
        sa.Column("display_name", sa.Text(), nullable=True, comment="from profile.yaml"),
        sa.Column("sex", sa.Text(), nullable=True, comment="male or female, from profile.yaml"),
        sa.Column("birth_date", sa.Date(), nullable=True, comment="from profile.yaml"),
        sa.Column(
            "timezone",
            sa.Text(),
            nullable=True,
            comment="IANA zone from profile.yaml, used where a file tells no offset",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the athlete was first seen",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_profiles"),
        sa.UniqueConstraint("handle", name="uq_profiles_handle"),
        comment="Athletes. Rebuilt from the archive: the handle and the newest profile.yaml.",
    )
    op.create_table(
        "athlete_leases",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "token",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="fencing token: grows with every holder",
        ),
        sa.Column("holder", sa.Text(), nullable=True, comment="host, process and run of the last holder"),
        sa.Column(
            "acquired_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the last holder took the lease",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_athlete_leases_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", name="pk_athlete_leases"),
        comment="One worker per athlete: a writer whose token is not the newest may not commit.",
    )
    op.create_table(
        "daily_fitness",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("date", sa.Date(), nullable=False, comment="the athlete's local day"),
        sa.Column("load", sa.Double(), nullable=False, comment="sum of the day's loads"),
        sa.Column("ctl", sa.Double(), nullable=False, comment="Chronic Training Load, 42 days"),
        sa.Column("atl", sa.Double(), nullable=False, comment="Acute Training Load, 7 days"),
        sa.Column("tsb", sa.Double(), nullable=False, comment="Training Stress Balance: yesterday's CTL - ATL"),
        sa.Column("ramp", sa.Double(), nullable=True, comment="CTL change over 7 days"),
        sa.Column("monotony", sa.Double(), nullable=True, comment="mean / SD of 7 daily loads (Foster)"),
        sa.Column("strain", sa.Double(), nullable=True, comment="7-day load x monotony (Foster)"),
        sa.Column(
            "projected",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a day to come, without training",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_daily_fitness_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "date", name="pk_daily_fitness"),
        comment="Fitness, fatigue and form by local day, to today. Rebuilt from the archive.",
    )
    op.create_table(
        "month_outputs",
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("month", sa.Text(), nullable=False, comment="YYYY-MM of the archive"),
        sa.Column(
            "stage",
            sa.Text(),
            nullable=False,
            comment="activity_streams, activities, activity_efforts or activity_metrics",
        ),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="hash of inputs, code and settings; while it holds, the month is skipped",
        ),
        sa.Column(
            "code_version",
            sa.Text(),
            nullable=False,
            comment="hash of the sources of the stage and of what it imports of ours",
        ),
        sa.Column(
            "output_hash",
            sa.Text(),
            nullable=False,
            comment="hash of what was written: an input of the stages downstream",
        ),
        sa.Column(
            "counts",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="files, activities, rows, seconds",
        ),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was computed",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_month_outputs_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", "month", "stage", name="pk_month_outputs"),
        comment="What is up to date: one row per athlete, month and stage.",
    )
    op.create_table(
        "notifications",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("type", notification_type, nullable=False, comment="personal_record, milestone or recovery_alert"),
        sa.Column("title", sa.Text(), nullable=False, comment="one line"),
        sa.Column("message", sa.Text(), nullable=False, comment="what happened"),
        sa.Column(
            "data",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="the numbers and their evidence",
        ),
        sa.Column(
            "is_read",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="set by the reader; kept by a rebuild",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was first written",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="when what it tells of happened"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_notifications_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        comment="What the athlete should hear of. Rebuilt from the archive, is_read kept.",
    )
    op.create_index(
        "ix_notifications_feed", "notifications", ["profile_id", sa.literal_column("created_at DESC")], unique=False
    )
    op.create_table(
        "source_files",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="hash of the unpacked bytes"),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="size of the unpacked bytes"),
        sa.Column("format", sa.Text(), nullable=False, comment="fit, gpx, tcx, csv, yaml or bin"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="activity, course, workout, wellness, settings, sidecar, profile or other",
        ),
        sa.Column("status", sa.Text(), nullable=False, comment="archived, quarantined or not_an_activity"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is quarantined or not an activity"),
        sa.Column("archive_path", sa.Text(), nullable=False, comment="key of the object that holds the bytes"),
        sa.Column(
            "month",
            sa.Text(),
            nullable=False,
            comment="YYYY-MM of the archive folder: the start the file tells (UTC), else the day it arrived",
        ),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True, comment="first moment the file tells of"),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the first copy arrived",
        ),
        sa.CheckConstraint("status in ('archived', 'quarantined', 'not_an_activity')", name="ck_source_files_status"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_source_files_profile_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_source_files"),
        sa.UniqueConstraint("profile_id", "sha256", name="uq_source_files_profile_id_sha256"),
        comment="One row per athlete and content. Rebuilt from the archive and its journal.",
    )
    op.create_index("ix_source_files_profile_id_month", "source_files", ["profile_id", "month"], unique=False)
    op.create_table(
        "threshold_models",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("sport", sa.Text(), nullable=False, comment="bike, run or swim"),
        sa.Column("model", sa.Text(), nullable=False, comment="critical_power, critical_speed or critical_swim_speed"),
        sa.Column(
            "as_of",
            sa.Date(),
            nullable=False,
            comment="the local day of which this is true: efforts of the 90 days up to it",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="0 for the first answer as of that day, then 1, ...",
        ),
        sa.Column(
            "threshold",
            sa.Double(),
            nullable=True,
            comment="Critical Power in W, or Critical Speed in m/s; null where it was refused",
        ),
        sa.Column("threshold_low", sa.Double(), nullable=True, comment="lower end of the 90 % interval"),
        sa.Column("threshold_high", sa.Double(), nullable=True, comment="upper end of the 90 % interval"),
        sa.Column("capacity", sa.Double(), nullable=True, comment="W prime in J, or D prime in m"),
        sa.Column("capacity_low", sa.Double(), nullable=True, comment="lower end of the 90 % interval"),
        sa.Column("capacity_high", sa.Double(), nullable=True, comment="upper end of the 90 % interval"),
        sa.Column("unit", sa.Text(), nullable=False, comment="unit of the threshold"),
        sa.Column("refusal", sa.Text(), nullable=True, comment="why there is no number"),
        sa.Column(
            "details",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="other forms, standard errors, efforts used",
        ),
        sa.Column(
            "input_hash",
            sa.Text(),
            nullable=False,
            comment="hash of the efforts and the code: unchanged, the week is skipped",
        ),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was said",
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_threshold_models_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_threshold_models"),
        comment="Thresholds, bitemporal: as_of is the day it is true of, computed_at the day it was said. Append-only; a new row only where the answer changes.",
    )
    op.create_index(
        "ix_threshold_models_as_of",
        "threshold_models",
        ["profile_id", "sport", "model", "as_of", sa.literal_column("version DESC")],
        unique=False,
    )
    op.create_table(
        "activities",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="from the sidecar, the file, or sport and part of the day"
        ),
        sa.Column("notes", sa.Text(), nullable=True, comment="from the sidecar or the file"),
        sa.Column("type", sa.Text(), nullable=False, comment="sport: bike, run, swim, walk, ..."),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="start of the session, UTC"),
        sa.Column("duration_seconds", sa.Integer(), nullable=False, comment="timer time: pauses left out"),
        sa.Column(
            "moving_seconds", sa.Integer(), nullable=False, comment="time in motion (speed above the sport's bound)"
        ),
        sa.Column("distance_meters", sa.Integer(), nullable=True, comment="the device's distance, else from positions"),
        sa.Column(
            "temperature", sa.Numeric(), nullable=True, comment="mean temperature at the device, degrees Celsius"
        ),
        sa.Column("fit_file_path", sa.Text(), nullable=False, comment="archive path of the file, whatever its format"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the row was first written",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the row last changed",
        ),
        sa.Column(
            "superseded_by", sa.UUID(), nullable=True, comment="the richer activity of which this is a duplicate"
        ),
        sa.Column("sub_type", sa.Text(), nullable=True, comment="the file's own finer word for the sport"),
        sa.Column(
            "utc_offset_seconds",
            sa.Integer(),
            nullable=True,
            comment="offset of the athlete's clock, where the file tells it",
        ),
        sa.Column("elevation_gain_meters", sa.Double(), nullable=True, comment="sum of smoothed climbs"),
        sa.Column("device", sa.Text(), nullable=True, comment="maker and model of the recorder"),
        sa.Column("source_file_id", sa.UUID(), nullable=False, comment="the file it comes from"),
        sa.Column("session_index", sa.Integer(), nullable=False, comment="which session of the file, from 0"),
        sa.Column(
            "archive_month", sa.Text(), nullable=False, comment="YYYY-MM of the file's archive folder: the unit of work"
        ),
        sa.Column(
            "device_summary",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="the device's own totals",
        ),
        sa.Column(
            "anomalies",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="what cleaning found, and what was decided",
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="what the reader had to say of the file",
        ),
        sa.Column(
            "partial",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the file lost bytes; this is what is left",
        ),
        sa.Column("reader", sa.Text(), nullable=False, comment="the code that read the file"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_activities_profile_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["source_file_id"], ["source_files.id"], name="fk_activities_source_file_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_activities"),
        comment="What did the athlete do? One row per session. Rebuilt from the archive.",
    )
    op.create_index(
        "ix_activities_profile_id_archive_month", "activities", ["profile_id", "archive_month"], unique=False
    )
    op.create_index(
        "ix_activities_profile_id_started_at",
        "activities",
        ["profile_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    op.create_index("ix_activities_source_file_id", "activities", ["source_file_id"], unique=False)
    op.create_table(
        "arrivals",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="name in the inbox, below the athlete's folder; container!member for members",
        ),
        sa.Column("source_file_id", sa.UUID(), nullable=False, comment="what it held"),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="archived, duplicate, quarantined or not_an_activity, on the day of arrival",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is not archived"),
        sa.Column(
            "sidecar",
            postgresql.JSONB(),
            nullable=True,
            comment="name, notes and type that the container told of this member",
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="modification time in the inbox",
        ),
        sa.CheckConstraint(
            "status in ('archived', 'duplicate', 'quarantined', 'not_an_activity')", name="ck_arrivals_status"
        ),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_arrivals_profile_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["source_file_id"], ["source_files.id"], name="fk_arrivals_source_file_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_arrivals"),
        comment="One row per name received. Append-only, journalled in the archive: it cannot be derived.",
    )
    op.create_index("ix_arrivals_profile_id_name", "arrivals", ["profile_id", "name"], unique=False)
    op.create_index("ix_arrivals_source_file_id", "arrivals", ["source_file_id"], unique=False)
    op.create_table(
        "profile_metrics",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("metric_type", profile_metric_type, nullable=False, comment="what was measured"),
        sa.Column("value", sa.Numeric(), nullable=False, comment="value in the unit"),
        sa.Column("unit", sa.Text(), nullable=False, comment="kg, bpm, h or ms"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, comment="when it was measured, UTC"),
        sa.Column(
            "source", sa.Text(), nullable=True, comment="device or file kind: values of several sources are never mixed"
        ),
        sa.Column("source_file_id", sa.UUID(), nullable=True, comment="the file it comes from"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_profile_metrics_profile_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_file_id"], ["source_files.id"], name="fk_profile_metrics_source_file_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_profile_metrics"),
        comment="Weight, resting heart rate, sleep and HRV from wellness files. Rebuilt from the archive.",
    )
    op.create_index(
        "ix_profile_metrics_metric",
        "profile_metrics",
        ["profile_id", "metric_type", sa.literal_column("recorded_at DESC")],
        unique=False,
    )
    op.create_table(
        "activity_efforts",
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUIDv5 of content"
        ),
        sa.Column("activity_id", sa.UUID(), nullable=False, comment="the activity"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column(
            "duration_seconds",
            sa.Integer(),
            nullable=False,
            comment="length of the window; elapsed time for distance efforts",
        ),
        sa.Column("effort_type", effort_type, nullable=False, comment="power, speed or pace"),
        sa.Column("value", sa.Numeric(), nullable=False, comment="best mean over the window"),
        sa.Column("unit", sa.Text(), nullable=False, comment="W, m/s, s/km or s/100m"),
        sa.Column("start_offset", sa.Integer(), nullable=False, comment="seconds from the start of the activity"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, comment="start of the window, UTC"),
        sa.Column(
            "distance_meters", sa.Numeric(), nullable=True, comment="distance of the window, for distance efforts"
        ),
        sa.Column("elapsed_seconds", sa.Numeric(), nullable=True, comment="exact elapsed time, for distance efforts"),
        sa.Column("grade", sa.Text(), nullable=False, comment="confirmed, candidate or rejected"),
        sa.Column(
            "evidence",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what decided the grade",
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name="fk_activity_efforts_activity_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_activity_efforts_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_activity_efforts"),
        comment="How well? The best window per duration or distance of each activity. Rebuilt from the archive.",
    )
    op.create_index(
        "ix_activity_efforts_activity_id_profile_id", "activity_efforts", ["activity_id", "profile_id"], unique=False
    )
    op.create_index(
        "ix_activity_efforts_distance",
        "activity_efforts",
        ["profile_id", "effort_type", "distance_meters", sa.literal_column("recorded_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_activity_efforts_duration",
        "activity_efforts",
        ["profile_id", "effort_type", "duration_seconds", sa.literal_column("recorded_at DESC")],
        unique=False,
    )
    op.create_table(
        "activity_loads",
        sa.Column("activity_id", sa.UUID(), nullable=False, comment="the activity"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("local_date", sa.Date(), nullable=False, comment="the athlete's local day"),
        sa.Column(
            "load",
            sa.Double(),
            nullable=False,
            comment="Training Stress Score or its kin: 100 is one hour at threshold",
        ),
        sa.Column("method", sa.Text(), nullable=False, comment="power, pace, swim, heart_rate or duration"),
        sa.Column("intensity", sa.Double(), nullable=True, comment="intensity factor, where the method has one"),
        sa.Column("threshold", sa.Double(), nullable=True, comment="the threshold it was measured against"),
        sa.Column("threshold_as_of", sa.Date(), nullable=True, comment="the day of that threshold"),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name="fk_activity_loads_activity_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_activity_loads_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("activity_id", name="pk_activity_loads"),
        comment="Training load of each activity, against the threshold valid on its day. Rebuilt from the archive.",
    )
    op.create_index(
        "ix_activity_loads_profile_id_local_date", "activity_loads", ["profile_id", "local_date"], unique=False
    )
    op.create_table(
        "activity_metrics",
        sa.Column("activity_id", sa.UUID(), nullable=False, comment="the activity"),
        sa.Column("metric", sa.Text(), nullable=False, comment="name in the registry of metrics"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete"),
        sa.Column("value", sa.Double(), nullable=False, comment="value in the unit"),
        sa.Column("unit", sa.Text(), nullable=False, comment="unit of the value"),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name="fk_activity_metrics_activity_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_activity_metrics_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("activity_id", "metric", name="pk_activity_metrics"),
        comment="Metrics per activity, one row each, so that a new metric needs no migration. Rebuilt from the archive.",
    )
    op.create_index("ix_activity_metrics_profile_id_metric", "activity_metrics", ["profile_id", "metric"], unique=False)
