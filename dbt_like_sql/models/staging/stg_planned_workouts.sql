select
    id as planned_workout_id,
    profile_id,
    source_file_id,
    name,
    sport,
    planned_date,
    format,
    steps,
    duration_seconds,
    refusal
from {{ source('warehouse', 'planned_workouts') }}
