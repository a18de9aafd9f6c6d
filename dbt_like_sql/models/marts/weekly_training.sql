{{ config(materialized='view', unique_key=['profile_id', 'week', 'sport']) }}
select
    p.athlete,
    p.profile_id,
    done.week,
    done.sport,
    done.activities,
    done.training_days,
    done.moving_hours,
    done.distance_kilometers,
    done.elevation_gain_meters,
    done.load,
    done.longest_hours,
    f.ctl as fitness_at_end,
    f.tsb as form_at_end
from {{ ref('stg_profiles') }} as p
cross join lateral (
    select
        date_trunc('week', a.local_date::timestamp)::date as week,
        a.sport,
        count(a.activity_id) as activities,
        count(distinct a.local_date) as training_days,
        sum(a.moving_seconds) / 3600.0::double precision as moving_hours,
        sum(a.distance_meters) / 1000.0::double precision as distance_kilometers,
        {{ exact_sum('a.elevation_gain_meters') }} as elevation_gain_meters,
        {{ exact_sum('l.load') }} as load,
        max(a.moving_seconds) / 3600.0::double precision as longest_hours
    from {{ ref('stg_activities') }} as a
    left join {{ ref('stg_activity_loads') }} as l on l.activity_id = a.activity_id and l.profile_id = p.profile_id
    where a.profile_id = p.profile_id
    group by 1, 2
) as done
-- Sunday, or the newest day of a week that is still going on.
left join {{ ref('stg_daily_fitness') }} as f
    on f.profile_id = p.profile_id and f.date = least(done.week + 6, {{ today() }})
