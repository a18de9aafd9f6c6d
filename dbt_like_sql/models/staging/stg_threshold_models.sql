select
    id as threshold_model_id,
    profile_id,
    sport,
    model,
    as_of,
    version,
    threshold,
    threshold_low,
    threshold_high,
    capacity,
    capacity_low,
    capacity_high,
    unit,
    refusal,
    details,
    input_hash,
    computed_at
from {{ source('warehouse', 'threshold_models') }}
