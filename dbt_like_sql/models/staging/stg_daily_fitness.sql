select
    profile_id,
    date,
    load,
    ctl,
    atl,
    tsb,
    ramp,
    monotony,
    strain,
    projected
from {{ source('warehouse', 'daily_fitness') }}
