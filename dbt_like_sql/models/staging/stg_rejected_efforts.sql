select
    e.id as effort_id,
    e.activity_id,
    e.profile_id,
    e.effort_type,
    e.duration_seconds,
    e.distance_meters::double precision as distance_meters,
    e.value::double precision as value,
    e.unit,
    e.recorded_at,
    e.evidence
from {{ source('warehouse', 'activity_efforts') }} as e
inner join {{ ref('stg_activities') }} as a on a.activity_id = e.activity_id and a.profile_id = e.profile_id
where e.grade = 'rejected'
