"""Workouts as FIT, read back by fitparse."""

from __future__ import annotations

import pytest

from perf_pipeline.formats.fit_workout_writer import Intensity, Repeat, WorkoutStep, write_fit_workout
from perf_pipeline.formats.model import FileKind
from perf_pipeline.formats.reference import read_reference

NOW = 1_770_000_000_000
STEPS = (
    WorkoutStep("Warm up", Intensity.WARMUP, seconds=600),
    WorkoutStep("On", seconds=240, power_watts=(280, 300)),
    WorkoutStep("Off", Intensity.REST, meters=400, heart_rate_bpm=(110, 130)),
    Repeat(first=1, times=5),
    WorkoutStep("Home", Intensity.COOLDOWN, speed_mps=(2.5, 3.0)),
)


def fields(data: bytes, message: str) -> list[dict[str, object]]:
    import fitparse

    with fitparse.FitFile(data, check_crc=True) as fit:
        return [{f.name: f.value for f in m.fields if f.value is not None} for m in fit.get_messages(message)]


@pytest.fixture
def data() -> bytes:
    return write_fit_workout("5 x 4 min", "cycling", STEPS, created_ms=NOW)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
def test_name_sport_and_count_are_told(data: bytes) -> None:
    (workout,) = fields(data, "workout")
    assert workout == {"sport": "cycling", "num_valid_steps": 5, "wkt_name": "5 x 4 min"}
    assert read_reference(data).kind is FileKind.WORKOUT


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
def test_steps_have_duration_target_and_intensity_in_the_units_of_fit(data: bytes) -> None:
    warm, on, off, repeat, home = fields(data, "workout_step")
    assert [s["message_index"] for s in (warm, on, off, repeat, home)] == [0, 1, 2, 3, 4]
    assert (warm["duration_type"], warm["duration_time"], warm["target_type"]) == ("time", 600.0, "open")
    assert (on["intensity"], on["target_type"]) == ("active", "power")
    # Watts are told above 1000, beats above 100: below are percentages.
    assert (on["custom_target_power_low"], on["custom_target_power_high"]) == (1280, 1300)
    assert (off["duration_type"], off["duration_distance"]) == ("distance", 400.0)
    assert (off["custom_target_heart_rate_low"], off["custom_target_heart_rate_high"]) == (210, 230)
    assert (repeat["duration_type"], repeat["duration_step"]) == ("repeat_until_steps_cmplt", 1)
    assert repeat["repeat_steps"] == 5
    assert (home["duration_type"], home["intensity"]) == ("open", "cooldown")
    assert (home["custom_target_speed_low"], home["custom_target_speed_high"]) == (2.5, 3.0)


def test_a_sport_without_a_number_and_an_empty_workout_are_refused() -> None:
    with pytest.raises(ValueError, match="no sport"):
        write_fit_workout("x", "quidditch", STEPS, created_ms=NOW)
    with pytest.raises(ValueError, match="without a step"):
        write_fit_workout("x", "cycling", (), created_ms=NOW)
