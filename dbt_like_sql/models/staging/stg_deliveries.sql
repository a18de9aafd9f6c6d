select
    notification_id,
    profile_id,
    delivered_at
from {{ source('warehouse', 'deliveries') }}
