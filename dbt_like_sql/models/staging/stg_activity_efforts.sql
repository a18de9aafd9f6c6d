-- Efforts that count: confirmed or candidate, of activities that count, with the sport and day of their activity.
select
    e.id as effort_id,
    e.activity_id,
    e.profile_id,
    a.sport,
    a.local_date,
    a.started_at,
    e.effort_type,
    e.duration_seconds,
    e.distance_meters::double precision as distance_meters,
    e.elapsed_seconds::double precision as elapsed_seconds,
    e.value::double precision as value,
    e.unit,
    e.start_offset as start_offset_seconds,
    e.recorded_at,
    e.grade,
    e.evidence
from {{ source('warehouse', 'activity_efforts') }} as e
inner join {{ ref('stg_activities') }} as a on a.activity_id = e.activity_id and a.profile_id = e.profile_id
where e.grade <> 'rejected'
