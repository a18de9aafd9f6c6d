"""What the FIT reader makes of files that are odd on purpose: one test per trap."""

from __future__ import annotations

import numpy as np
import pytest

from perf_pipeline.formats.fit import identify_fit, read_fit, read_messages
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    EmptyFileError,
    FileKind,
    Session,
    UnknownFormatError,
)
from perf_pipeline_tests.formats.fit_bytes import (
    BYTE,
    ENUM,
    FLOAT32,
    SINT8,
    SINT16,
    SINT32,
    STRING,
    T0,
    T0_MS,
    UINT8,
    UINT16,
    UINT32,
    UINT32Z,
    FitBytes,
    activity,
    ride,
    session,
)


def only(file: ActivityFile) -> Session:
    assert len(file.sessions) == 1
    return file.sessions[0]


def channel(file: ActivityFile, name: str) -> list[float | None]:
    values = only(file).streams.channels[name]
    return [None if np.isnan(v) else round(float(v), 6) for v in values]


# --- the plain file -------------------------------------------------------------------------------------


def test_a_small_ride_is_read_whole() -> None:
    file = read_fit(ride(3).file())
    assert (file.kind, file.partial, file.warnings) == (FileKind.ACTIVITY, False, ())
    found = only(file)
    assert (found.sport, found.sport_raw, found.start_ms, found.end_ms) == ("bike", "cycling", T0_MS, T0_MS + 3000)
    assert found.streams.time_ms.tolist() == [T0_MS, T0_MS + 1000, T0_MS + 2000]
    assert channel(file, "heart_rate_bpm") == [120, 121, 122]
    assert channel(file, "power_watts") == [200, 201, 202]
    assert str(file.device) == "garmin edge530"


def test_every_record_field_has_its_scale_and_unit() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (0, SINT32), (1, SINT32), (2, UINT16), (5, UINT32), (6, UINT16), (13, SINT8),
                        (39, UINT16), (9, SINT16)])  # fmt: skip
    made.add(1, T0, 2**29, -(2**30), 3000, 12345, 8250, -4, 85, -150)
    file = read_fit(session(made).file())
    assert channel(file, "latitude_degrees") == [45.0]
    assert channel(file, "longitude_degrees") == [-90.0]
    assert channel(file, "altitude_meters") == [100.0]  # 3000 / 5 - 500
    assert channel(file, "distance_meters") == [123.45]
    assert channel(file, "speed_mps") == [8.25]
    assert channel(file, "temperature_celsius") == [-4.0]
    assert channel(file, "vertical_oscillation") == [8.5]
    assert channel(file, "grade") == [-1.5]
    assert only(file).streams.extra_units == {"vertical_oscillation": "mm", "grade": "%"}


def test_cadence_includes_its_fraction() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (4, UINT8), (53, UINT8)])
    made.add(1, T0, 88, 64).add(1, T0 + 1, 88, None).add(1, T0 + 2, None, 64)
    assert channel(read_fit(session(made).file()), "cadence_rpm") == [88.5, 88, None]


def test_undocumented_fields_are_left_out() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (61, UINT16), (3, UINT8)]).add(1, T0, 7, 100)
    assert list(only(read_fit(session(made).file())).streams.channels) == ["heart_rate_bpm"]


def test_summaries_are_in_natural_units_and_enhanced_fields_win() -> None:
    made = activity()
    made.define(1, 18, [(2, UINT32), (7, UINT32), (5, ENUM), (9, UINT32), (14, UINT16), (124, UINT32), (18, UINT8),
                        (92, UINT8), (10, UINT32), (34, UINT16), (37, UINT16), (20, UINT16)])  # fmt: skip
    made.add(1, T0, 3_600_000, 1, 1_050_000, 65000, 2917, 84, 64, 10_080, 251, 0x8000 | 5025, None)
    found = only(read_fit(made.file()))
    assert found.summary == {
        "elapsed_seconds": 3600.0, "distance_meters": 10500.0, "mean_speed_mps": 2.917, "mean_cadence_rpm": 84.5,
        "total_strides": 10080.0, "normalized_power_watts": 251.0, "right_balance_percent": 50.25,
    }  # fmt: skip


