"""FIT files, read as columns.

`fit_scan` finds where the messages lie, `fit_records` turns the records into columns, `fit_tables` reads the small
messages, `fit_sessions` puts them together. Fields that the public profile does not name are not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats import fit_wellness
from perf_pipeline.formats.fit_developers import Developers, Key
from perf_pipeline.formats.fit_records import Records, chain, read_records
from perf_pipeline.formats.fit_scan import Part, Scan, check_is_fit, header_at, hop, scan
from perf_pipeline.formats.fit_sessions import Tables, build_sessions, milliseconds, number
from perf_pipeline.formats.fit_tables import Clock, Row, column, definition_fields, offsets_of, table
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    Device,
    FileFormat,
    FileKind,
    Identity,
    Session,
)

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray

_SMALL: Final = frozenset({
    profile.FILE_ID, profile.SPORT, profile.SESSION, profile.LAP, profile.EVENT, profile.DEVICE_INFO,
    profile.ACTIVITY, profile.FILE_CREATOR, profile.HRV, profile.LENGTH, profile.HR, profile.FIELD_DESCRIPTION,
    profile.TIMESTAMP_CORRELATION,
})  # fmt: skip
_WANTED: Final = _SMALL | {profile.RECORD} | fit_wellness.MESSAGES
_SESSION_NUMBERS: Final = frozenset(profile.SESSION_FIELDS) | {2, 5, 6, 37, profile.TIMESTAMP}
_LAP_NUMBERS: Final = frozenset(profile.LAP_FIELDS) | {2, 25, 34, profile.TIMESTAMP}
_LENGTH_NUMBERS: Final = frozenset({2, 3, 4, 5, 7, 12, profile.TIMESTAMP})
_EVENT_NUMBERS: Final = frozenset({0, 1, profile.TIMESTAMP})
_ACTIVITY_NUMBERS: Final = frozenset({5, profile.TIMESTAMP})
_SPORT_NUMBERS: Final = frozenset({0, 1})
_DEVICE_NUMBERS: Final = frozenset({0, 2, 4, 5, 27})
_HR_NUMBERS: Final = frozenset({0, 6, 9, 10, profile.TIMESTAMP})

_KIND_OF_TYPE: Final = {
    1: FileKind.SETTINGS, 2: FileKind.SETTINGS, 3: FileKind.SETTINGS, 4: FileKind.ACTIVITY, 5: FileKind.WORKOUT,
    6: FileKind.COURSE, 9: FileKind.WELLNESS, 14: FileKind.WELLNESS, 15: FileKind.WELLNESS, 20: FileKind.ACTIVITY,
    28: FileKind.WELLNESS, 32: FileKind.WELLNESS, 40: FileKind.SETTINGS, 44: FileKind.WELLNESS,
    49: FileKind.WELLNESS, 58: FileKind.WELLNESS, 68: FileKind.WELLNESS,
}  # fmt: skip
_WELLNESS_SIGNS: Final = fit_wellness.MESSAGES | {
    profile.MONITORING, profile.MONITORING_INFO, profile.SLEEP_ASSESSMENT,
}  # fmt: skip
_LAST_CREDIBLE: Final = 4_102_444_800 - profile.EPOCH_SECONDS  # 2100-01-01; before 1998 no clock is set


def read_fit(data: bytes) -> ActivityFile:
    """Everything that a FIT file says, damage survived as far as the bytes go.

    Raises EmptyFileError, UnknownFormatError (not FIT), CorruptFileError (no message can be kept), HostileFileError.
    """
    found = scan(data, _WANTED)
    warnings = list(found.warnings)
    ids = [row for part in found.parts for row in table(data, part, profile.FILE_ID)]
    kind = _kind(ids, {g.message for part in found.parts for g in part.groups.values()})
    sessions: tuple[Session, ...] = ()
    rr: FloatArray | None = None
    if kind is FileKind.ACTIVITY:
        records, tables = _read_parts(data, found, warnings)
        sessions, notes = build_sessions(records, tables)
        warnings += notes
        rr = _rr_intervals(data, found)
    samples = fit_wellness.wellness_samples(
        lambda message: [row for part in found.parts for row in table(data, part, message)]
    )
    return ActivityFile(
        format=FileFormat.FIT,
        kind=kind,
        sessions=sessions,
        device=_device(data, found, ids),
        partial=found.partial,
        warnings=tuple(warnings),
        rr_intervals_ms=rr,
        wellness=samples,
    )


def read_messages(data: bytes, messages: frozenset[int]) -> dict[int, list[Row]]:
    """Raw messages of the given numbers: per number the rows in file order, field number -> raw value.

    Invalid values are absent; arrays are tuples; strings are decoded. Raises as `read_fit`.
    """
    found = scan(data, messages)
    return {m: [row for part in found.parts for row in table(data, part, m)] for m in messages}


def _read_parts(data: bytes, found: Scan, warnings: list[str]) -> tuple[Records, Tables]:
    tables = Tables()
    taken: dict[str, Key] = {}
    pieces = []
    for part in found.parts:
        described = table(data, part, profile.FIELD_DESCRIPTION)
        developers = Developers(list(zip(offsets_of(part, profile.FIELD_DESCRIPTION), described, strict=True)), taken)
        clock = Clock(data, part)
        pieces.append(read_records(data, part, developers, clock))
        small = Tables(
            sessions=table(data, part, profile.SESSION, _SESSION_NUMBERS, clock),
            laps=table(data, part, profile.LAP, _LAP_NUMBERS, clock),
            lengths=table(data, part, profile.LENGTH, _LENGTH_NUMBERS, clock),
            events=table(data, part, profile.EVENT, _EVENT_NUMBERS, clock),
            activities=table(data, part, profile.ACTIVITY, _ACTIVITY_NUMBERS, clock),
            sports=table(data, part, profile.SPORT, _SPORT_NUMBERS),
            heart=[table(data, part, profile.HR, _HR_NUMBERS)],
        )
        for row in table(data, part, profile.TIMESTAMP_CORRELATION):
            stamp, since_power_up = number(row, profile.TIMESTAMP), number(row, 1)
            if stamp is not None and since_power_up is not None and stamp >= profile.POWER_UP_LIMIT:
                _set_clock(pieces[-1], small, stamp - since_power_up)
                small.activities.append({profile.TIMESTAMP: stamp, 5: row[3]} if 3 in row else {})
                break
        tables.add(small)
    records = chain(pieces)
    if len(records):
        unknown = int(np.count_nonzero(records.seconds == 0))
        low = int(np.count_nonzero(records.seconds < profile.POWER_UP_LIMIT)) - unknown
        if unknown:
            warnings.append(f"{unknown} of {len(records)} records have no time")
        if low:
            warnings.append(f"{low} of {len(records)} records are timed since power-up: the clock was not set")
    return records, tables


def _set_clock(records: Records, tables: Tables, shift: int) -> None:
    """Move what is timed since power-up to UTC: the file itself says how far apart they are."""
    seconds = records.seconds
    if len(seconds) and seconds.min() < profile.POWER_UP_LIMIT:
        records.seconds = np.where(seconds < profile.POWER_UP_LIMIT, seconds + shift, seconds)
    for row in (*tables.sessions, *tables.laps, *tables.lengths, *tables.events):
        for key in (2, profile.TIMESTAMP):
            since = number(row, key)
            if since is not None and since < profile.POWER_UP_LIMIT:
                row[key] = since + shift


def _rr_intervals(data: bytes, found: Scan) -> FloatArray | None:
    """Beat-to-beat intervals of the `hrv` messages in milliseconds, in the order of the file."""
    found_intervals = []
    for group in (g for part in found.parts for g in part.of(profile.HRV)):
        times = next((f for f in definition_fields(group.definition) if f.number == 0 and f.developer < 0), None)
        if times is not None and times.size and times.size % 2 == 0:
            values = column(data, group, times, "u2").ravel()
            found_intervals.append(values[values != 0xFFFF].astype(np.float64))
    if not found_intervals:
        return None
    intervals = np.concatenate(found_intervals)
    return intervals if len(intervals) else None


def _kind(ids: list[Row], messages: set[int]) -> FileKind:
    kind = _kind_by_type(ids)
    return kind if kind is not FileKind.OTHER else _kind_by_contents(messages)


def _kind_by_type(ids: list[Row]) -> FileKind:
    """What the first `file_id` with a type says, OTHER where that is none we know."""
    kinds = [_KIND_OF_TYPE.get(t, FileKind.OTHER) for row in ids if (t := number(row, 0)) is not None]
    return kinds[0] if kinds else FileKind.OTHER


def _kind_by_contents(messages: set[int]) -> FileKind:
    """What a file without a known type is about: the first of these that it has."""
    for signs, kind in (
        ({profile.SESSION}, FileKind.ACTIVITY),
        ({profile.COURSE}, FileKind.COURSE),
        ({profile.RECORD}, FileKind.ACTIVITY),
        ({profile.WORKOUT, profile.WORKOUT_STEP}, FileKind.WORKOUT),
        (_WELLNESS_SIGNS, FileKind.WELLNESS),
    ):
        if messages & signs:
            return kind
    return FileKind.OTHER


def _device(data: bytes, found: Scan, ids: list[Row]) -> Device:
    """What wrote the file, from file_id; software from the creator's device_info or file_creator."""
    about = next((row for row in ids if number(row, 1) is not None), ids[0] if ids else {})
    infos = [r for part in found.parts for r in table(data, part, profile.DEVICE_INFO, _DEVICE_NUMBERS)]
    creator = next((r for r in infos if r.get(0) == 0 and number(r, 5) is not None), {})
    version = number(creator, 5)
    if version is None:
        files = [r for part in found.parts for r in table(data, part, profile.FILE_CREATOR)]
        version = next((v for r in files if (v := number(r, 0)) is not None), None)
    maker, product, name = number(about, 1), number(about, 2), about.get(8) or creator.get(27)
    if not isinstance(name, str):
        name = None
        if product is not None:
            known = profile.GARMIN_PRODUCTS.get(product) if maker in profile.GARMIN_MANUFACTURERS else None
            name = known or str(product)
    return Device(
        manufacturer=None if maker is None else profile.MANUFACTURERS.get(maker, str(maker)),
        product=name,
        software=None if version is None else f"{version / 100:.2f}",
    )


