"""The schema: every table and column with its meaning, once. Migrations, COPY and the UI's column schema read it.

Where the archive can rebuild a table, it says so; what cannot be derived is append-only.
Columns named `*_at` that tell when the pipeline worked are bookkeeping and differ between rebuilds
(`BOOKKEEPING_COLUMNS`).
"""

from __future__ import annotations

import uuid

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB, UUID

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BOOKKEEPING_COLUMNS = frozenset(
    {"created_at", "updated_at", "received_at", "computed_at", "acquired_at", "checked_at", "delivered_at"}
)
"""Left out when two builds are compared row for row."""


def _id() -> Column[uuid.UUID]:
    return Column(
        "id",
        UUID(as_uuid=True),
        primary_key=True,
        server_default=text("gen_random_uuid()"),
        comment="UUIDv5 of content",
    )


def _profile(comment: str = "the athlete") -> Column[uuid.UUID]:
    return Column(
        "profile_id",
        UUID(as_uuid=True),
        ForeignKey("profiles.id", ondelete="CASCADE"),
        nullable=False,
        comment=comment,
    )


def _activity(*, primary_key: bool = False) -> Column[uuid.UUID]:
    return Column(
        "activity_id", UUID(as_uuid=True), ForeignKey("activities.id", ondelete="CASCADE"), nullable=False,
        primary_key=primary_key, comment="the activity",
    )  # fmt: skip


def _now(name: str, comment: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("now()"), comment=comment)


EFFORT_TYPE = Enum("power", "speed", "pace", name="effort_type", metadata=METADATA)
PROFILE_METRIC_TYPE = Enum(
    "weight_kg", "resting_hr_bpm", "sleep_hours", "hrv_ms", name="profile_metric_type", metadata=METADATA
)
NOTIFICATION_TYPE = Enum("personal_record", "milestone", "recovery_alert", name="notification_type", metadata=METADATA)

profiles = Table(
    "profiles", METADATA,
    _id(),
    Column("handle", Text, nullable=False, unique=True, comment="folder name in the inbox and partition key"),
    Column("display_name", Text, comment="from profile.yaml"),
    Column("sex", Text, comment="male or female, from profile.yaml"),
    Column("birth_date", Date, comment="from profile.yaml"),
    Column("timezone", Text, comment="IANA zone from profile.yaml, used where a file tells no offset"),
    _now("created_at", "when the athlete was first seen"),
    comment="Athletes. Rebuilt from the archive: the handle and the newest profile.yaml.",
)  # fmt: skip

athlete_logins = Table(
    "athlete_logins", METADATA,
    Column("role_name", Text, nullable=False, comment="the role in PostgreSQL that somebody logs in with"),
    _profile("the athlete whose rows it reads"),
    PrimaryKeyConstraint("role_name", "profile_id"),
    Index(None, "profile_id"),
    comment="Whose rows a login reads: one athlete's, or those of several whom it looks after. Not rebuilt: access is given by people.",
)  # fmt: skip

athlete_leases = Table(
    "athlete_leases", METADATA,
    Column("profile_id", UUID(as_uuid=True), ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True, comment="the athlete"),
    Column("token", BigInteger, nullable=False, server_default=text("0"), comment="fencing token: grows with every holder"),
    Column("holder", Text, comment="host, process and run of the last holder"),
    _now("acquired_at", "when the last holder took the lease"),
    comment="One worker per athlete: a writer whose token is not the newest may not commit.",
)  # fmt: skip

source_files = Table(
    "source_files", METADATA,
    _id(),
    _profile(),
    Column("sha256", Text, nullable=False, comment="hash of the unpacked bytes"),
    Column("bytes", BigInteger, nullable=False, comment="size of the unpacked bytes"),
    Column("format", Text, nullable=False, comment="fit, gpx, tcx, csv, yaml or bin"),
    Column("kind", Text, nullable=False, comment="activity, course, workout, wellness, settings, sidecar, profile or other"),
    Column("status", Text, nullable=False, comment="archived, quarantined or not_an_activity"),
    Column("reason", Text, comment="why it is quarantined or not an activity"),
    Column("archive_path", Text, nullable=False, comment="key of the object that holds the bytes"),
    Column("month", Text, nullable=False, comment="YYYY-MM of the archive folder: the start the file tells (UTC), else the day it arrived"),
    Column("starts_at", DateTime(timezone=True), comment="first moment the file tells of"),
    _now("received_at", "when the first copy arrived"),
    Column("reader_version", Text, comment="version of the readers that intake refused it with: with others it is tried again"),
    UniqueConstraint("profile_id", "sha256"),
    CheckConstraint("status in ('archived', 'quarantined', 'not_an_activity')", name="status"),
    Index(None, "profile_id", "month"),
    comment="One row per athlete and content. Rebuilt from the archive and its journal.",
)  # fmt: skip

