{{ config(materialized='view', unique_key='effort_id') }}
-- The way back from an effort to the bytes; `perf-pipeline explain effort` tells the same in words.
select
    p.athlete,
    e.profile_id,
    e.effort_id,
    e.activity_id,
    e.sport,
    e.effort_type,
    e.duration_seconds,
    e.distance_meters,
    e.value,
    e.unit,
    e.grade,
    e.evidence,
    e.start_offset_seconds as first_second,
    e.start_offset_seconds + e.duration_seconds as last_second,
    a.session_index,
    a.anomalies as cleaning_of_activity,
    f.sha256,
    f.archive_path,
    o.code_version,
    o.fingerprint,
    o.computed_at
from {{ ref('stg_profiles') }} as p
inner join {{ ref('stg_activity_efforts') }} as e on e.profile_id = p.profile_id
inner join {{ ref('stg_activities') }} as a on a.activity_id = e.activity_id
inner join {{ ref('stg_source_files') }} as f on f.source_file_id = a.source_file_id
left join {{ ref('stg_month_outputs') }} as o
    on o.profile_id = a.profile_id and o.month = a.archive_month and o.stage = 'activity_efforts'
