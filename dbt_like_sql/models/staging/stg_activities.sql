-- What counts: duplicates and sessions whose clock lies are in stg_left_out_activities instead.
select
    a.id as activity_id,
    a.profile_id,
    a.name,
    a.notes,
    a.type as sport,
    a.sub_type as sub_sport,
    a.started_at,
    coalesce(l.local_date, {{ local_date('a') }}) as local_date,
    a.duration_seconds,
    a.moving_seconds,
    a.distance_meters,
    a.elevation_gain_meters,
    a.temperature::double precision as temperature_celsius,
    a.utc_offset_seconds,
    a.timezone,
    a.device,
    a.sport_source,
    a.sport_confidence,
    a.fit_file_path as archive_path,
    a.source_file_id,
    a.session_index,
    a.archive_month,
    a.device_summary,
    a.anomalies,
    a.warnings,
    a.partial,
    a.reader,
    a.updated_at
from {{ source('warehouse', 'activities') }} as a
-- The day that the pipeline worked out, from the file's offset or the zone of the place.
left join {{ source('warehouse', 'activity_loads') }} as l on l.activity_id = a.id
where
    a.superseded_by is null
    and {{ is_dated('a') }}
