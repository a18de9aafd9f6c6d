select
    m.activity_id,
    m.metric,
    m.profile_id,
    m.value,
    m.unit,
    m.grain
from {{ source('warehouse', 'activity_metrics') }} as m
inner join {{ ref('stg_activities') }} as a on a.activity_id = m.activity_id and a.profile_id = m.profile_id
