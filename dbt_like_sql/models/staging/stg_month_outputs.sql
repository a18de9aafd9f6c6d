select
    profile_id,
    month,
    stage,
    fingerprint,
    code_version,
    output_hash,
    counts,
    computed_at
from {{ source('warehouse', 'month_outputs') }}