def identify_fit(data: bytes) -> Identity:
    """What a FIT file is and when it begins, reading no further than the first messages that tell.

    Raises EmptyFileError and UnknownFormatError.
    """
    check_is_fit(data)
    header = header_at(data, 0)
    start = 0 if header is None else header[0]
    end = len(data) if header is None or not header[1] else min(start + header[1], len(data))
    reach = _FIRST_REACH
    while True:
        part = hop(data, start, min(start + reach, end), _TELLS_START)
        ids = table(data, part, profile.FILE_ID)
        begun = _begin(data, part)
        typed = _kind_by_type(ids) is not FileKind.OTHER
        if (typed and begun is not None) or start + reach >= end:
            break
        reach *= 8
    kind = _kind(ids, {g.message for g in part.groups.values()})
    if not typed and end + 2 < len(data):
        # The first file of a chain does not say what it is: as for `read_fit`, the contents of all decide.
        kind, ids, begun = _identify_all(data)
    if begun is None:
        begun = next((t for row in ids if (t := _credible(number(row, 4))) is not None), None)
    return Identity(FileFormat.FIT, kind, begun)


def _identify_all(data: bytes) -> tuple[FileKind, list[Row], int | None]:
    """Kind, `file_id` messages and begin of a chain by all its parts."""
    try:
        parts = scan(data, _TELLS_START).parts
    except CorruptFileError:
        return FileKind.OTHER, [], None
    ids = [row for part in parts for row in table(data, part, profile.FILE_ID)]
    begun = next((t for part in parts if (t := _begin(data, part)) is not None), None)
    return _kind(ids, {g.message for part in parts for g in part.groups.values()}), ids, begun


