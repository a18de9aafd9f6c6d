"""Who may read what: roles for analysts and athletes, and row-level security that shows athletes their own rows alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Roles belong to the whole server: another database may have made them, at this very moment too. Where this user may
# not make roles, the tables stay closed to everybody but their owner until somebody has made them (docs/access.md).
ROLE = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN RAISE NOTICE 'the role {role} is missing: docs/access.md';
END $$
"""

# A policy for each role, and none for both: two that hold for the same reader are joined by OR, which no index answers.
# The array is read once a query. What is opened already is left alone, so that nobody is locked out meanwhile.
OPEN = """
CREATE FUNCTION open_to_readers() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    closed CONSTANT text[] := array[{closed}];
    found record;
    own text;
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('perf_analyst', 'perf_athlete')) < 2 THEN
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO perf_analyst, perf_athlete', current_schema());
    FOR found IN
        SELECT c.oid, c.relname::text AS name FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
            AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
        ORDER BY c.relname
    LOOP
        EXECUTE format('CREATE POLICY analysts_read ON %I FOR SELECT TO perf_analyst USING (true)', found.name);
        EXECUTE format('GRANT SELECT ON %I TO perf_analyst', found.name);
        CONTINUE WHEN found.name = ANY (closed);
        own := CASE found.name
            WHEN 'athlete_logins' THEN 'role_name = current_user::text'
            ELSE format(
                '%I = ANY (ARRAY(SELECT l.profile_id FROM athlete_logins l WHERE l.role_name = current_user::text))',
                CASE found.name WHEN 'profiles' THEN 'id' ELSE 'profile_id' END)
        END;
        EXECUTE format('CREATE POLICY athletes_read_their_own ON %I FOR SELECT TO perf_athlete USING (%s)',
            found.name, own);
        EXECUTE format('GRANT SELECT ON %I TO perf_athlete', found.name);
        IF found.name = 'notifications' THEN
            EXECUTE format('CREATE POLICY athletes_mark_their_own ON %I FOR UPDATE TO perf_athlete '
                'USING (%s) WITH CHECK (%s)', found.name, own, own);
            EXECUTE format('GRANT UPDATE (is_read) ON %I TO perf_athlete', found.name);
        END IF;
    END LOOP;
END $$
"""

# Machinery: it tells of hosts and processes, and of no athlete.
CLOSED = (
    "athlete_leases", "journal_heads", "journal_pending", "athlete_outputs", "activity_outputs", "delivery_services",
    "archive_checks",
)  # fmt: skip

SECURE = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname = ANY (array[{tables}])
        ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    END LOOP;
END $$
"""

TABLES = (
    "activities", "activity_efforts", "activity_loads", "activity_metrics", "activity_outputs", "archive_checks",
    "arrivals", "athlete_leases", "athlete_logins", "athlete_outputs", "capability_predictions", "daily_fitness",
    "daily_wellness", "deliveries", "delivery_services", "impulse_response_models", "journal_heads", "journal_pending",
    "month_outputs", "notifications", "planned_workouts", "prediction_backtests", "profile_metrics", "profiles",
    "source_files", "threshold_models", "workout_adaptations", "workout_completions",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "athlete_logins",
        sa.Column("role_name", sa.Text(), nullable=False, comment="the role in PostgreSQL that somebody logs in with"),
        sa.Column("profile_id", sa.UUID(), nullable=False, comment="the athlete whose rows it reads"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name="fk_athlete_logins_profile_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("role_name", "profile_id", name="pk_athlete_logins"),
        comment="Whose rows a login reads: one athlete's, or those of several whom it looks after. Not rebuilt: "
        "access is given by people.",
    )
    op.create_index("ix_athlete_logins_profile_id", "athlete_logins", ["profile_id"], unique=False)
    for role in ("perf_analyst", "perf_athlete"):
        op.execute(ROLE.format(role=role))
    # The owner of the tables, as which the pipeline works, is bound by no policy.
    op.execute(SECURE.format(tables=_listed(TABLES)))
    op.execute(OPEN.format(closed=_listed(CLOSED)))
    op.execute("SELECT open_to_readers()")
    # Whoever may put a function behind a table of his own has it write with its owner's rights.
    op.execute("REVOKE EXECUTE ON FUNCTION open_to_readers(), note_for_journal() FROM PUBLIC")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
