select
    id as notification_id,
    profile_id,
    type,
    title,
    message,
    data,
    is_read,
    created_at,
    occurred_at
from {{ source('warehouse', 'notifications') }}
