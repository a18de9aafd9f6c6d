"""The facts of the FIT profile that the reader uses: numbers, names, scales and units, one home for each.

Field numbers, scales and enumerations are those of the published FIT profile (https://developer.garmin.com/fit).
Nothing here reads a byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

EPOCH_SECONDS: Final = 631_065_600
"""1989-12-31T00:00:00Z, where FIT time begins, in Unix seconds."""
POWER_UP_LIMIT: Final = 0x1000_0000
"""A `date_time` below this counts seconds since the device was switched on."""
NO_TIME: Final = 0xFFFF_FFFF
DEGREES_PER_SEMICIRCLE: Final = 180.0 / 2**31

# Message numbers.
FILE_ID: Final = 0
SPORT: Final = 12
SESSION: Final = 18
LAP: Final = 19
RECORD: Final = 20
EVENT: Final = 21
DEVICE_INFO: Final = 23
WORKOUT: Final = 26
WORKOUT_STEP: Final = 27
WEIGHT_SCALE: Final = 30
COURSE: Final = 31
ACTIVITY: Final = 34
FILE_CREATOR: Final = 49
MONITORING: Final = 55
HRV: Final = 78
LENGTH: Final = 101
MONITORING_INFO: Final = 103
HR: Final = 132
TIMESTAMP_CORRELATION: Final = 162
FIELD_DESCRIPTION: Final = 206
MONITORING_HR: Final = 211
SLEEP_LEVEL: Final = 275
SLEEP_ASSESSMENT: Final = 346
HRV_STATUS: Final = 370

TIMESTAMP: Final = 253


class BaseType(NamedTuple):
    """How one base type lies in bytes: its `struct` letter, size and the value that means 'not given'."""

    letter: str
    size: int
    invalid: int | None


# By the low five bits of the base type byte: some devices leave out the endian flag in bit 7.
BASE_TYPES: Final[Mapping[int, BaseType]] = {
    0x00: BaseType("B", 1, 0xFF),  # enum
    0x01: BaseType("b", 1, 0x7F),
    0x02: BaseType("B", 1, 0xFF),
    0x03: BaseType("h", 2, 0x7FFF),
    0x04: BaseType("H", 2, 0xFFFF),
    0x05: BaseType("i", 4, 0x7FFF_FFFF),
    0x06: BaseType("I", 4, 0xFFFF_FFFF),
    0x07: BaseType("s", 1, None),  # string
    0x08: BaseType("f", 4, None),  # NaN is the invalid float
    0x09: BaseType("d", 8, None),
    0x0A: BaseType("B", 1, 0),  # the z-types use 0
    0x0B: BaseType("H", 2, 0),
    0x0C: BaseType("I", 4, 0),
    0x0D: BaseType("c", 1, None),  # byte: invalid only where all of the array is 0xFF
    0x0E: BaseType("q", 8, 0x7FFF_FFFF_FFFF_FFFF),
    0x0F: BaseType("Q", 8, 0xFFFF_FFFF_FFFF_FFFF),
    0x10: BaseType("Q", 8, 0),
}
STRING_TYPE: Final = 0x07
BYTE_TYPE: Final = 0x0D


class RecordField(NamedTuple):
    """One field of `record`: value = raw / scale - offset."""

    name: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


# Names that start with an underscore are raw material: fit_records makes the channel from them.
RECORD_FIELDS: Final[Mapping[int, RecordField]] = {
    0: RecordField("latitude_degrees", "deg"),
    1: RecordField("longitude_degrees", "deg"),
    2: RecordField("_altitude", "m", 5, 500),
    3: RecordField("heart_rate_bpm", "bpm"),
    4: RecordField("cadence_rpm", "rpm"),
    5: RecordField("distance_meters", "m", 100),
    6: RecordField("_speed", "m/s", 1000),
    7: RecordField("power_watts", "W"),
    9: RecordField("grade", "%", 100),
    10: RecordField("resistance"),
    11: RecordField("time_from_course", "s", 1000),
    12: RecordField("_cycle_length", "m", 100),
    13: RecordField("temperature_celsius", "degC"),
    17: RecordField("speed_1s", "m/s", 16),
    18: RecordField("_cycles", "cycles"),
    19: RecordField("total_cycles", "cycles"),
    28: RecordField("_accumulated_power", "W"),
    29: RecordField("accumulated_power", "W"),
    30: RecordField("_balance", "%"),
    31: RecordField("gps_accuracy", "m"),
    32: RecordField("vertical_speed", "m/s", 1000),
    33: RecordField("calories", "kcal"),
    39: RecordField("vertical_oscillation", "mm", 10),
    40: RecordField("stance_time_percent", "%", 100),
    41: RecordField("stance_time", "ms", 10),
    42: RecordField("activity_type", "code"),
    43: RecordField("left_torque_effectiveness", "%", 2),
    44: RecordField("right_torque_effectiveness", "%", 2),
    45: RecordField("left_pedal_smoothness", "%", 2),
    46: RecordField("right_pedal_smoothness", "%", 2),
    47: RecordField("combined_pedal_smoothness", "%", 2),
    48: RecordField("time128", "s", 128),
    49: RecordField("stroke_type", "code"),
    50: RecordField("zone"),
    51: RecordField("ball_speed", "m/s", 100),
    52: RecordField("_cadence256", "rpm", 256),
    53: RecordField("_fractional_cadence", "rpm", 128),
    54: RecordField("total_hemoglobin_conc", "g/dL", 100),
    55: RecordField("total_hemoglobin_conc_min", "g/dL", 100),
    56: RecordField("total_hemoglobin_conc_max", "g/dL", 100),
    57: RecordField("saturated_hemoglobin_percent", "%", 10),
    58: RecordField("saturated_hemoglobin_percent_min", "%", 10),
    59: RecordField("saturated_hemoglobin_percent_max", "%", 10),
    67: RecordField("left_pco", "mm"),
    68: RecordField("right_pco", "mm"),
    69: RecordField("left_power_phase", "deg", 0.7111111),
    70: RecordField("left_power_phase_peak", "deg", 0.7111111),
    71: RecordField("right_power_phase", "deg", 0.7111111),
    72: RecordField("right_power_phase_peak", "deg", 0.7111111),
    73: RecordField("speed_mps", "m/s", 1000),
    78: RecordField("altitude_meters", "m", 5, 500),
    81: RecordField("battery_soc", "%", 2),
    82: RecordField("motor_power", "W"),
    83: RecordField("vertical_ratio", "%", 100),
    84: RecordField("stance_time_balance", "%", 100),
    85: RecordField("step_length", "mm", 10),
    87: RecordField("cycle_length", "m", 100),
    91: RecordField("absolute_pressure", "Pa"),
    92: RecordField("depth", "m", 1000),
    93: RecordField("next_stop_depth", "m", 1000),
    94: RecordField("next_stop_time", "s"),
    95: RecordField("time_to_surface", "s"),
    96: RecordField("ndl_time", "s"),
    97: RecordField("cns_load", "%"),
    98: RecordField("n2_load", "%"),
    99: RecordField("_respiration_rate", "breaths/min"),
    108: RecordField("respiration_rate", "breaths/min", 100),
    114: RecordField("grit"),
    115: RecordField("flow"),
    116: RecordField("current_stress", "", 100),
    117: RecordField("ebike_travel_range", "km"),
    118: RecordField("ebike_battery_level", "%"),
    119: RecordField("ebike_assist_mode", "code"),
    120: RecordField("ebike_assist_level_percent", "%"),
    123: RecordField("air_time_remaining", "s"),
    124: RecordField("pressure_sac", "bar/min", 100),
    125: RecordField("volume_sac", "L/min", 100),
    126: RecordField("rmv", "L/min", 100),
    127: RecordField("ascent_rate", "m/s", 1000),
    129: RecordField("po2", "%", 100),
    139: RecordField("core_temperature", "degC", 100),
}
COMPRESSED_SPEED_DISTANCE: Final = 8

# A developer field that says it stands for a native one fills it where the file has no native value, if the unit fits.
NATIVE_TWINS: Final[Mapping[int, tuple[str, frozenset[str]]]] = {
    2: ("altitude_meters", frozenset({"m", "meter", "meters"})),
    3: ("heart_rate_bpm", frozenset({"bpm"})),
    4: ("cadence_rpm", frozenset({"rpm", "strides/min"})),
    5: ("distance_meters", frozenset({"m", "meter", "meters"})),
    6: ("speed_mps", frozenset({"m/s", "mps"})),
    7: ("power_watts", frozenset({"w", "watt", "watts"})),
    13: ("temperature_celsius", frozenset({"c", "°c", "degc", "celsius"})),
    73: ("speed_mps", frozenset({"m/s", "mps"})),
    78: ("altitude_meters", frozenset({"m", "meter", "meters"})),
}


class SummaryField(NamedTuple):
    """One number of a session or lap: value = raw / scale - offset under `key`."""

    key: str
    scale: float = 1.0
    offset: float = 0.0


_F = SummaryField
# A key given twice: the later (enhanced) field wins where it is valid.
SESSION_FIELDS: Final[Mapping[int, SummaryField]] = {
    7: _F("elapsed_seconds", 1000), 8: _F("duration_seconds", 1000), 9: _F("distance_meters", 100),
    10: _F("total_cycles"), 11: _F("energy_kcal"), 14: _F("mean_speed_mps", 1000), 15: _F("max_speed_mps", 1000),
    16: _F("mean_heart_rate_bpm"), 17: _F("max_heart_rate_bpm"), 18: _F("mean_cadence_rpm"),
    19: _F("max_cadence_rpm"), 20: _F("mean_power_watts"), 21: _F("max_power_watts"),
    22: _F("elevation_gain_meters"), 23: _F("elevation_loss_meters"), 24: _F("training_effect", 10),
    34: _F("normalized_power_watts"), 35: _F("training_stress_score", 10), 36: _F("intensity_factor", 1000),
    42: _F("mean_stroke_distance_meters", 100), 44: _F("pool_length_meters", 100), 45: _F("threshold_power_watts"),
    47: _F("active_lengths"), 48: _F("work_joules"), 49: _F("mean_altitude_meters", 5, 500),
    50: _F("max_altitude_meters", 5, 500), 57: _F("mean_temperature_celsius"), 58: _F("max_temperature_celsius"),
    59: _F("moving_seconds", 1000), 64: _F("min_heart_rate_bpm"), 71: _F("min_altitude_meters", 5, 500),
    89: _F("mean_vertical_oscillation_mm", 10), 91: _F("mean_stance_time_ms", 10), 92: _F("_mean_fraction", 128),
    93: _F("_max_fraction", 128), 94: _F("_cycles_fraction", 128), 124: _F("mean_speed_mps", 1000),
    125: _F("max_speed_mps", 1000), 126: _F("mean_altitude_meters", 5, 500), 127: _F("min_altitude_meters", 5, 500),
    128: _F("max_altitude_meters", 5, 500), 132: _F("mean_vertical_ratio_percent", 100),
    134: _F("mean_step_length_mm", 10), 137: _F("anaerobic_training_effect", 10), 150: _F("min_temperature_celsius"),
    192: _F("perceived_feel"), 193: _F("perceived_exertion"),
}  # fmt: skip
LAP_FIELDS: Final[Mapping[int, SummaryField]] = {
    7: _F("elapsed_seconds", 1000), 8: _F("duration_seconds", 1000), 9: _F("distance_meters", 100),
    10: _F("total_cycles"), 11: _F("energy_kcal"), 13: _F("mean_speed_mps", 1000), 14: _F("max_speed_mps", 1000),
    15: _F("mean_heart_rate_bpm"), 16: _F("max_heart_rate_bpm"), 17: _F("mean_cadence_rpm"),
    18: _F("max_cadence_rpm"), 19: _F("mean_power_watts"), 20: _F("max_power_watts"),
    21: _F("elevation_gain_meters"), 22: _F("elevation_loss_meters"), 33: _F("normalized_power_watts"),
    37: _F("mean_stroke_distance_meters", 100), 40: _F("active_lengths"), 41: _F("work_joules"),
    50: _F("mean_temperature_celsius"), 52: _F("moving_seconds", 1000), 63: _F("min_heart_rate_bpm"),
    80: _F("_mean_fraction", 128), 81: _F("_max_fraction", 128), 82: _F("_cycles_fraction", 128),
    110: _F("mean_speed_mps", 1000), 111: _F("max_speed_mps", 1000),
}  # fmt: skip

STRIDE_SPORTS: Final = frozenset({1, 11})
"""Sports whose `total_cycles` are strides (running, walking)."""
STROKE_SPORTS: Final = frozenset({2, 5, 15, 37})
"""Sports whose `total_cycles` are strokes (cycling, swimming, rowing, paddling on a board)."""

SPORT_NAMES: Final[Mapping[int, str]] = {
    0: "generic", 1: "running", 2: "cycling", 3: "transition", 4: "fitness_equipment", 5: "swimming", 6: "basketball",
    7: "soccer", 8: "tennis", 9: "american_football", 10: "training", 11: "walking", 12: "cross_country_skiing",
    13: "alpine_skiing", 14: "snowboarding", 15: "rowing", 16: "mountaineering", 17: "hiking", 18: "multisport",
    19: "paddling", 20: "flying", 21: "e_biking", 22: "motorcycling", 23: "boating", 24: "driving", 25: "golf",
    26: "hang_gliding", 27: "horseback_riding", 28: "hunting", 29: "fishing", 30: "inline_skating",
    31: "rock_climbing", 32: "sailing", 33: "ice_skating", 34: "sky_diving", 35: "snowshoeing", 36: "snowmobiling",
    37: "stand_up_paddleboarding", 38: "surfing", 39: "wakeboarding", 40: "water_skiing", 41: "kayaking",
    42: "rafting", 43: "windsurfing", 44: "kitesurfing", 45: "tactical", 46: "jumpmaster", 47: "boxing",
    48: "floor_climbing", 49: "baseball", 53: "diving", 62: "hiit", 64: "racket", 65: "wheelchair_push_walk",
    66: "wheelchair_push_run", 67: "meditation", 69: "disc_golf", 71: "cricket", 72: "rugby", 73: "hockey",
    74: "lacrosse", 75: "volleyball", 76: "water_tubing", 77: "wakesurfing", 80: "mixed_martial_arts",
    82: "snorkeling", 83: "dance", 84: "jump_rope", 254: "all",
}  # fmt: skip
SUB_SPORT_NAMES: Final[Mapping[int, str]] = {
    0: "generic", 1: "treadmill", 2: "street", 3: "trail", 4: "track", 5: "spin", 6: "indoor_cycling", 7: "road",
    8: "mountain", 9: "downhill", 10: "recumbent", 11: "cyclocross", 12: "hand_cycling", 13: "track_cycling",
    14: "indoor_rowing", 15: "elliptical", 16: "stair_climbing", 17: "lap_swimming", 18: "open_water",
    19: "flexibility_training", 20: "strength_training", 21: "warm_up", 22: "match", 23: "exercise",
    24: "challenge", 25: "indoor_skiing", 26: "cardio_training", 27: "indoor_walking", 28: "e_bike_fitness",
    29: "bmx", 30: "casual_walking", 31: "speed_walking", 32: "bike_to_run_transition",
    33: "run_to_bike_transition", 34: "swim_to_bike_transition", 35: "atv", 36: "motocross", 37: "backcountry",
    38: "resort", 39: "rc_drone", 40: "wingsuit", 41: "whitewater", 42: "skate_skiing", 43: "yoga", 44: "pilates",
    45: "indoor_running", 46: "gravel_cycling", 47: "e_bike_mountain", 48: "commuting", 49: "mixed_surface",
    50: "navigate", 51: "track_me", 52: "map", 53: "single_gas_diving", 54: "multi_gas_diving", 55: "gauge_diving",
    56: "apnea_diving", 57: "apnea_hunting", 58: "virtual_activity", 59: "obstacle", 62: "breathing",
    65: "sail_race", 67: "ultra", 68: "indoor_climbing", 69: "bouldering", 70: "hiit", 73: "amrap", 74: "emom",
    75: "tabata", 84: "pickleball", 85: "padel", 94: "squash", 95: "badminton", 96: "racquetball",
    97: "table_tennis", 254: "all",
}  # fmt: skip
STROKE_NAMES: Final[Mapping[int, str]] = {
    0: "freestyle", 1: "backstroke", 2: "breaststroke", 3: "butterfly", 4: "drill", 5: "mixed", 6: "im",
    7: "im_by_round", 8: "rimo",
}  # fmt: skip

MANUFACTURERS: Final[Mapping[int, str]] = {
    1: "garmin", 2: "garmin_fr405_antfs", 6: "srm", 7: "quarq", 9: "saris", 13: "dynastream_oem", 15: "dynastream",
    16: "timex", 23: "suunto", 32: "wahoo_fitness", 37: "magellan", 38: "osynce", 40: "concept2", 41: "shimano",
    48: "pioneer", 51: "4iiiis", 52: "seiko_epson", 54: "ifor_powell", 60: "rotor", 63: "specialized",
    67: "bkool", 68: "cateye", 69: "stages_cycling", 70: "sigmasport", 71: "tomtom", 73: "wattbike", 76: "moxy",
    81: "bontrager", 86: "elite", 87: "nielsen_kellerman", 89: "tacx", 95: "stryd", 107: "magene",
    111: "technogym", 115: "igpsport", 123: "polar_electro", 129: "coros", 132: "cycplus", 142: "tag_heuer",
    144: "zwift", 255: "development", 258: "lezyne", 260: "zwift", 263: "favero_electronics", 265: "strava",
    267: "bryton", 268: "sram", 278: "minoura", 281: "trainer_road", 282: "the_sufferfest", 284: "virtualtraining",
    289: "hammerhead", 294: "coros", 303: "greenteg", 305: "whoop", 307: "onelap", 309: "form", 310: "decathlon",
    315: "rgt_cycling", 331: "mywhoosh",
}  # fmt: skip
GARMIN_MANUFACTURERS: Final = frozenset({1, 13, 15, 89})
"""Manufacturers whose product numbers are Garmin's."""
GARMIN_PRODUCTS: Final[Mapping[int, str]] = {
    717: "fr405", 988: "fr60", 1018: "fr310xt", 1036: "edge500", 1124: "fr110", 1169: "edge800", 1325: "edge200",
    1328: "fr910xt", 1345: "fr610", 1482: "fr10", 1537: "fr910xt", 1551: "fenix", 1561: "edge510",
    1567: "edge810", 1623: "fr620", 1632: "fr220", 1765: "fr920xt", 1836: "edge1000", 1967: "fenix2",
    1988: "epix", 2050: "fenix3", 2067: "edge520", 2153: "fr225", 2156: "fr630", 2157: "fr230", 2158: "fr735xt",
    2413: "fenix3_hr", 2431: "fr235", 2503: "fr35", 2530: "edge820", 2544: "fenix5s", 2604: "fenix5x",
    2691: "fr935", 2697: "fenix5", 2700: "vivoactive3", 2713: "edge1030", 2886: "fr645", 2888: "fr645m",
    2900: "fenix5s_plus", 3011: "edge_explore", 3076: "fr245", 3077: "fr245_music", 3110: "fenix5_plus",
    3111: "fenix5x_plus", 3112: "edge520_plus", 3113: "fr945", 3121: "edge530", 3122: "edge830",
    3225: "vivoactive4", 3226: "venu", 3282: "fr45", 3288: "fenix6s", 3289: "fenix6_sport", 3290: "fenix6",
    3291: "fenix6x", 3466: "instinct_solar", 3558: "edge130_plus", 3570: "edge1030_plus", 3589: "fr745",
    3600: "venusq", 3638: "enduro", 3652: "fr945_lte", 3703: "venu2", 3843: "edge1040", 3869: "fr55",
    3888: "instinct2", 3905: "fenix7s", 3906: "fenix7", 3907: "fenix7x", 3943: "epix_gen2", 3990: "fr255_music",
    3992: "fr255", 4024: "fr955", 4061: "edge540", 4062: "edge840", 4257: "fr265", 4260: "venu3",
    4315: "fr965", 4376: "fenix7x_pro", 4375: "fenix7_pro", 4432: "fr165", 4440: "edge1050", 4536: "fenix8",
}  # fmt: skip
