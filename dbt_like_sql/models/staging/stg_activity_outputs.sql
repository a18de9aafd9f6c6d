select
    activity_id,
    stage,
    profile_id,
    fingerprint,
    computed_at
from {{ source('warehouse', 'activity_outputs') }}