def test_strokes_and_strides_are_told_apart_by_sport() -> None:
    for sport, key in ((1, "total_strides"), (5, "total_strokes"), (17, "total_cycles")):
        made = activity()
        made.define(1, 18, [(2, UINT32), (5, ENUM), (10, UINT32)]).add(1, T0, sport, 42)
        assert only(read_fit(made.file())).summary == {key: 42.0}


def test_a_treadmill_on_generic_fitness_equipment_is_a_run() -> None:
    made = session(ride_without_session(), sport=4, sub_sport=1)
    found = only(read_fit(made.file()))
    assert (found.sport, found.sport_raw, found.sub_sport) == ("run", "fitness_equipment", "treadmill")


def ride_without_session(seconds: int = 3) -> FitBytes:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)])
    for i in range(seconds):
        made.add(1, T0 + i, 120)
    return made


# --- traps, in the order of the list in the format notes ------------------------------------------------


def test_a_clock_that_was_never_set_is_not_moved_to_1989() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).add(1, 17, 100).add(1, 18, 101)
    file = read_fit(session(made, start=17).file())
    assert only(file).streams.time_ms.tolist() == [17_000, 18_000]
    assert only(file).start_ms == 17_000
    assert any("clock was not set" in w for w in file.warnings)


def test_the_file_itself_can_set_the_clock() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).add(1, 17, 100).add(1, 18, 101)
    made.define(2, 162, [(253, UINT32), (1, UINT32), (3, UINT32)]).add(2, T0 + 20, 20, T0 + 20 + 7200)
    file = read_fit(session(made, start=17).file())
    assert only(file).streams.time_ms.tolist() == [T0_MS + 17_000, T0_MS + 18_000]
    assert (only(file).start_ms, only(file).utc_offset_seconds) == (T0_MS + 17_000, 7200)
    assert file.warnings == ()


