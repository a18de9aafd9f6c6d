select
    id as arrival_id,
    profile_id,
    name,
    source_file_id,
    status,
    reason,
    sidecar,
    received_at
from {{ source('warehouse', 'arrivals') }}
