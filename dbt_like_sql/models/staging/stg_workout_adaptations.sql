select
    id as workout_adaptation_id,
    profile_id,
    planned_workout_id,
    as_of,
    version,
    status,
    refusal,
    readiness,
    steps,
    changes,
    explanation,
    finish_probability,
    exports,
    input_hash,
    computed_at
from {{ source('warehouse', 'workout_adaptations') }}