def test_compressed_timestamps_roll_over_from_the_last_time_of_any_message() -> None:
    base = T0 - T0 % 32 + 30  # the low five bits are 30
    made = activity()
    made.define(1, 20, [(3, UINT8)])
    made.define(2, 999, [(253, UINT32)]).add(2, base)
    made.compressed(1, 31, 100).compressed(1, 0, 101).compressed(1, 0, 102).compressed(1, 29, 103)
    made.add(2, base + 100)
    made.compressed(1, (base + 101) % 32, 104)
    times = only(read_fit(session(made, start=base).file())).streams.time_ms
    assert ((times - (base + 631_065_600) * 1000) // 1000).tolist() == [1, 2, 2, 31, 101]


def test_a_record_without_a_time_has_that_of_the_message_before_it() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).define(2, 21, [(253, UINT32), (0, ENUM), (1, ENUM)])
    made.add(2, T0 + 5, 0, 0).add(1, None, 100).add(1, T0 + 9, 101).add(1, None, 102)
    times = only(read_fit(session(made).file())).streams.time_ms
    assert ((times - T0_MS) // 1000).tolist() == [5, 9, 9]


def test_records_that_have_no_time_anywhere_are_kept() -> None:
    made = FitBytes().define(1, 20, [(3, UINT8)]).add(1, 100).add(1, 101)
    file = read_fit(made.file())
    assert channel(file, "heart_rate_bpm") == [100, 101]
    assert "2 of 2 records have no time" in file.warnings


def test_a_header_checksum_of_zero_is_legal() -> None:
    assert read_fit(ride().file(header_crc=False)).warnings == ()


def test_a_header_of_twelve_bytes_is_legal() -> None:
    assert read_fit(ride().file(header_size=12)).warnings == ()


def test_a_wrong_header_checksum_is_a_warning() -> None:
    data = bytearray(ride().file())
    data[12] ^= 0x55
    file = read_fit(bytes(data))
    assert any("header's checksum" in w for w in file.warnings)
    assert len(only(file).streams) == 5


def test_a_file_whose_header_gives_no_size_is_read_to_its_end() -> None:
    data = ride(100).file(data_size=0)
    file = read_fit(data)
    assert len(only(file).streams) == 100
    assert file.partial
    without_checksum = read_fit(data[:-2])
    assert len(only(without_checksum).streams) == 100
    assert without_checksum.partial


def test_a_size_that_the_device_did_not_update_does_not_end_the_file() -> None:
    made = ride_without_session(50)
    file = read_fit(made.file(data_size=len(made.body) - 20 * 6, good_crc=False))
    assert len(only(file).streams) == 50
    assert file.partial


def test_a_wrong_checksum_is_a_warning_and_nothing_is_lost() -> None:
    file = read_fit(ride().file(good_crc=False))
    assert len(only(file).streams) == 5
    assert not file.partial
    assert any("checksum does not match" in w for w in file.warnings)


def test_both_byte_orders_say_the_same() -> None:
    little, big = read_fit(ride(9).file()), read_fit(ride(9, big=True).file())
    assert only(little).streams.time_ms.tolist() == only(big).streams.time_ms.tolist()
    assert channel(little, "power_watts") == channel(big, "power_watts")
    assert only(little).summary == only(big).summary


def test_a_local_type_may_be_redefined_between_records() -> None:
    made = activity()
    for i in range(18):
        fields = [(253, UINT32), (3, UINT8)] if i % 2 else [(3, UINT8), (253, UINT32)]
        made.define(1, 20, fields, big=i % 3 == 0)
        made.add(1, *((T0 + i, 100 + i) if i % 2 else (100 + i, T0 + i)))
    file = read_fit(session(made).file())
    assert channel(file, "heart_rate_bpm") == [100 + i for i in range(18)]
    assert ((only(file).streams.time_ms - T0_MS) // 1000).tolist() == list(range(18))


def test_a_size_that_is_no_multiple_of_its_type_is_opaque() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (7, UINT16, 3), (3, UINT8)]).add(1, T0, b"\1\2\3", 99)
    assert {n: v.tolist() for n, v in only(read_fit(session(made).file())).streams.channels.items()} == {
        "heart_rate_bpm": [99.0]
    }


def test_a_field_that_a_definition_lacks_is_not_given_rather_than_zero() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (7, UINT16)]).define(2, 20, [(253, UINT32)])
    made.add(1, T0, 250).add(2, T0 + 1).add(1, T0 + 2, 0)
    assert channel(read_fit(session(made).file()), "power_watts") == [250, None, 0]


def test_the_enhanced_field_wins_where_it_has_a_value() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (6, UINT16), (73, UINT32), (2, UINT16), (78, UINT32)])
    made.add(1, T0, 5000, 5001, 3000, 3001).add(1, T0 + 1, 6000, None, 3010, None).add(
        1, T0 + 2, None, 70_000, None, None
    )
    file = read_fit(session(made).file())
    assert channel(file, "speed_mps") == [5.001, 6.0, 70.0]
    assert channel(file, "altitude_meters") == [100.2, 102.0, None]
    assert set(only(file).streams.channels) == {"speed_mps", "altitude_meters"}


def test_compressed_speed_and_distance_are_unrolled() -> None:
    def pack(speed: int, distance: int) -> bytes:
        return (speed | distance << 12).to_bytes(3, "little")

    made = activity()
    made.define(1, 20, [(253, UINT32), (8, BYTE, 3)])
    for i, distance in enumerate([0, 4000, 4095, 100, 2000]):
        made.add(1, T0 + i, pack(250 + i, distance))
    made.add(1, T0 + 5, b"\xff\xff\xff")
    file = read_fit(session(made).file())
    assert channel(file, "speed_mps") == [2.5, 2.51, 2.52, 2.53, 2.54, None]
    assert channel(file, "distance_meters") == [0, 250, 255.9375, 4196 / 16, 6096 / 16, None]


