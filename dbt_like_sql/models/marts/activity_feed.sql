{{ config(materialized='view', unique_key='activity_id') }}
select
    p.athlete,
    a.profile_id,
    a.activity_id,
    a.started_at,
    a.local_date,
    a.name,
    a.sport,
    a.sub_sport,
    a.moving_seconds,
    a.duration_seconds,
    a.distance_meters,
    a.elevation_gain_meters,
    l.load,
    l.method as load_method,
    l.intensity,
    {%- for metric in [
        'mean_power_watts', 'normalized_power_watts', 'mean_heart_rate_bpm', 'mean_speed_mps', 'grade_adjusted_speed_mps'
    ] %}
    (
        select m.value from {{ source('warehouse', 'activity_metrics') }} as m
        where m.activity_id = a.activity_id and m.metric = '{{ metric }}'
    ) as {{ metric }},
    {%- endfor %}
    (
        select jsonb_array_length(n.data -> 'records') from {{ ref('stg_notifications') }} as n
        where
            n.profile_id = a.profile_id and n.type = 'personal_record'
            and n.data ->> 'activity_id' = a.activity_id::text
        order by n.created_at desc limit 1
    ) as records,
    jsonb_array_length(a.anomalies) as anomalies,
    a.partial,
    a.device,
    a.archive_path
from {{ ref('stg_activities') }} as a
inner join {{ ref('stg_profiles') }} as p on p.profile_id = a.profile_id
left join {{ ref('stg_activity_loads') }} as l on l.activity_id = a.activity_id
