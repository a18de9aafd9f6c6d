select
    activity_id,
    profile_id,
    local_date,
    load,
    method,
    intensity,
    threshold,
    threshold_as_of,
    trimp,
    note
from {{ source('warehouse', 'activity_loads') }}
