{{ config(
    materialized='materialized_view',
    unique_key=['profile_id', 'sport', 'season'],
    indexes=[{'columns': ['profile_id', 'sport', 'season'], 'unique': True}]
) }}
with totals as (
    select
        a.profile_id,
        a.sport,
        extract(year from a.local_date)::int as season,
        count(a.activity_id) as activities,
        sum(a.moving_seconds) / 3600.0::double precision as moving_hours,
        sum(a.distance_meters) / 1000.0::double precision as distance_kilometers,
        {{ exact_sum('a.elevation_gain_meters') }} as elevation_gain_meters,
        {{ exact_sum('l.load') }} as load
    from {{ ref('stg_activities') }} as a
    left join {{ ref('stg_activity_loads') }} as l on l.activity_id = a.activity_id
    group by 1, 2, 3
),

bests as (
    select
        e.profile_id,
        e.sport,
        extract(year from e.local_date)::int as season,
        max(e.value) filter (where e.effort_type = 'power' and e.duration_seconds = 300) as best_5_min_watts,
        max(e.value) filter (where e.effort_type = 'power' and e.duration_seconds = 1200) as best_20_min_watts,
        min(e.elapsed_seconds) filter (where e.effort_type = 'pace' and e.distance_meters = 400) as best_400_m_seconds,
        min(e.elapsed_seconds) filter (where e.effort_type = 'pace' and e.distance_meters = 5000) as best_5_km_seconds,
        min(e.elapsed_seconds) filter (where e.effort_type = 'pace' and e.distance_meters = 10000) as best_10_km_seconds
    from {{ ref('stg_activity_efforts') }} as e
    where e.effort_type = 'pace' or (e.effort_type = 'power' and e.duration_seconds in (300, 1200))
    group by 1, 2, 3
),

fitness as (
    select f.profile_id, extract(year from f.date)::int as season, max(f.ctl) as peak_fitness
    from {{ ref('stg_daily_fitness') }} as f
    where not f.projected
    group by 1, 2
)

select
    p.athlete,
    t.profile_id,
    t.sport,
    t.season,
    t.activities,
    t.moving_hours,
    t.distance_kilometers,
    t.elevation_gain_meters,
    t.load,
    b.best_5_min_watts,
    b.best_20_min_watts,
    b.best_400_m_seconds,
    b.best_5_km_seconds,
    b.best_10_km_seconds,
    f.peak_fitness,
    -- Against the calendar year before, where there was training in it.
    100 * (t.moving_hours / nullif(before.moving_hours, 0) - 1) as moving_hours_change_percent,
    100 * (t.load / nullif(before.load, 0) - 1) as load_change_percent,
    100 * (b.best_5_min_watts / nullif(b_before.best_5_min_watts, 0) - 1) as best_5_min_change_percent,
    100 * (b.best_20_min_watts / nullif(b_before.best_20_min_watts, 0) - 1) as best_20_min_change_percent
from totals as t
inner join {{ ref('stg_profiles') }} as p on p.profile_id = t.profile_id
left join bests as b on b.profile_id = t.profile_id and b.sport = t.sport and b.season = t.season
left join totals as before
    on before.profile_id = t.profile_id and before.sport = t.sport and before.season = t.season - 1
left join bests as b_before
    on b_before.profile_id = t.profile_id and b_before.sport = t.sport and b_before.season = t.season - 1
left join fitness as f on f.profile_id = t.profile_id and f.season = t.season
