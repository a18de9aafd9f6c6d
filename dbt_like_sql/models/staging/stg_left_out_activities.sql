select
    a.id as activity_id,
    a.profile_id,
    a.type as sport,
    a.started_at,
    a.superseded_by,
    case when a.superseded_by is not null then 'duplicate' else 'impossible date' end as why,
    a.superseded_reason
from {{ source('warehouse', 'activities') }} as a
where
    a.superseded_by is not null
    or not {{ is_dated('a') }}