arrivals = Table(
    "arrivals", METADATA,
    _id(),
    _profile(),
    Column("name", Text, nullable=False, comment="name in the inbox, below the athlete's folder; container!member for members"),
    Column("source_file_id", UUID(as_uuid=True), ForeignKey("source_files.id", ondelete="CASCADE"), nullable=False, comment="what it held"),
    Column("status", Text, nullable=False, comment="archived, duplicate, quarantined or not_an_activity, on the day of arrival"),
    Column("reason", Text, comment="why it is not archived"),
    Column("sidecar", JSONB(none_as_null=True), comment="name, notes and type that the container told of this member"),
    _now("received_at", "modification time in the inbox"),
    CheckConstraint("status in ('archived', 'duplicate', 'quarantined', 'not_an_activity')", name="status"),
    Index(None, "profile_id", "name"),
    Index(None, "source_file_id"),
    comment="One row per name received. Append-only, journalled in the archive: it cannot be derived.",
)  # fmt: skip

month_outputs = Table(
    "month_outputs", METADATA,
    _profile(),
    Column("month", Text, nullable=False, comment="YYYY-MM of the archive"),
    Column("stage", Text, nullable=False, comment="activity_streams, activities, activity_efforts or activity_metrics"),
    Column("fingerprint", Text, nullable=False, comment="hash of inputs, code and settings; while it holds, the month is skipped"),
    Column("code_version", Text, nullable=False, comment="hash of the sources of the stage and of what it imports of ours"),
    Column("output_hash", Text, nullable=False, comment="hash of what was written: an input of the stages downstream"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'"), comment="files, activities, rows, seconds"),
    _now("computed_at", "when it was computed"),
    PrimaryKeyConstraint("profile_id", "month", "stage"),
    comment="What is up to date: one row per athlete, month and stage.",
)  # fmt: skip

activities = Table(
    "activities", METADATA,
    _id(),
    _profile(),
    Column("name", Text, nullable=False, comment="from the sidecar, the file, or sport and part of the day"),
    Column("notes", Text, comment="from the sidecar or the file"),
    Column("type", Text, nullable=False, comment="sport: bike, run, swim, walk, ..."),
    Column("started_at", DateTime(timezone=True), nullable=False, comment="start of the session, UTC"),
    Column("duration_seconds", Integer, nullable=False, comment="timer time: pauses left out"),
    Column("moving_seconds", Integer, nullable=False, comment="time in motion (speed above the sport's bound)"),
    Column("distance_meters", Integer, comment="the device's distance, else from positions"),
    Column("temperature", Numeric, comment="mean temperature at the device, degrees Celsius"),
    Column("fit_file_path", Text, nullable=False, comment="archive path of the file, whatever its format"),
    _now("created_at", "when the row was first written"),
    _now("updated_at", "when the row last changed"),
    Column("elapsed_seconds", Integer, comment="by the wall clock, pauses included"),
    Column("superseded_by", UUID(as_uuid=True), comment="the richer activity of which this is a duplicate"),
    Column("superseded_reason", Text, comment="why the two are the same activity, and why that one is kept"),
    Column("sport_source", Text, nullable=False, server_default=text("'file'"), comment="who named the sport: sidecar, file or inferred; unknown where nobody could"),
    Column("sport_confidence", Double, comment="0 to 1, where the sport was inferred from the streams"),
    Column("sport_evidence", JSONB, comment="what told of the inferred sport, or why it was not inferred"),
    Column("timezone", Text, comment="IANA zone of the first credible position"),
    Column("sub_type", Text, comment="the file's own finer word for the sport"),
    Column("utc_offset_seconds", Integer, comment="offset of the athlete's clock, where the file tells it"),
    Column("elevation_gain_meters", Double, comment="sum of smoothed climbs"),
    Column("device", Text, comment="maker and model of the recorder"),
    Column("source_file_id", UUID(as_uuid=True), ForeignKey("source_files.id", ondelete="CASCADE"), nullable=False, comment="the file it comes from"),
    Column("session_index", Integer, nullable=False, comment="which session of the file, from 0"),
    Column("archive_month", Text, nullable=False, comment="YYYY-MM of the file's archive folder: the unit of work"),
    Column("device_summary", JSONB, nullable=False, server_default=text("'{}'"), comment="the device's own totals"),
    Column("anomalies", JSONB, nullable=False, server_default=text("'[]'"), comment="what cleaning found, and what was decided"),
    Column("warnings", JSONB, nullable=False, server_default=text("'[]'"), comment="what the reader had to say of the file"),
    Column("partial", Boolean, nullable=False, server_default=text("false"), comment="the file lost bytes; this is what is left"),
    Column("reader", Text, nullable=False, comment="the code that read the file"),
    Index("ix_activities_profile_id_started_at", "profile_id", text("started_at DESC")),
    Index(None, "profile_id", "archive_month"),
    Index(None, "source_file_id"),
    comment="What did the athlete do? One row per session. Rebuilt from the archive.",
)  # fmt: skip

activity_efforts = Table(
    "activity_efforts", METADATA,
    _id(),
    _activity(),
    _profile(),
    Column("duration_seconds", Integer, nullable=False, comment="length of the window; elapsed time for distance efforts"),
    Column("effort_type", EFFORT_TYPE, nullable=False, comment="power, speed or pace"),
    Column("value", Numeric, nullable=False, comment="best mean over the window"),
    Column("unit", Text, nullable=False, comment="W, m/s, s/km or s/100m"),
    Column("start_offset", Integer, nullable=False, comment="seconds from the start of the activity"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, comment="start of the window, UTC"),
    Column("distance_meters", Numeric, comment="distance of the window, for distance efforts"),
    Column("elapsed_seconds", Numeric, comment="exact elapsed time, for distance efforts"),
    Column("grade", Text, nullable=False, comment="confirmed, candidate or rejected"),
    Column("evidence", JSONB, nullable=False, server_default=text("'{}'"), comment="what decided the grade"),
    Index("ix_activity_efforts_duration", "profile_id", "effort_type", "duration_seconds", text("recorded_at DESC")),
    Index("ix_activity_efforts_distance", "profile_id", "effort_type", "distance_meters", text("recorded_at DESC")),
    # Both are asked for at once: with one of them in the index, all efforts of the athlete were read for each activity.
    Index(None, "activity_id", "profile_id"),
    comment="How well? The best window per duration or distance of each activity. Rebuilt from the archive.",
)  # fmt: skip

activity_metrics = Table(
    "activity_metrics", METADATA,
    _activity(primary_key=True),
    Column("metric", Text, primary_key=True, comment="name in the registry of metrics"),
    _profile(),
    Column("value", Double, nullable=False, comment="value in the unit"),
    Column("unit", Text, nullable=False, comment="unit of the value"),
    Column("grain", Text, nullable=False, server_default=text("'activity'"), comment="activity: from its file alone; athlete: needs a threshold, weight or profile as well"),
    CheckConstraint("grain in ('activity', 'athlete')", name="grain"),
    Index(None, "profile_id", "metric"),
    comment="Metrics per activity, one row each, so that a new metric needs no migration. Rebuilt from the archive.",
)  # fmt: skip

activity_outputs = Table(
    "activity_outputs", METADATA,
    _activity(primary_key=True),
    Column("stage", Text, primary_key=True, comment="the athlete-grain stage, such as relative_metrics"),
    _profile(),
    Column("fingerprint", Text, nullable=False, comment="hash of the activity's streams, what was known of the athlete on its day, and code"),
    _now("computed_at", "when it was computed"),
    Index(None, "profile_id", "stage"),
    comment="What is up to date of the athlete-grain stages that work activity by activity.",
)  # fmt: skip

athlete_outputs = Table(
    "athlete_outputs", METADATA,
    _profile(),
    Column("stage", Text, comment="the athlete-grain stage, such as threshold_models"),
    Column("fingerprint", Text, nullable=False, comment="hash of all that the stage could read, of what it wrote, of day and code: while it holds, the stage is skipped"),
    _now("computed_at", "when it was computed"),
    PrimaryKeyConstraint("profile_id", "stage"),
    comment="What is up to date of the stages that work on an athlete as a whole.",
)  # fmt: skip

profile_metrics = Table(
    "profile_metrics", METADATA,
    _id(),
    _profile(),
    Column("metric_type", PROFILE_METRIC_TYPE, nullable=False, comment="what was measured"),
    Column("value", Numeric, nullable=False, comment="value in the unit"),
    Column("unit", Text, nullable=False, comment="kg, bpm, h or ms"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, comment="when it was measured, UTC"),
    Column("source", Text, comment="device or file kind: values of several sources are never mixed"),
    Column("source_file_id", UUID(as_uuid=True), ForeignKey("source_files.id", ondelete="CASCADE"), comment="the file it comes from"),
    Index("ix_profile_metrics_metric", "profile_id", "metric_type", text("recorded_at DESC")),
    comment="Weight, resting heart rate, sleep and HRV from wellness files. Rebuilt from the archive.",
)  # fmt: skip

daily_wellness = Table(
    "daily_wellness", METADATA,
    _profile(),
    Column("metric_type", PROFILE_METRIC_TYPE, comment="what was measured"),
    Column("date", Date, comment="the athlete's local day"),
    Column("source", Text, nullable=False, comment="the one device or file kind that this day's numbers come from: sources are never mixed"),
    Column("source_reason", Text, comment="why that one"),
    Column("value", Double, comment="the day's value; the last known one carried forward"),
    Column("age_days", Integer, comment="days since it was measured: 0 on the day itself"),
    Column("mean_7d", Double, comment="mean of the last 7 days (HRV: of ln ms), where at least 3 are valid"),
    Column("mean_60d", Double, comment="mean of the last 60 days (HRV: of ln ms)"),
    Column("sd_60d", Double, comment="standard deviation over the last 60 days (HRV: of ln ms)"),
    Column("valid_7d", Integer, nullable=False, comment="days measured among the last 7"),
    Column("valid_60d", Integer, nullable=False, comment="days measured among the last 60"),
    PrimaryKeyConstraint("profile_id", "metric_type", "date"),
    comment="Weight, resting heart rate, HRV and sleep by local day, with baselines. Rebuilt from the archive.",
)  # fmt: skip

threshold_models = Table(
    "threshold_models", METADATA,
    _id(),
    _profile(),
    Column("sport", Text, nullable=False, comment="bike, run or swim"),
    Column("model", Text, nullable=False, comment="critical_power, critical_speed, critical_swim_speed, ftp_20min, lthr or hr_max"),
    Column("as_of", Date, nullable=False, comment="the local day of which this is true: efforts of the 90 days up to it"),
    Column("version", Integer, nullable=False, server_default=text("0"), comment="0 for the first answer as of that day, then 1, ..."),
    Column("threshold", Double, comment="Critical Power in W, or Critical Speed in m/s; null where it was refused"),
    Column("threshold_low", Double, comment="lower end of the 90 % interval"),
    Column("threshold_high", Double, comment="upper end of the 90 % interval"),
    Column("capacity", Double, comment="W prime in J, or D prime in m"),
    Column("capacity_low", Double, comment="lower end of the 90 % interval"),
    Column("capacity_high", Double, comment="upper end of the 90 % interval"),
    Column("unit", Text, nullable=False, comment="unit of the threshold"),
    Column("refusal", Text, comment="why there is no number"),
    Column("details", JSONB, nullable=False, server_default=text("'{}'"), comment="other forms, standard errors, efforts used"),
    Column("input_hash", Text, nullable=False, comment="hash of the efforts and the code: unchanged, the week is skipped"),
    _now("computed_at", "when it was said"),
    Index("ix_threshold_models_as_of", "profile_id", "sport", "model", "as_of", text("version DESC")),
    comment="Thresholds, bitemporal: as_of is the day it is true of, computed_at the day it was said. Append-only; a new row only where the answer changes.",
)  # fmt: skip

activity_loads = Table(
    "activity_loads", METADATA,
    _activity(primary_key=True),
    _profile(),
    Column("local_date", Date, nullable=False, comment="the athlete's local day"),
    Column("load", Double, nullable=False, comment="Training Stress Score or its kin: 100 is one hour at threshold"),
    Column("method", Text, nullable=False, comment="power, pace, swim, heart_rate or duration"),
    Column("intensity", Double, comment="intensity factor, where the method has one"),
    Column("threshold", Double, comment="the threshold it was measured against"),
    Column("threshold_as_of", Date, comment="the day of that threshold"),
    Column("trimp", Double, comment="Banister's training impulse, where heart rate allowed one"),
    Column("note", Text, comment="what was assumed"),
    Index(None, "profile_id", "local_date"),
    comment="Training load of each activity, against the threshold valid on its day. Rebuilt from the archive.",
)  # fmt: skip

daily_fitness = Table(
    "daily_fitness", METADATA,
    _profile(),
    Column("date", Date, nullable=False, comment="the athlete's local day"),
    Column("load", Double, nullable=False, comment="sum of the day's loads"),
    Column("ctl", Double, nullable=False, comment="Chronic Training Load, 42 days"),
    Column("atl", Double, nullable=False, comment="Acute Training Load, 7 days"),
    Column("tsb", Double, nullable=False, comment="Training Stress Balance: yesterday's CTL - ATL"),
    Column("ramp", Double, comment="CTL change over 7 days"),
    Column("monotony", Double, comment="mean / SD of 7 daily loads (Foster)"),
    Column("strain", Double, comment="7-day load x monotony (Foster)"),
    Column("projected", Boolean, nullable=False, server_default=text("false"), comment="a day to come, without training"),
    PrimaryKeyConstraint("profile_id", "date"),
    comment="Fitness, fatigue and form by local day, to today. Rebuilt from the archive.",
)  # fmt: skip

impulse_response_models = Table(
    "impulse_response_models", METADATA,
    _profile(),
    Column("sport", Text, comment="the sport whose tests were fitted"),
    Column("test", Text, comment="what counts as a test, such as power 300 s"),
    Column("as_of", Date, nullable=False, comment="the last day that was looked at"),
    Column("p0", Double, comment="performance without training, in the test's unit"),
    Column("k1", Double, comment="gain per unit of load"),
    Column("k2", Double, comment="fatigue per unit of load"),
    Column("tau1_days", Double, comment="time constant of gain"),
    Column("tau2_days", Double, comment="time constant of fatigue"),
    Column("tests", Integer, comment="tests fitted"),
    Column("r_squared", Double, comment="share of the tests' variance explained"),
    Column("leave_one_out_rmse", Double, comment="error of a test predicted from the others"),
    Column("naive_rmse", Double, comment="the same of their mean"),
    Column("refusal", Text, comment="why there is no model"),
    PrimaryKeyConstraint("profile_id", "sport", "test"),
    comment="Banister's impulse and response fitted to the athlete, or why not. Rebuilt from the archive.",
)  # fmt: skip

capability_predictions = Table(
    "capability_predictions", METADATA,
    _id(),
    _profile(),
    Column("sport", Text, nullable=False, comment="bike, run or swim"),
    Column("target", Text, nullable=False, comment="what is predicted, such as power 300 s or distance 10000 m"),
    Column("duration_seconds", Integer, comment="of a power target"),
    Column("distance_meters", Double, comment="of a race or distance target"),
    Column("as_of", Date, nullable=False, comment="the local day on which it was said"),
    Column("version", Integer, nullable=False, server_default=text("0"), comment="0 for the first answer as of that day, then 1, ..."),
    Column("value", Double, comment="expected best: W, or s over the distance; null where it was refused"),
    Column("value_low", Double, comment="lower end of the 90 % interval"),
    Column("value_high", Double, comment="upper end of the 90 % interval"),
    Column("unit", Text, nullable=False, comment="W or s"),
    Column("model", Text, nullable=False, comment="the model that the back-test chose for this range"),
    Column("current_best", Double, comment="best of the last 90 days, in the unit"),
    Column("beats_best_probability", Double, comment="probability that a maximal effort today beats the current best"),
    Column("refusal", Text, comment="why there is no number"),
    Column("details", JSONB, nullable=False, server_default=text("'{}'"), comment="efforts behind it, back-test error, assumptions"),
    Column("input_hash", Text, nullable=False, comment="hash of inputs and code"),
    _now("computed_at", "when it was said"),
    UniqueConstraint("profile_id", "sport", "target", "as_of", "version", name="uq_capability_predictions_answer"),
    comment="What the athlete is expected to be able to do, as of a day, with 90 % intervals. Append-only.",
)  # fmt: skip

prediction_backtests = Table(
    "prediction_backtests", METADATA,
    _id(),
    _profile(),
    Column("sport", Text, nullable=False, comment="bike, run or swim"),
    Column("target", Text, nullable=False, comment="as in capability_predictions"),
    Column("as_of", Date, nullable=False, comment="the day up to which efforts were known"),
    Column("unit", Text, nullable=False, comment="W or s"),
    Column("model", Text, comment="the model that was shown, chosen by what had happened up to that day"),
    Column("predicted", Double, comment="what was shown, in the unit; null where it was refused"),
    Column("predicted_low", Double, comment="lower end of the 90 % interval"),
    Column("predicted_high", Double, comment="upper end of the 90 % interval"),
    Column("refusal", Text, comment="why nothing was shown"),
    Column("naive", Double, comment="best of the 90 days before"),
    Column("riegel", Double, comment="by Riegel's formula from the best of the 90 days before nearest in length"),
    Column("contenders", JSONB, nullable=False, server_default=text("'{}'"), comment="what each model said, in the unit, before the athlete's own record moved it"),
    Column("actual", Double, nullable=False, comment="best of the 30 days after"),
    Column("actual_activity_id", UUID(as_uuid=True), comment="the activity that holds it"),
    Column("percentile", Double, comment="where the outcome fell in the predicted distribution: 0 worse than all of it, 1 better"),
    Column("near_maximal", Boolean, nullable=False, comment="by a rule that never sees the prediction"),
    Column("input_hash", Text, nullable=False, comment="hash of the efforts up to the end of the 30 days, and of the code"),
    UniqueConstraint("profile_id", "sport", "target", "as_of", name="uq_prediction_backtests_case"),
    comment="Predictions as of past days beside what then happened. Rebuilt from the archive.",
)  # fmt: skip

planned_workouts = Table(
    "planned_workouts", METADATA,
    _id(),
    _profile(),
    Column("source_file_id", UUID(as_uuid=True), ForeignKey("source_files.id", ondelete="CASCADE"), nullable=False, comment="the file it comes from"),
    Column("name", Text, nullable=False, comment="from the file"),
    Column("sport", Text, comment="bike, run, swim; null where the file does not say"),
    Column("planned_date", Date, comment="local day, where the file or its name tells one"),
    Column("format", Text, nullable=False, comment="fit, zwo, erg, mrc or yaml"),
    Column("steps", JSONB, nullable=False, server_default=text("'[]'"), comment="the steps, repeats kept"),
    Column("duration_seconds", Integer, comment="sum of the timed steps"),
    Column("notes", Text, comment="from the file"),
    Column("base_threshold", Double, comment="what the file says its absolute targets were planned against, W or m/s"),
    Column("received_on", Date, nullable=False, comment="the day on which the file arrived, UTC"),
    Column("refusal", Text, comment="why it cannot be adapted"),
    Column("input_hash", Text, nullable=False, comment="hash of the file, its name and code: unchanged, it is not read again"),
    Index(None, "profile_id"),
    comment="Structured workouts from inbox/<athlete>/workouts/. Rebuilt from the archive.",
)  # fmt: skip

workout_adaptations = Table(
    "workout_adaptations", METADATA,
    _id(),
    _profile(),
    Column("planned_workout_id", UUID(as_uuid=True), ForeignKey("planned_workouts.id", ondelete="CASCADE"), nullable=False, comment="the workout; it is never overwritten"),
    Column("as_of", Date, nullable=False, comment="the local day on which it was adapted"),
    Column("version", Integer, nullable=False, server_default=text("0"), comment="0 for the first answer as of that day, then 1, ..."),
    Column("status", Text, nullable=False, comment="adapted, unchanged or refused"),
    Column("refusal", Text, comment="why it was not adapted"),
    Column("readiness", JSONB, nullable=False, server_default=text("'{}'"), comment="what was known of the athlete that day, and the scale that follows"),
    Column("steps", JSONB, nullable=False, server_default=text("'[]'"), comment="the adapted steps with targets in W or m/s"),
    Column("changes", JSONB, nullable=False, server_default=text("'[]'"), comment="each change with its reason in numbers"),
    Column("explanation", Text, nullable=False, server_default=text("''"), comment="the reasons in words"),
    Column("finish_probability", Double, comment="lowest probability over its intervals, after the changes"),
    Column("exports", JSONB, nullable=False, server_default=text("'[]'"), comment="keys of the exported files in the outbox"),
    Column("input_hash", Text, nullable=False, comment="hash of inputs and code"),
    _now("computed_at", "when it was said"),
    UniqueConstraint("planned_workout_id", "as_of", "version", name="uq_workout_adaptations_answer"),
    Index(None, "profile_id", "as_of"),
    comment="Planned workouts re-based on today's threshold and readiness, with reasons. Append-only.",
)  # fmt: skip

workout_completions = Table(
    "workout_completions", METADATA,
    Column("planned_workout_id", UUID(as_uuid=True), ForeignKey("planned_workouts.id", ondelete="CASCADE"), primary_key=True, comment="the workout"),
    _activity(),
    _profile(),
    Column("score", Double, nullable=False, comment="0 to 1: how well the activity has the workout's shape"),
    Column("compliance", JSONB, nullable=False, server_default=text("'[]'"), comment="per interval: target, done, share of the time in the target"),
    Column("intervals", Integer, nullable=False, comment="intervals that were asked for"),
    Column("finished", Integer, nullable=False, comment="intervals of them that were finished"),
    Column("input_hash", Text, nullable=False, comment="hash of the workout, the activity's streams and code"),
    Index(None, "profile_id"),
    Index(None, "activity_id"),
    comment="Which activity did which planned workout, and how well. Rebuilt from the archive.",
)  # fmt: skip

archive_checks = Table(
    "archive_checks", METADATA,
    Column("source_file_id", UUID(as_uuid=True), ForeignKey("source_files.id", ondelete="CASCADE"), primary_key=True, comment="the archived file"),
    _profile(),
    _now("checked_at", "when its bytes were last hashed again"),
    Column("problem", Text, comment="what was wrong with them: gone, or of another hash"),
    Index(None, "checked_at"),
    comment="When each archived file was last read again and found whole. Bookkeeping of the nightly archive check.",
)  # fmt: skip

journal_pending = Table(
    "journal_pending", METADATA,
    _profile(),
    Column("kind", Text, comment="the table whose row changed"),
    Column("row_id", UUID(as_uuid=True), comment="primary key of the row"),
    PrimaryKeyConstraint("profile_id", "kind", "row_id"),
    comment="Rows that cannot be derived and are not yet in the journal of the archive. Bookkeeping.",
)  # fmt: skip

journal_heads = Table(
    "journal_heads", METADATA,
    _profile(),
    Column("kind", Text, comment="the table whose rows are journalled"),
    Column("number", BigInteger, nullable=False, comment="number of the newest entry"),
    Column("entries", Integer, nullable=False, comment="entries since they were last made one"),
    Column("restored", Boolean, nullable=False, comment="the table holds what the journal told when this database met the athlete"),
    PrimaryKeyConstraint("profile_id", "kind"),
    comment="How far the journal of each athlete reaches. Bookkeeping.",
)  # fmt: skip

deliveries = Table(
    "deliveries", METADATA,
    Column("notification_id", UUID(as_uuid=True), primary_key=True, comment="the notification; kept when it is withdrawn, so that nothing is sent twice"),
    _profile(),
    Column("services", JSONB, nullable=False, server_default=text("'[]'"), comment="keys of the services that took it (hashes of their URLs)"),
    _now("delivered_at", "when the first service took it"),
    comment="Which notifications were sent out, and to whom. Append-only: it cannot be derived.",
)  # fmt: skip

delivery_services = Table(
    "delivery_services", METADATA,
    _id(),
    _profile(),
    Column("service", Text, nullable=False, comment="key of the service: a hash of its URL"),
    Column("on_since", DateTime(timezone=True), nullable=False, comment="when it was first seen in the settings: only what happened later is sent"),
    UniqueConstraint("profile_id", "service", name="uq_delivery_services_service"),
    comment="Since when each configured service is told of an athlete's notifications. It cannot be derived: a rebuild sends no old news.",
)  # fmt: skip

notifications = Table(
    "notifications", METADATA,
    _id(),
    _profile(),
    Column("type", NOTIFICATION_TYPE, nullable=False, comment="personal_record, milestone or recovery_alert"),
    Column("title", Text, nullable=False, comment="one line"),
    Column("message", Text, nullable=False, comment="what happened"),
    Column("data", JSONB, nullable=False, server_default=text("'{}'"), comment="the numbers and their evidence"),
    Column("is_read", Boolean, nullable=False, server_default=text("false"), comment="set by the reader; kept by a rebuild"),
    _now("created_at", "when it was first written"),
    Column("occurred_at", DateTime(timezone=True), nullable=False, comment="when what it tells of happened"),
    Index("ix_notifications_feed", "profile_id", text("created_at DESC")),
    comment="What the athlete should hear of. Rebuilt from the archive, is_read kept.",
)  # fmt: skip
