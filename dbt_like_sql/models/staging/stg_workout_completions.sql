select
    planned_workout_id,
    activity_id,
    profile_id,
    score,
    compliance
from {{ source('warehouse', 'workout_completions') }}
