{{ config(materialized='view', unique_key=['profile_id', 'measure', 'sport']) }}
{%- set ages = [4, 12, 52] %}
select
    p.athlete,
    p.profile_id,
    'fitness'::text as measure,
    'all'::text as sport,
    'load per day'::text as unit,
    latest.date as as_of,
    latest.ctl as value,
    {%- for weeks in ages %}
    past_{{ weeks }}.ctl as value_{{ weeks }}_weeks_ago,
    latest.ctl - past_{{ weeks }}.ctl as change_{{ weeks }}_weeks,
    {%- endfor %}
    best.ctl as season_best,
    best.date as season_best_on,
    latest.ctl - best.ctl as below_season_best
from {{ ref('stg_profiles') }} as p
cross join lateral (
    select f.date, f.ctl from {{ ref('stg_daily_fitness') }} as f
    where f.profile_id = p.profile_id and not f.projected and f.date <= {{ today() }} + 1
    order by f.date desc limit 1
) as latest
{%- for weeks in ages %}
left join {{ ref('stg_daily_fitness') }} as past_{{ weeks }}
    on past_{{ weeks }}.profile_id = p.profile_id and past_{{ weeks }}.date = latest.date - {{ 7 * weeks }}
{%- endfor %}
cross join lateral (
    select f.date, f.ctl from {{ ref('stg_daily_fitness') }} as f
    where
        f.profile_id = p.profile_id and f.date <= latest.date
        and f.date >= date_trunc('year', latest.date::timestamp)::date
    order by f.ctl desc, f.date limit 1
) as best
union all
select
    p.athlete,
    p.profile_id,
    now_.model as measure,
    now_.sport,
    now_.unit,
    now_.as_of,
    now_.threshold as value,
    {%- for weeks in ages %}
    past_{{ weeks }}.threshold as value_{{ weeks }}_weeks_ago,
    now_.threshold - past_{{ weeks }}.threshold as change_{{ weeks }}_weeks,
    {%- endfor %}
    best.threshold as season_best,
    best.as_of as season_best_on,
    now_.threshold - best.threshold as below_season_best
from {{ ref('stg_profiles') }} as p
cross join lateral (
    select distinct on (t.sport, t.model) t.sport, t.model, t.unit, t.as_of, t.threshold
    from {{ ref('stg_threshold_models') }} as t
    where t.profile_id = p.profile_id and t.threshold is not null and t.as_of > {{ today() }} - 365
    order by t.sport, t.model, t.as_of desc, t.version desc
) as now_
{%- for weeks in ages %}
-- The answer that was valid then: the newest of the 90 days before, as long as a window of efforts reaches.
left join lateral (
    select t.threshold from {{ ref('stg_threshold_models') }} as t
    where
        t.profile_id = p.profile_id and t.sport = now_.sport and t.model = now_.model
        and t.as_of <= {{ today() }} - {{ 7 * weeks }} and t.as_of > {{ today() }} - {{ 7 * weeks + 90 }}
        and t.threshold is not null
    order by t.as_of desc, t.version desc limit 1
) as past_{{ weeks }} on true
{%- endfor %}
left join lateral (
    select t.as_of, t.threshold from {{ ref('stg_threshold_models') }} as t
    where
        t.profile_id = p.profile_id and t.sport = now_.sport and t.model = now_.model and t.as_of <= now_.as_of
        and t.as_of >= date_trunc('year', now_.as_of::timestamp)::date and t.threshold is not null
    order by t.threshold desc, t.as_of limit 1
) as best on true
