{{ config(materialized='view', unique_key='profile_id') }}
select
    p.athlete,
    p.profile_id,
    p.display_name,
    counted.activities,
    counted.activities_28_days,
    counted.moving_hours_28_days,
    counted.load_28_days,
    counted.first_day,
    counted.last_day,
    fitness.date as fitness_as_of,
    fitness.ctl as fitness,
    fitness.atl as fatigue,
    fitness.tsb as form,
    fitness.ramp,
    {%- for sport, model, name in [
        ('bike', 'critical_power', 'critical_power_watts'),
        ('run', 'critical_speed', 'critical_speed_mps'),
        ('swim', 'critical_swim_speed', 'critical_swim_speed_mps'),
    ] %}
    (
        select t.threshold from {{ ref('stg_threshold_models') }} as t
        where
            t.profile_id = p.profile_id and t.sport = '{{ sport }}' and t.model = '{{ model }}'
            and t.as_of > {{ today() }} - 365
        order by t.as_of desc, t.version desc limit 1
    ) as {{ name }},
    {%- endfor %}
    weight.value as weight_kilograms,
    weight.date - weight.age_days as weighed_on,
    (
        select count(n.notification_id) from {{ ref('stg_notifications') }} as n
        where n.profile_id = p.profile_id and not n.is_read
    ) as unread_notifications,
    (
        select count(s.source_file_id) from {{ ref('stg_source_files') }} as s
        where s.profile_id = p.profile_id and s.status = 'quarantined'
    ) as files_in_quarantine
from {{ ref('stg_profiles') }} as p
cross join lateral (
    select
        count(a.activity_id) as activities,
        count(a.activity_id) filter (where a.local_date > {{ today() }} - 28) as activities_28_days,
        coalesce(sum(a.moving_seconds) filter (where a.local_date > {{ today() }} - 28), 0)
        / 3600.0::double precision as moving_hours_28_days,
        coalesce({{ exact_sum('l.load', where='a.local_date > ' ~ today() ~ ' - 28') }}, 0) as load_28_days,
        min(a.local_date) as first_day,
        max(a.local_date) as last_day
    from {{ ref('stg_activities') }} as a
    left join {{ ref('stg_activity_loads') }} as l on l.activity_id = a.activity_id
    where a.profile_id = p.profile_id
) as counted
left join lateral (
    select f.date, f.ctl, f.atl, f.tsb, f.ramp from {{ ref('stg_daily_fitness') }} as f
    where f.profile_id = p.profile_id and not f.projected
    order by f.date desc limit 1
) as fitness on true
left join lateral (
    select w.value, w.date, w.age_days from {{ ref('stg_daily_wellness') }} as w
    where w.profile_id = p.profile_id and w.metric_type = 'weight_kg' and w.value is not null
    order by w.date desc limit 1
) as weight on true
