{{ config(materialized='view', unique_key=['profile_id', 'kind', 'detail', 'reason']) }}
select
    p.athlete,
    p.profile_id,
    found.kind,
    found.detail,
    found.reason,
    found.occurrences,
    found.first_seen,
    found.last_seen,
    found.example
from {{ ref('stg_profiles') }} as p
cross join lateral (
    select
        'file ' || s.status as kind,
        s.format as detail,
        coalesce(s.reason, 'no reason recorded') as reason,
        count(s.source_file_id) as occurrences,
        min(s.received_at) as first_seen,
        max(s.received_at) as last_seen,
        min(s.source_file_id::text) as example
    from {{ ref('stg_source_files') }} as s
    where s.profile_id = p.profile_id and s.status <> 'archived'
    group by 1, 2, 3
    union all
    select
        'anomaly' as kind,
        listed.anomaly ->> 'kind' as detail,
        (listed.anomaly ->> 'channel') || ': ' || (listed.anomaly ->> 'decision') as reason,
        count(a.activity_id) as occurrences,
        min(a.started_at) as first_seen,
        max(a.started_at) as last_seen,
        min(a.activity_id::text) as example
    from {{ ref('stg_activities') }} as a
    cross join lateral jsonb_array_elements(a.anomalies) as listed (anomaly)
    where a.profile_id = p.profile_id
    group by 1, 2, 3
    union all
    select
        'partial file' as kind,
        a.sport as detail,
        'the file lost bytes; what was left was read' as reason,
        count(a.activity_id) as occurrences,
        min(a.started_at) as first_seen,
        max(a.started_at) as last_seen,
        min(a.activity_id::text) as example
    from {{ ref('stg_activities') }} as a
    where a.profile_id = p.profile_id and a.partial
    group by 1, 2, 3
    union all
    select
        'activity left out' as kind,
        o.sport as detail,
        o.why as reason,
        count(o.activity_id) as occurrences,
        min(o.started_at) as first_seen,
        max(o.started_at) as last_seen,
        min(o.activity_id::text) as example
    from {{ ref('stg_left_out_activities') }} as o
    where o.profile_id = p.profile_id
    group by 1, 2, 3
    union all
    select
        'effort rejected' as kind,
        r.effort_type::text as detail,
        coalesce(translate(r.evidence ->> 'reasons', '[]"', ''), 'see its evidence') as reason,
        count(r.effort_id) as occurrences,
        min(r.recorded_at) as first_seen,
        max(r.recorded_at) as last_seen,
        min(r.effort_id::text) as example
    from {{ ref('stg_rejected_efforts') }} as r
    where r.profile_id = p.profile_id
    group by 1, 2, 3
    union all
    -- Turned away before the transaction, by the rules that stored rows must keep.
    select
        'row rejected' as kind,
        m.stage as detail,
        substr(told.rule, 11) as reason,
        sum(told.rows::bigint)::bigint as occurrences,
        min(m.computed_at) as first_seen,
        max(m.computed_at) as last_seen,
        min(m.month) as example
    from {{ ref('stg_month_outputs') }} as m
    cross join lateral jsonb_each_text(m.counts) as told (rule, rows)
    where m.profile_id = p.profile_id and told.rule like 'rejected: %'
    group by 1, 2, 3
    union all
    select
        'threshold refused' as kind,
        t.sport || ' ' || t.model as detail,
        t.refusal as reason,
        count(t.threshold_model_id) as occurrences,
        min(t.as_of)::timestamp at time zone 'UTC' as first_seen,
        max(t.as_of)::timestamp at time zone 'UTC' as last_seen,
        min(t.threshold_model_id::text) as example
    from {{ ref('stg_threshold_models') }} as t
    where t.profile_id = p.profile_id and t.refusal is not null
    group by 1, 2, 3
    union all
    select
        'prediction refused' as kind,
        c.sport || ' ' || c.target as detail,
        c.refusal as reason,
        count(c.capability_prediction_id) as occurrences,
        min(c.as_of)::timestamp at time zone 'UTC' as first_seen,
        max(c.as_of)::timestamp at time zone 'UTC' as last_seen,
        min(c.capability_prediction_id::text) as example
    from {{ ref('stg_capability_predictions') }} as c
    where c.profile_id = p.profile_id and c.refusal is not null
    group by 1, 2, 3
) as found
