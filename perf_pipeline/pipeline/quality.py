"""Questions about what is stored, answered in SQL: what is in quarantine, what is behind, what contradicts itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

LATELY = timedelta(hours=26)
"""What a nightly look takes as new: a day, and some for a night that began late."""

_QUARANTINE = text(
    """
    select coalesce(reason, 'no reason recorded') as reason, count(*)
    from source_files
    where profile_id = any(:profiles) and status = 'quarantined'
    group by 1 order by 2 desc, 1
    """
)

# Within an activity the best energy (power x time) never falls as the window grows, and the best time over a distance
# never falls as the distance grows (SCIENCE 8). The tolerance is that of the stored digits.
_INCOHERENT = text(
    """
    with ordered as (
        select id, effort_type, activity_id,
               case when distance_meters is null then value * duration_seconds else elapsed_seconds end as total,
               lag(case when distance_meters is null then value * duration_seconds else elapsed_seconds end) over (
                   partition by activity_id, effort_type, distance_meters is null
                   order by coalesce(distance_meters, duration_seconds)
               ) as shorter
        from activity_efforts
        where profile_id = any(:profiles) and grade <> 'rejected'
          and (cast(:months as text[]) is null or activity_id in (
              select id from activities where profile_id = any(:profiles) and archive_month = any(:months)
          ))
    )
    select id from ordered where total < shorter * 0.9999 - 0.01 limit 20
    """
)

# What stands in for another must be there, and must not have given way itself.
_DANGLING = text(
    """
    select a.id from activities a left join activities kept on kept.id = a.superseded_by
    where a.profile_id = any(:profiles) and a.superseded_by is not null
      and (kept.id is null or kept.superseded_by is not null or kept.profile_id <> a.profile_id)
    limit 20
    """
)

# What gave way to another recording may carry no threshold: the newest answer of each day counts.
_FED = text(
    """
    with newest as (
        select distinct on (profile_id, sport, model, as_of) id, details from threshold_models
        where profile_id = any(:profiles) order by profile_id, sport, model, as_of, version desc
    ), carriers as (
        select newest.id, carrier ->> 'activity_id' as activity_id from newest,
            jsonb_array_elements(coalesce(details -> 'efforts', '[]') || coalesce(details -> 'evidence', '[]')) carrier
    )
    select distinct carriers.id from carriers join activities a on a.id = carriers.activity_id::uuid
    where a.superseded_by is not null limit 20
    """
)


# Tolerances of docs/science.md, "Against the devices' own word", with half of the last digit that is stored or written.
_AGREEMENT = text(
    """
    with told as (
        select m.measure, m.ours, m.share, m.least, (a.device_summary ->> m.measure)::double precision as said
        from activities a
        cross join lateral (
            values ('duration_seconds', a.duration_seconds::double precision, 0.0, 1.5),
                   ('distance_meters', a.distance_meters::double precision, 0.005, 0.5)
        ) as m(measure, ours, share, least)
        where a.profile_id = any(:profiles) and a.superseded_by is null
        union all
        select x.metric, x.value, m.share, 0.5, (a.device_summary ->> x.metric)::double precision
        from (values ('mean_power_watts', 0.01), ('mean_heart_rate_bpm', 0.01), ('normalized_power_watts', 0.015))
             as m(metric, share)
        join activity_metrics x on x.metric = m.metric and x.profile_id = any(:profiles)
        join activities a on a.id = x.activity_id and a.superseded_by is null
    )
    select measure, count(*), avg((abs(ours - said) <= share * said + least)::int)::double precision
    from told where said > 0 and ours is not null group by 1 order by 1
    """
)


def quarantine_by_reason(connection: Connection, profiles: Sequence[UUID]) -> dict[str, int]:
    """Files in quarantine by reason."""
    return dict(connection.execute(_QUARANTINE, {"profiles": list(profiles)}).all())


def agreement_with_devices(connection: Connection, profiles: Sequence[UUID]) -> dict[str, tuple[int, float]]:
    """By measure: activities of which the device says it, and the share of them in which ours is its word."""
    rows = connection.execute(_AGREEMENT, {"profiles": list(profiles)})
    return {measure: (count, share) for measure, count, share in rows}


def incoherent_efforts(
    connection: Connection, profiles: Sequence[UUID], months: Sequence[str] | None = None
) -> list[UUID]:
    """Ids (20 at most) of efforts that contradict a shorter one of the same activity; of these archive months alone."""
    chosen = None if months is None else sorted(months)
    return list(connection.scalars(_INCOHERENT, {"profiles": list(profiles), "months": chosen}))


def dangling_duplicates(connection: Connection, profiles: Sequence[UUID]) -> list[UUID]:
    """Ids (20 at most) of activities that gave way to one that is not there or gave way as well."""
    return list(connection.scalars(_DANGLING, {"profiles": list(profiles)}))


def thresholds_of_superseded(connection: Connection, profiles: Sequence[UUID]) -> list[UUID]:
    """Ids (20 at most) of thresholds that an activity carries which gave way to another recording."""
    return list(connection.scalars(_FED, {"profiles": list(profiles)}))


def in_groups(
    connection: Connection, athletes: Sequence[tuple[UUID, str]], most_athletes: int = 50, most_activities: int = 10_000
) -> list[list[UUID]]:
    """The athletes' ids in groups that are looked at together: what a frame costs is shared, and memory is bounded."""
    query = text("select profile_id, count(*) from activities where profile_id = any(:profiles) group by 1")
    counts: dict[UUID, int] = dict(connection.execute(query, {"profiles": [one for one, _ in athletes]}).all())
    groups: list[list[UUID]] = []
    held = 0
    for profile_id, _ in athletes:
        count = counts.get(profile_id, 0)
        if not groups or len(groups[-1]) == most_athletes or held + count > most_activities:
            groups.append([])
            held = 0
        groups[-1].append(profile_id)
        held += count
    return groups


def athletes_written_lately(
    connection: Connection, handles: Sequence[str] = (), *, everyone: bool = False
) -> list[tuple[UUID, str]]:
    """(id, handle) of the athletes named, else of those with months computed `LATELY`, newest first."""
    query = """
        select p.id, p.handle from profiles p
        left join lateral (
            select max(m.computed_at) as newest from month_outputs m where m.profile_id = p.id
        ) as written on true
        where case when :named then p.handle = any(:handles)
                   else :everyone or written.newest > now() - :lately end
        order by written.newest desc nulls last, p.handle
    """
    values = {"named": bool(handles), "handles": list(handles), "everyone": everyone, "lately": LATELY}
    return [(row.id, row.handle) for row in connection.execute(text(query), values)]