_FIRST_REACH: Final = 4096
# Where each message says when it happened: its start before its timestamp.
_START_FIELDS: Final = {
    profile.RECORD: (profile.TIMESTAMP,), profile.EVENT: (profile.TIMESTAMP,), profile.LAP: (2, profile.TIMESTAMP),
    profile.SESSION: (2, profile.TIMESTAMP), profile.LENGTH: (2, profile.TIMESTAMP),
    **dict.fromkeys(_WELLNESS_SIGNS, (profile.TIMESTAMP,)),
}  # fmt: skip
_TELLS_START: Final = frozenset(_START_FIELDS) | {profile.FILE_ID}


def _begin(data: bytes, part: Part) -> int | None:
    """Milliseconds of the first message in the file that has a credible time."""
    best: tuple[int, int] | None = None
    for group in part.groups.values():
        numbers = _START_FIELDS.get(group.message, ())
        for f in definition_fields(group.definition):
            if f.number not in numbers or f.size != 4 or f.developer >= 0 or not group.offsets:
                continue
            times = column(data, group, f, "u4")[:, 0]
            credible = np.flatnonzero((times >= profile.POWER_UP_LIMIT) & (times <= _LAST_CREDIBLE))
            if len(credible):
                first = (group.offsets[int(credible[0])], milliseconds(int(times[credible[0]])))
                best = first if best is None else min(best, first)
    return None if best is None else best[1]


def _credible(stamp: int | None) -> int | None:
    """Milliseconds of FIT seconds that a set clock can show (1998 to 2100), else None."""
    if stamp is None or not profile.POWER_UP_LIMIT <= stamp <= _LAST_CREDIBLE:
        return None
    return milliseconds(stamp)
