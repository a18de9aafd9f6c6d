"""What is fuzzed: functions of bytes that raise only where a promise is broken.

A reader either gives a result for which `invariants` hold, or raises of the `FormatError` family; the same bytes give
the same again; no file takes longer than `MAX_SECONDS` of processor time.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import Any

from perf_pipeline.formats import containers, reading, sidecars, wellness
from perf_pipeline.formats.fit import identify_fit, read_fit, read_messages
from perf_pipeline.formats.gpx import identify_gpx, read_gpx
from perf_pipeline.formats.model import ActivityFile, FormatError, Identity
from perf_pipeline.formats.tcx import identify_tcx, read_tcx
from perf_pipeline.formats.workouts import MAX_STEPS, Quantity, Workout, as_plain, from_plain, steps_in
from perf_pipeline.formats.workouts_reading import read_workout
from perf_pipeline.physiology.adaptation import FINISH_LIMIT, Adaptation, Plan, State, adapt
from perf_pipeline.physiology.finishing import Ability
from perf_pipeline.physiology.readiness import Signals, readiness
from perf_pipeline.pipeline.stages import profile_metrics
from perf_pipeline.storage import tables
from perf_pipeline_tests.fuzzing.invariants import (
    _PROFILE,
    _SHA,
    _check_text,
    check_downstream,
    check_file,
    check_identity,
    check_rows,
    require,
    same,
)

MAX_SECONDS = 2.0
MAX_TOTAL = 40_000_000
_MAX_MESSAGE = 400


def attempt(read: Callable[[bytes], Any], data: bytes) -> Any:
    """What the reader gives, or the typed error that it raises, within its time."""
    began = time.process_time()
    try:
        return read(data)
    except FormatError as error:
        # No message may repeat the file: it would be long then.
        require(len(str(error)) < _MAX_MESSAGE, "an error message as long as a file")
        _check_text(str(error))
        return error
    finally:
        require(time.process_time() - began < MAX_SECONDS, "too slow")


def _chance(data: bytes, one_in: int) -> bool:
    """The same answer for the same bytes: findings repeat."""
    return zlib.crc32(data) % one_in == 0


def _read(read: Callable[[bytes], ActivityFile], identify: Callable[[bytes], Identity], data: bytes) -> None:
    file = attempt(read, data)
    if isinstance(file, ActivityFile):
        check_file(file)
        if file.sessions and _chance(data, 40):
            check_downstream(file)
    if _chance(data, 8):
        again = attempt(read, data)
        require(type(again) is type(file), "read again, it is something else")
        require(
            str(again) == str(file) if isinstance(file, FormatError) else same(again, file), "read again, it differs"
        )
    if _chance(data, 3):
        identity = attempt(identify, data)
        if isinstance(identity, Identity):
            check_identity(identity)
            if isinstance(file, ActivityFile):
                require(identity.format is file.format, "identified as another format")
                require(
                    identity.kind is file.kind or file.kind != "activity", "read as an activity, identified as none"
                )


def fit(data: bytes) -> None:
    _read(read_fit, identify_fit, data)
    if _chance(data, 10):
        attempt(lambda d: read_messages(d, frozenset(range(400))), data)


def fit_downstream(data: bytes) -> None:
    """FIT, and each time all that the pipeline does with it."""
    file = attempt(read_fit, data)
    if isinstance(file, ActivityFile):
        check_file(file)
        check_downstream(file)


def gpx(data: bytes) -> None:
    _read(read_gpx, identify_gpx, data)


def tcx(data: bytes) -> None:
    _read(read_tcx, identify_tcx, data)


def anything(data: bytes) -> None:
    """By the one door."""
    _read(lambda d: reading.read(d, fallback=False), reading.identify, data)


def unpacked(data: bytes) -> None:
    def unpack(packed: bytes) -> list[containers.Member]:
        return list(containers.unpack(packed, "inbox/export.zip"))

    members = attempt(unpack, data)
    if isinstance(members, list):
        require(sum(len(m.data) for m in members) <= MAX_TOTAL, "more came out than the bound allows")
        for member in members:
            require(member.error is None or not member.data, "an error and bytes beside it")
            require(len(member.name) < 5000, "an endless name")
            _check_text(member.name)
            if member.sidecar is not None:
                _check_sidecar(member.sidecar)


def _check_sidecar(told: sidecars.Sidecar) -> None:
    for text in (told.name, told.notes, told.type, *told.warnings):
        _check_text(text)


def yaml(data: bytes) -> None:
    told = attempt(sidecars.read_sidecar, data)
    if isinstance(told, sidecars.Sidecar):
        _check_sidecar(told)
    about = attempt(sidecars.read_profile, data)
    if isinstance(about, sidecars.Profile):
        for text in (about.sex, about.timezone, about.display_name, *about.warnings):
            _check_text(text)


def csv(data: bytes) -> None:
    _read(wellness.read_wellness, wellness.identify_csv, data)
    rows = attempt(lambda d: profile_metrics.rows(_PROFILE, _SHA, d), data)
    if isinstance(rows, list):
        check_rows(tables.profile_metrics, rows)


def workouts(data: bytes) -> None:
    """Any workout, and what the adaptation and the writers make of it."""
    workout = attempt(read_workout, data)
    if not isinstance(workout, Workout):
        return
    require(0 < steps_in(workout.items) <= MAX_STEPS, "more steps than the bound allows")
    require(from_plain(as_plain(workout.items)) == workout.items, "told in plain words, it is another")
    for text in (workout.name, workout.notes, workout.sport):
        _check_text(text)
    found = attempt(lambda _: adapt(Plan(workout.items, workout.threshold), _STATE), data)
    if isinstance(found, Adaptation):
        require(min(found.after, default=1.0) >= FINISH_LIMIT, "adapted to what cannot be finished")


_STATE = State(
    Ability(Quantity.POWER, 270.0, 262.0, 278.0, 20_000.0, 17_500.0, 22_500.0), readiness(Signals(tsb=-20.0))
)

TARGETS: dict[str, Callable[[bytes], None]] = {
    "fit": fit, "gpx": gpx, "tcx": tcx, "containers": unpacked, "reading": anything, "downstream": fit_downstream,
    "yaml": yaml, "csv": csv, "workouts": workouts,
}  # fmt: skip
