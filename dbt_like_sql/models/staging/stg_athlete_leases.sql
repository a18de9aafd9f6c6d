select
    profile_id,
    token,
    holder,
    acquired_at
from {{ source('warehouse', 'athlete_leases') }}
