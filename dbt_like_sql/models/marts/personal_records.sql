{{ config(materialized='view', unique_key=['profile_id', 'sport', 'effort_type', 'duration_seconds', 'distance_meters']) }}
select
    p.athlete,
    p.profile_id,
    best.sport,
    best.effort_type,
    case when best.distance_meters is null then best.duration_seconds end as duration_seconds,
    best.distance_meters,
    best.elapsed_seconds,
    best.value,
    best.unit,
    best.grade,
    best.activity_id,
    a.name as activity_name,
    a.local_date,
    best.recorded_at,
    best.start_offset_seconds,
    -- Merit is higher for better: of a pace it is its inverse.
    case when best.effort_type = 'pace' then 1 / best.merit_before else best.merit_before end as value_before,
    100 * (best.merit / best.merit_before - 1) as gain_percent
from {{ ref('stg_profiles') }} as p
-- The local day is asked for once the bests are known: for every effort it would cost a look-up each.
cross join lateral (
    select distinct on (e.sport, e.effort_type, e.length)
        e.*,
        -- A doubtful value never stands in the way of a clean one; a doubtful one has to beat everything.
        case
            when e.grade = 'confirmed' then max(case when e.grade = 'confirmed' then e.merit end) over earlier
            else max(e.merit) over earlier
        end as merit_before
    from (
        select
            one.sport,
            one.effort_type,
            one.duration_seconds,
            one.distance_meters,
            one.elapsed_seconds,
            one.value,
            one.unit,
            one.grade,
            one.activity_id,
            one.recorded_at,
            one.start_offset_seconds,
            coalesce(one.distance_meters, one.duration_seconds) as length,
            case when one.effort_type = 'pace' then 1 / one.value else one.value end as merit
        from {{ ref('stg_activity_efforts') }} as one
        where one.profile_id = p.profile_id and one.value > 0
    ) as e
    window earlier as (
        partition by e.sport, e.effort_type, e.length
        order by e.recorded_at, e.activity_id rows between unbounded preceding and 1 preceding
    )
    order by e.sport, e.effort_type, e.length, e.merit desc, e.recorded_at, e.activity_id
) as best
inner join {{ ref('stg_activities') }} as a on a.activity_id = best.activity_id