def test_accumulated_cycles_and_power_follow_their_overflows() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (18, UINT8), (28, UINT16)])
    for i, (cycles, power) in enumerate([(250, 65_000), (3, 65_500), (None, None), (200, 10), (10, 20)]):
        made.add(1, T0 + i, cycles, power)
    file = read_fit(session(made).file())
    assert channel(file, "total_cycles") == [250, 259, None, 456, 522]
    assert channel(file, "accumulated_power") == [65_000, 65_500, None, 65_546, 65_556]


def test_accumulators_begin_anew_in_each_part_of_a_chain() -> None:
    def part(start: int, cycles: list[int]) -> bytes:
        made = activity()
        made.define(1, 20, [(253, UINT32), (18, UINT8)])
        for i, value in enumerate(cycles):
            made.add(1, start + i, value)
        return made.file()

    file = read_fit(part(T0, [250, 4]) + part(T0 + 10, [7, 9]))
    assert channel(file, "total_cycles") == [250, 260, 7, 9]


def developer(made: FitBytes, number: int, base: int, name: bytes, unit: bytes, scale: int | None = None,
              offset: int | None = None, native: int | None = None) -> None:  # fmt: skip
    """A field_description without any developer_data_id, as it occurs."""
    made.define(3, 206, [(0, UINT8), (1, UINT8), (2, UINT8), (3, STRING, 16), (8, STRING, 8), (6, UINT8), (7, SINT8),
                         (14, UINT16), (15, UINT8)])  # fmt: skip
    made.add(3, 0, number, base, name.ljust(16, b"\0"), unit.ljust(8, b"\0"), scale, offset, 20, native)


def test_developer_fields_have_their_own_name_unit_scale_and_offset() -> None:
    made = activity()
    developer(made, 5, UINT16, b"Hydration Index", b"pct", scale=10, offset=2)
    made.define(1, 20, [(253, UINT32)], developer=[(5, 2, 0)], developer_bases=[UINT16])
    made.add(1, T0, 738).add(1, T0 + 1, None)
    file = read_fit(session(made).file())
    assert channel(file, "hydration_index") == [71.8, None]
    assert only(file).streams.extra_units == {"hydration_index": "pct"}


def test_a_developer_field_that_stands_for_power_fills_it_and_stays() -> None:
    made = activity()
    developer(made, 0, UINT16, b"Power", b"Watts", native=7)
    made.define(1, 20, [(253, UINT32)], developer=[(0, 2, 0)], developer_bases=[UINT16]).add(1, T0, 251)
    file = read_fit(session(made).file())
    assert channel(file, "power_watts") == channel(file, "power") == [251]


def test_a_developer_field_never_replaces_a_native_one() -> None:
    made = activity()
    developer(made, 0, UINT16, b"Power", b"Watts", native=7)
    made.define(1, 20, [(253, UINT32), (7, UINT16)], developer=[(0, 2, 0)], developer_bases=[UINT16])
    made.add(1, T0, 300, 251).add(1, T0 + 1, None, 252)
    assert channel(read_fit(session(made).file()), "power_watts") == [300, None]


def test_developer_fields_of_one_name_are_kept_apart() -> None:
    made = activity()
    developer(made, 0, UINT8, b"HRSS", b"")
    developer(made, 1, UINT8, b"HRSS", b"")
    made.define(1, 20, [(253, UINT32)], developer=[(0, 1, 0), (1, 1, 0)], developer_bases=[UINT8, UINT8])
    made.add(1, T0, 4, 9)
    file = read_fit(session(made).file())
    assert (channel(file, "hrss"), channel(file, "hrss_2")) == ([4], [9])


def test_a_developer_field_that_nothing_describes_is_skipped_over() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)], developer=[(9, 2, 0)], developer_bases=[UINT16])
    made.add(1, T0, 100, 7).add(1, T0 + 1, 101, 8)
    assert channel(read_fit(session(made).file()), "heart_rate_bpm") == [100, 101]


