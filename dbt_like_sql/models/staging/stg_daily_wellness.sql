select
    profile_id,
    metric_type,
    date,
    source,
    value,
    age_days,
    mean_7d,
    mean_60d,
    sd_60d,
    valid_7d,
    valid_60d
from {{ source('warehouse', 'daily_wellness') }}
