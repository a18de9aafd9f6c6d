select
    id as profile_metric_id,
    profile_id,
    metric_type,
    value::double precision as value,
    unit,
    recorded_at,
    source,
    source_file_id
from {{ source('warehouse', 'profile_metrics') }}
