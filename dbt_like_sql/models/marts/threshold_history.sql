{{ config(materialized='view', unique_key=['profile_id', 'sport', 'model', 'as_of']) }}
select
    p.athlete,
    p.profile_id,
    said.sport,
    said.model,
    said.as_of,
    said.threshold,
    said.threshold_low,
    said.threshold_high,
    said.capacity,
    said.capacity_low,
    said.capacity_high,
    said.unit,
    said.refusal,
    said.threshold - lag(said.threshold) over answers as change,
    lead(said.as_of) over answers as until,
    said.version + 1 as answers_given,
    said.computed_at
from {{ ref('stg_profiles') }} as p
cross join lateral (
    -- What was said last of a day is what counts.
    select distinct on (t.sport, t.model, t.as_of)
        t.sport,
        t.model,
        t.as_of,
        t.threshold,
        t.threshold_low,
        t.threshold_high,
        t.capacity,
        t.capacity_low,
        t.capacity_high,
        t.unit,
        t.refusal,
        t.version,
        t.computed_at
    from {{ ref('stg_threshold_models') }} as t
    where t.profile_id = p.profile_id
    order by t.sport, t.model, t.as_of, t.version desc
) as said
window answers as (partition by p.profile_id, said.sport, said.model order by said.as_of)
