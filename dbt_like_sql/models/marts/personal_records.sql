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
    select distinct on (e.length, e.effort_type, e.sport) e.*
    from (
        select
            made.*,
            max(made.merit) over (partition by made.length, made.effort_type, made.sport) as most,
            -- A doubtful value never stands in the way of a clean one; a doubtful one has to beat everything.
            case
                when made.grade = 'confirmed'
                    then max(case when made.grade = 'confirmed' then made.merit end) over earlier
                else max(made.merit) over earlier
            end as merit_before
        from (
            select
                found.*,
                coalesce(found.distance_meters, found.duration_seconds) as length,
                case when found.effort_type = 'pace' then 1 / found.value else found.value end as merit
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
                    one.start_offset_seconds
                from {{ ref('stg_activity_efforts') }} as one
                where one.profile_id = p.profile_id
                -- A fence: every number is converted once, however often it is looked at above.
                offset 0
            ) as found
            where found.value > 0
        ) as made
        -- Lengths first: where rows are sorted, they tell most of them apart.
        window earlier as (
            partition by made.length, made.effort_type, made.sport
            order by made.recorded_at, made.activity_id rows between unbounded preceding and 1 preceding
        )
    ) as e
    where e.merit = e.most
    order by e.length, e.effort_type, e.sport, e.recorded_at, e.activity_id
) as best
inner join {{ ref('stg_activities') }} as a on a.activity_id = best.activity_id
