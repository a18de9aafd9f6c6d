{{ config(materialized='view', unique_key=['profile_id', 'sport', 'span', 'distance_meters']) }}
{% for span in ['42 days', '90 days', 'season', 'all time'] %}
{%- if not loop.first %}
union all
{% endif %}
select
    p.athlete,
    p.profile_id,
    best.sport,
    '{{ span }}'::text as span,
    best.distance_meters,
    best.elapsed_seconds,
    best.pace,
    best.pace_unit,
    best.distance_meters / nullif(best.elapsed_seconds, 0) as speed_mps,
    best.grade,
    best.activity_id,
    best.local_date,
    best.recorded_at,
    best.start_offset_seconds
from {{ ref('stg_profiles') }} as p
cross join lateral (
    select distinct on (e.sport, e.distance_meters)
        e.sport,
        e.distance_meters,
        e.elapsed_seconds,
        e.value as pace,
        e.unit as pace_unit,
        e.grade,
        e.activity_id,
        e.local_date,
        e.recorded_at,
        e.start_offset_seconds
    from {{ ref('stg_activity_efforts') }} as e
    where
        e.profile_id = p.profile_id and e.effort_type = 'pace' and e.elapsed_seconds is not null
        and {{ in_span('e', span) }}
    order by e.sport, e.distance_meters, e.elapsed_seconds, e.recorded_at, e.activity_id
) as best
{%- endfor %}