def test_the_invalid_value_is_that_of_the_base_type() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8), (7, UINT32Z), (114, FLOAT32), (13, SINT8)])
    made.add(1, T0, None, None, None, None).add(1, T0 + 1, 0, 65_535, 1.5, -1)
    file = read_fit(session(made).file())
    assert channel(file, "heart_rate_bpm") == [None, 0]
    assert channel(file, "power_watts") == [None, 65_535]  # 0 is what a z-type does not know
    assert channel(file, "grit") == [None, 1.5]
    assert channel(file, "temperature_celsius") == [None, -1]


def test_a_column_without_a_single_value_is_left_out() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8), (7, UINT16)]).add(1, T0, 100, None).add(1, T0 + 1, 101, None)
    assert list(only(read_fit(session(made).file())).streams.channels) == ["heart_rate_bpm"]


def test_left_right_balance_is_a_mask() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (30, UINT8)])
    made.add(1, T0, 0x80 | 48).add(1, T0 + 1, 52).add(1, T0 + 2, None).add(1, T0 + 3, 0x80)
    file = read_fit(session(made).file())
    assert channel(file, "left_right_balance") == [48, None, None, 0]
    assert channel(file, "balance_of_unknown_side") == [None, 52, None, None]
    assert only(file).streams.extra_units["left_right_balance"] == "% right"


