select
    id as profile_id,
    handle as athlete,
    display_name,
    sex,
    birth_date,
    timezone,
    created_at
from {{ source('warehouse', 'profiles') }}
