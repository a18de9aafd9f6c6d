{{ config(materialized='view', unique_key=['profile_id', 'sport', 'span', 'duration_seconds']) }}
{% for span in ['42 days', '90 days', 'season', 'all time'] %}
{%- if not loop.first %}
union all
{% endif %}
select
    p.athlete,
    p.profile_id,
    best.sport,
    '{{ span }}'::text as span,
    best.duration_seconds,
    best.watts,
    best.watts / nullif(w.value, 0) as watts_per_kilogram,
    w.value as weight_kilograms,
    w.age_days as weight_age_days,
    best.grade,
    best.activity_id,
    best.local_date,
    best.recorded_at,
    best.start_offset_seconds
from {{ ref('stg_profiles') }} as p
-- Athlete by athlete: whatever names the athlete, the index is asked for that one alone.
cross join lateral (
    select distinct on (e.sport, e.duration_seconds)
        e.sport,
        e.duration_seconds,
        e.value as watts,
        e.grade,
        e.activity_id,
        e.local_date,
        e.recorded_at,
        e.start_offset_seconds
    from {{ ref('stg_activity_efforts') }} as e
    where e.profile_id = p.profile_id and e.effort_type = 'power' and {{ in_span('e', span) }}
    order by e.sport, e.duration_seconds, e.value desc, e.recorded_at, e.activity_id
) as best
left join {{ ref('stg_daily_wellness') }} as w
    on w.profile_id = p.profile_id and w.metric_type = 'weight_kg' and w.date = best.local_date
{%- endfor %}