def test_a_clock_that_jumps_years_costs_nothing() -> None:
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).add(1, T0, 100).add(1, T0 + 3_000_000_000, 101).add(1, T0 + 1, 102)
    times = only(read_fit(session(made).file())).streams.time_ms
    assert ((times - T0_MS) // 1000).tolist() == [0, 3_000_000_000, 1]


def twelve_bits(values: list[int]) -> bytes:
    return sum(v << 12 * i for i, v in enumerate(values)).to_bytes(len(values) * 3 // 2, "little")


def test_heart_rate_stored_apart_is_merged_into_a_swim_of_a_chain() -> None:
    swim = activity()
    swim.define(1, 20, [(253, UINT32), (5, UINT32)])
    for i in range(7):
        swim.add(1, T0 + i, 100 * i)
    session(swim, sport=5, sub_sport=17)
    strap = FitBytes()  # no file_id, as after a swim
    strap.define(1, 132, [(253, UINT32), (0, UINT16), (9, UINT32), (6, UINT8)]).add(1, T0, 16_384, 4000, 90)
    strap.define(2, 132, [(10, BYTE, 6), (6, UINT8, 4)])
    events = [4000 + 1024, 4000 + 2048, 4000 + 3072, 4000 + 5632]  # the low 12 bits overflow at 4096
    strap.add(2, twelve_bits([e & 0xFFF for e in events]), [91, 92, None, 94])
    file = read_fit(swim.file() + strap.file())
    # Beats at 0.5 (90), 1.5 (91), 2.5 (92) and 6.0 s (94): each record has the last one before it.
    assert channel(file, "heart_rate_bpm") == [None, 90, 91, 92, 92, 92, 94]
    assert only(file).sport == "swim"


def test_a_records_own_heart_rate_is_not_overwritten() -> None:
    made = ride_without_session()
    made.define(2, 132, [(253, UINT32), (9, UINT32), (6, UINT8)]).add(2, T0, 4000, 90)
    assert channel(read_fit(session(made).file()), "heart_rate_bpm") == [120, 120, 120]


def test_each_session_has_the_records_of_its_time() -> None:
    made = activity()
    session(made, start=T0 + 10, elapsed=5000, sport=1)  # a summary before the records, and not in order
    session(made, start=T0, elapsed=10_000, sport=2)
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).define(2, 20, [(253, UINT32), (7, UINT16)])
    for i in range(10):
        made.add(2, T0 + i, 200 + i)
    for i in range(10, 15):
        made.add(1, T0 + i, 140)
    file = read_fit(made.file())
    assert [(s.index, s.sport, len(s.streams)) for s in file.sessions] == [(0, "bike", 10), (1, "run", 5)]
    assert [list(s.streams.channels) for s in file.sessions] == [["power_watts"], ["heart_rate_bpm"]]
    assert file.sessions[0].end_ms == file.sessions[1].start_ms == T0_MS + 10_000


def test_an_undefined_local_type_ends_the_file_and_keeps_what_came_before() -> None:
    made = ride_without_session(40)
    made.body += b"\x0c\1\2\3"
    file = read_fit(made.file())
    assert len(only(file).streams) == 40
    assert file.partial
    assert any("local message type 12 is not defined" in w and "4 bytes not read" in w for w in file.warnings)


def test_a_file_without_a_session_message_has_one_made_up_from_its_records() -> None:
    made = ride_without_session(40)
    made.define(4, 12, [(0, ENUM), (1, ENUM)]).add(4, 1, 3)
    file = read_fit(made.file())
    found = only(file)
    assert (found.sport, found.sub_sport, found.start_ms, found.end_ms) == ("run", "trail", T0_MS, T0_MS + 39_000)
    assert any("made up from the records" in w for w in file.warnings)


@pytest.mark.parametrize(
    ("file_type", "kind"),
    [(4, "activity"), (6, "course"), (5, "workout"), (9, "wellness"), (32, "wellness"), (2, "settings"), (10, "other"),
     (11, "other"), (1, "settings"), (34, "other")],
)  # fmt: skip
def test_what_is_no_activity_is_recognised_and_has_no_session(file_type: int, kind: str) -> None:
    made = FitBytes()
    made.define(0, 0, [(0, ENUM), (4, UINT32)]).add(0, file_type, T0)
    made.define(1, 20, [(253, UINT32), (3, UINT8)])
    if kind in ("activity", "course"):
        made.add(1, T0 + 60, 100)
    else:
        made.body = made.body[: -(6 + 6)]  # no record definition either
    data = made.file()
    assert read_fit(data).kind.value == identify_fit(data).kind.value == kind
    assert len(read_fit(data).sessions) == (kind == "activity")


def test_a_file_without_a_type_is_what_its_messages_are() -> None:
    assert read_fit(FitBytes().define(1, 20, [(3, UINT8)]).add(1, 1).file()).kind is FileKind.ACTIVITY
    assert read_fit(FitBytes().define(1, 30, [(0, UINT16)]).add(1, 1).file()).kind is FileKind.WELLNESS
    assert read_fit(FitBytes().define(1, 27, [(1, ENUM)]).add(1, 1).file()).kind is FileKind.WORKOUT
    assert read_fit(FitBytes().define(1, 9999, [(1, ENUM)]).add(1, 1).file()).kind is FileKind.OTHER


# --- what else a file holds -----------------------------------------------------------------------------


def test_pauses_are_from_every_stop_to_its_start() -> None:
    made = activity()
    made.define(2, 21, [(253, UINT32), (0, ENUM), (1, ENUM)])
    for at, event, kind in ((0, 0, 0), (2, 0, 4), (3, 0, 1), (5, 0, 0), (6, 11, 4), (8, 0, 1), (9, 0, 0), (12, 0, 4)):
        made.add(2, T0 + at, event, kind)
    found = only(read_fit(session(made, elapsed=12_000).file()))
    assert [((p.start_ms - T0_MS) // 1000, (p.end_ms - T0_MS) // 1000) for p in found.pauses] == [(2, 5), (8, 9)]


def test_laps_and_lengths_go_to_their_session() -> None:
    made = activity()
    session(made, start=T0, elapsed=60_000, sport=5)
    session(made, start=T0 + 60, elapsed=60_000, sport=2)
    made.define(3, 19, [(253, UINT32), (2, UINT32), (7, UINT32), (9, UINT32), (25, ENUM)])
    made.add(3, T0 + 60, T0, 60_000, 5000, 5).add(3, T0 + 120, T0 + 60, 60_000, 40_000, 2)
    made.define(4, 101, [(2, UINT32), (3, UINT32), (12, ENUM), (5, UINT16), (7, ENUM)])
    made.add(4, T0, 25_500, 1, 14, 0).add(4, T0 + 26, 10_000, 0, None, None)
    swim, bike = read_fit(made.file()).sessions
    assert [lap.summary["distance_meters"] for lap in swim.laps + bike.laps] == [50.0, 400.0]
    assert [(n.start_ms - T0_MS, n.end_ms - T0_MS, n.active, n.strokes, n.stroke) for n in swim.lengths] == [
        (0, 25_500, True, 14, "freestyle"),
        (26_000, 36_000, False, None, None),
    ]
    assert bike.lengths == ()


def test_the_local_time_gives_the_offset() -> None:
    made = ride_without_session()
    made.define(4, 34, [(253, UINT32), (5, UINT32)]).add(4, T0, T0 + 19_800 - 3)
    assert only(read_fit(session(made).file())).utc_offset_seconds == 19_800


def test_an_absurd_local_time_gives_no_offset() -> None:
    made = ride_without_session()
    made.define(4, 34, [(253, UINT32), (5, UINT32)]).add(4, T0, T0 + 90_000)
    assert only(read_fit(session(made).file())).utc_offset_seconds is None


def test_beat_to_beat_intervals_are_in_file_order() -> None:
    made = ride_without_session()
    made.define(4, 78, [(0, UINT16, 10)]).add(4, [800, 810, None, None, None]).add(4, [795, None, None, None, None])
    found = read_fit(session(made).file()).rr_intervals_ms
    assert found is not None
    assert found.tolist() == [800, 810, 795]


def test_wellness_values_are_read_with_their_time() -> None:
    made = FitBytes().define(0, 0, [(0, ENUM)]).add(0, 32)
    made.define(1, 30, [(253, UINT32), (0, UINT16)]).add(1, T0, 7135).add(1, T0 + 1, 0xFFFE)
    made.define(2, 211, [(253, UINT32), (0, UINT8), (1, UINT8)]).add(2, T0 + 2, 50, 48)
    made.define(3, 370, [(253, UINT32), (1, UINT16)]).add(3, T0 + 3, 58 * 128 + 64)
    made.define(4, 275, [(253, UINT32), (0, ENUM)])
    for hour, level in ((0, 2), (2, 3), (3, 1), (4, 4), (6, 1)):
        made.add(4, T0 + 3600 * hour, level)
    file = read_fit(made.file())
    assert [(s.metric, s.value, (s.time_ms - T0_MS) // 1000) for s in file.wellness] == [
        ("weight_kg", 71.35, 0), ("resting_hr_bpm", 48.0, 2), ("hrv_ms", 58.5, 3), ("sleep_hours", 5.0, 6 * 3600),
    ]  # fmt: skip


def test_raw_messages_can_be_asked_for() -> None:
    made = FitBytes().define(0, 0, [(0, ENUM)]).add(0, 5)
    made.define(1, 27, [(0, STRING, 8), (1, ENUM), (2, UINT32)]).add(1, b"Warm up\0", 0, 600_000).add(
        1, b"\0" * 8, 5, None
    )
    assert read_messages(made.file(), frozenset({27}))[27] == [{0: "Warm up", 1: 0, 2: 600_000}, {1: 5}]


# --- identity -------------------------------------------------------------------------------------------


def test_identity_gives_the_first_credible_time() -> None:
    assert identify_fit(ride().file()).start_ms == T0_MS
    made = activity()
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).add(1, 17, 100).add(1, 0xFFFF_FFFE, 100).add(1, T0 + 7, 100)
    assert identify_fit(made.file()).start_ms == T0_MS + 7000


def test_identity_gives_no_time_where_no_clock_was_set() -> None:
    made = FitBytes().define(0, 0, [(0, ENUM), (4, UINT32)]).add(0, 4, 99)
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).add(1, 17, 100)
    found = identify_fit(made.file())
    assert (found.kind, found.start_ms) == (FileKind.ACTIVITY, None)


def test_identity_looks_past_a_long_beginning() -> None:
    made = activity()
    made.define(5, 9999, [(1, UINT8, 200)])
    for _ in range(100):
        made.add(5, b"\1" * 200)
    made.define(1, 20, [(253, UINT32), (3, UINT8)]).add(1, T0 + 9, 100)
    assert identify_fit(made.file()).start_ms == T0_MS + 9000


# --- what cannot be read --------------------------------------------------------------------------------


def test_no_bytes_are_an_empty_file() -> None:
    for read in (read_fit, identify_fit):
        with pytest.raises(EmptyFileError):
            read(b"")


def test_what_is_not_fit_is_said_to_be_unknown() -> None:
    for read in (read_fit, identify_fit):
        with pytest.raises(UnknownFormatError):
            read(b"<?xml version='1.0'?><gpx></gpx>")


def test_a_header_alone_is_corrupt() -> None:
    with pytest.raises(CorruptFileError):
        read_fit(ride().file()[:14])


def test_truncation_at_every_byte_keeps_every_whole_record() -> None:
    made = ride_without_session(30)
    data = made.file()
    first = len(data) - 2 - 30 * 6
    for length in range(len(data)):
        cut = data[:length]
        if length < 12:
            with pytest.raises((UnknownFormatError, EmptyFileError)):
                read_fit(cut)
            continue
        try:
            file = read_fit(cut)
        except CorruptFileError:
            assert length < 14 + 6 + 12 + 10  # nothing but the header and (part of) file_id is there
            continue
        whole = min(max((length - first) // 6, 0), 30)
        assert sum(len(s.streams) for s in file.sessions) == whole
        assert file.partial


def test_trailing_zeros_are_no_loss() -> None:
    file = read_fit(ride().file() + b"\0" * 512)
    assert (file.partial, file.warnings) == (False, ())


def test_a_developer_field_described_anew_means_something_else_from_there_on() -> None:
    made = activity()
    developer(made, 0, FLOAT32, b"W balance", b"kJ")
    made.define(1, 20, [(253, UINT32)], developer=[(0, 4, 0)], developer_bases=[FLOAT32]).add(1, T0, 20.5)
    developer(made, 0, UINT32, b"Air Power", b"W")
    made.define(1, 20, [(253, UINT32)], developer=[(0, 4, 0)], developer_bases=[UINT32]).add(1, T0 + 1, 12)
    file = read_fit(session(made).file())
    assert (channel(file, "w_balance"), channel(file, "air_power")) == ([20.5, None], [None, 12])
    assert only(file).streams.extra_units == {"w_balance": "kJ", "air_power": "W"}


def test_the_fields_of_records_choose_their_names_before_those_of_sessions() -> None:
    made = activity()
    made.define(3, 206, [(0, UINT8), (1, UINT8), (2, UINT8), (3, STRING, 8), (14, UINT16)])
    made.add(3, 0, 2, UINT8, b"Load\0\0\0\0", 18).add(3, 0, 0, UINT8, b"Load\0\0\0\0", 20)
    made.define(1, 20, [(253, UINT32)], developer=[(0, 1, 0)], developer_bases=[UINT8]).add(1, T0, 9)
    assert channel(read_fit(session(made).file()), "load") == [9]


def test_a_float_that_is_no_number_is_not_given() -> None:
    made = activity().define(1, 20, [(253, UINT32), (114, FLOAT32)])
    for i, raw in enumerate((b"\x01\x00\xa0\x7f", b"\x00\x00\x80\x7f", b"\x00\x00\xc0\x3f")):  # NaN, infinity, 1.5
        made.add(1, T0 + i, raw)
    assert channel(read_fit(session(made).file()), "grit") == [None, None, 1.5]


def test_a_second_place_in_a_field_that_means_one_value_is_ignored() -> None:
    made = activity().define(1, 20, [(253, UINT32), (78, UINT32, 8)]).add(1, T0, [3315, None])
    channels = only(read_fit(session(made).file())).streams.channels
    assert {name: values.tolist() for name, values in channels.items()} == {"altitude_meters": [163.0]}
