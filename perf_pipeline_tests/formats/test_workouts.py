"""Planned workouts: every format says the same workout, both ways, and nothing a file holds breaks a reader."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from perf_pipeline.formats import fit_workout_writer as low_level
from perf_pipeline.formats import reading
from perf_pipeline.formats.model import CorruptFileError, FileFormat, FileKind, FormatError, HostileFileError
from perf_pipeline.formats.workouts import (
    Intensity,
    Item,
    Quantity,
    Repeat,
    Step,
    Target,
    Workout,
    as_plain,
    folded,
    from_plain,
    written_out,
)
from perf_pipeline.formats.workouts_erg import read_erg, write_erg
from perf_pipeline.formats.workouts_fit import read_fit_workout, write_fit_workout
from perf_pipeline.formats.workouts_reading import day_in, read_workout
from perf_pipeline.formats.workouts_yaml import read_workout_yaml, write_workout_yaml
from perf_pipeline.formats.workouts_zwo import read_zwo, write_zwo

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
P, S = Quantity.POWER, Quantity.SPEED

ZWO = b"""\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>
<workout_file><author>A</author><name>Five by four</name><description>d</description><sportType>bike</sportType>
<workout>
  <Warmup Duration="600" PowerLow="0.40" PowerHigh="0.75"><textevent timeoffset="10" message="hi"/></Warmup>
  <IntervalsT Repeat="5" OnDuration="240" OffDuration="180" OnPower="1.06" OffPower="0.5" Cadence="90"/>
  <steadystate duration="300" Power="0.88"/>
  <FreeRide Duration="120" FlatRoad="1"/>
  <MaxEffort Duration="15"/>
  <Cooldown Duration="300" PowerLow="0.45" PowerHigh="0.70"/>
</workout></workout_file>"""

ERG = b"""[COURSE HEADER]
VERSION = 2
UNITS = ENGLISH
DESCRIPTION = Ramp and blocks
FILE NAME = x.erg
FTP = 250
MINUTES WATTS
[END COURSE HEADER]
[COURSE DATA]
0.00\t100
10.00\t150
10.00\t260
14.00\t260
14.00\t120
17.00\t120
17.00\t260
21.00\t260
21.00\t120
24.00\t120
24.00\t90
30.00\t90
[END COURSE DATA]
[COURSE TEXT]
10\tgo\t5
[END COURSE TEXT]
"""

YAML = b"""name: Track
sport: run
date: 2026-11-28
threshold: 4:00/km
steps:
  - {kind: warmup, duration: 2 km, target: 70-75 %}
  - repeat: 6
    steps:
      - {duration: 800 m, target: 3:45-3:50/km}
      - {kind: rest, duration: 1:30, target: 5:30/km}
  - {kind: cooldown, duration: open}
"""


def test_zwo_says_warm_up_intervals_free_ride_and_cool_down() -> None:
    workout = read_zwo(ZWO)
    assert (workout.name, workout.sport, workout.notes) == ("Five by four", "bike", "d")
    assert workout.items == (
        Step(Intensity.WARMUP, 600, None, Target(P, 0.40, 0.75, relative=True, ramp=True)),
        Repeat(
            5,
            (
                Step(Intensity.WORK, 240, None, Target(P, 1.06, 1.06, relative=True)),
                Step(Intensity.REST, 180, None, Target(P, 0.5, 0.5, relative=True)),
            ),
        ),
        Step(Intensity.WORK, 300, None, Target(P, 0.88, 0.88, relative=True)),
        Step(Intensity.FREE, 120),
        Step(Intensity.MAXIMAL, 15),
        Step(Intensity.COOLDOWN, 300, None, Target(P, 0.70, 0.45, relative=True, ramp=True)),
    )


def test_erg_says_stretches_and_jumps_with_repeats_found_again() -> None:
    workout = read_erg(ERG)
    assert (workout.name, workout.sport, workout.threshold) == ("Ramp and blocks", "bike", 250.0)
    work = Step(Intensity.WORK, 240, None, Target(P, 260, 260))
    rest = Step(Intensity.REST, 180, None, Target(P, 120, 120))
    steps = list(written_out(workout.items))
    assert steps[0] == Step(Intensity.WARMUP, 600, None, Target(P, 100, 150, ramp=True))
    assert steps[1:4] == [work, rest, work]
    assert [step.intensity for step in steps[4:]] == [Intensity.REST, Intensity.COOLDOWN]
    assert workout.items[1] == Repeat(2, (work, rest))


def test_an_mrc_course_is_of_shares() -> None:
    workout = read_workout(ERG.replace(b"WATTS", b"PERCENT"))
    target = next(written_out(workout.items)).target
    assert workout.threshold is None
    assert target == Target(P, 1.0, 1.5, relative=True, ramp=True)
    assert reading.identify(ERG.replace(b"WATTS", b"PERCENT"), "a.txt").format is FileFormat.MRC


def test_yaml_says_distances_paces_and_open_ends() -> None:
    workout = read_workout_yaml(YAML)
    assert (workout.day, workout.threshold) == (dt.date(2026, 11, 28), pytest.approx(1000 / 240))
    warm, repeat, home = workout.items
    assert warm == Step(Intensity.WARMUP, None, 2000, Target(S, 0.70, 0.75, relative=True))
    assert isinstance(repeat, Repeat)
    fast, slow = repeat.steps
    assert isinstance(fast, Step)
    assert isinstance(slow, Step)
    assert fast.target is not None
    assert (fast.meters, fast.target.begin, fast.target.end) == (
        800,
        pytest.approx(1000 / 230),
        pytest.approx(1000 / 225),
    )
    assert slow.seconds == 90
    assert home == Step(Intensity.COOLDOWN)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("8 min", 480), ("90 s", 90), ("1 h", 3600), ("4:30", 270), ("1:02:03", 3723), ("08:30", 510)],
)
def test_yaml_lengths_of_time(duration: str, seconds: float) -> None:
    (step,) = read_workout_yaml(f"sport: bike\nsteps: [{{duration: {duration}, target: 200 W}}]".encode()).items
    assert isinstance(step, Step)
    assert step.seconds == seconds


def test_the_door_knows_each_format_by_its_bytes() -> None:
    for data, name, form in ((ZWO, "a", "zwo"), (ERG, "a", "erg"), (YAML, "workouts/a.yaml", "yaml")):
        identity = reading.identify(data, name)
        assert (str(identity.format), identity.kind) == (form, FileKind.WORKOUT)
    assert reading.identify(YAML, "elsewhere/a.yaml").kind is FileKind.SIDECAR
    assert reading.identify(b"name: x", "workouts/a.zwo.yaml").kind is FileKind.SIDECAR


def test_a_name_tells_the_day() -> None:
    assert day_in("workouts/2026-11-28 long.zwo") == dt.date(2026, 11, 28)
    assert day_in("workouts/2026-02-30 2026-03-01.fit") == dt.date(2026, 3, 1)
    assert day_in("2026-11-28/other.fit") is None


targets = st.builds(
    lambda share, width, ramp: Target(P, share, round(share + width, 2), relative=True, ramp=ramp and width > 0),
    st.integers(20, 190).map(lambda n: n / 100),
    st.sampled_from([0.0, 0.0, 0.05, 0.2]),
    st.booleans(),
)
timed = st.builds(
    Step,
    st.sampled_from([Intensity.WORK, Intensity.REST, Intensity.WARMUP]),
    st.integers(1, 3600).map(float),
    st.none(),
    targets,
)
items: st.SearchStrategy[Item] = st.one_of(
    timed, st.builds(Repeat, st.integers(2, 6), st.lists(timed, min_size=1, max_size=3).map(tuple))
)
workouts = st.builds(
    Workout,
    st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=("C",)), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool),
    st.just("bike"),
    st.lists(items, min_size=1, max_size=6).map(tuple),
)


def flat(workout: Workout) -> list[Step]:
    return list(written_out(workout.items))


def close(one: Step, other: Step, tolerance: float) -> bool:
    assert one.target is not None
    assert other.target is not None
    return (
        one.seconds == pytest.approx(other.seconds, abs=0.01)
        and one.target.begin == pytest.approx(other.target.begin, abs=tolerance)
        and one.target.end == pytest.approx(other.target.end, abs=tolerance)
    )


@settings(max_examples=60, deadline=None)
@given(workouts)
def test_yaml_and_json_give_back_what_they_were_given(workout: Workout) -> None:
    assert read_workout_yaml(write_workout_yaml(workout)) == workout
    assert from_plain(json.loads(json.dumps(as_plain(workout.items)))) == workout.items


@settings(max_examples=60, deadline=None)
@given(workouts)
def test_zwo_gives_back_what_it_was_given(workout: Workout) -> None:
    again = read_zwo(write_zwo(workout, 250.0))
    assert again.name == workout.name
    assert len(flat(again)) == len(flat(workout))
    for one, other in zip(flat(workout), flat(again), strict=True):
        assert close(one, other, 1e-6)


@settings(max_examples=60, deadline=None)
@given(workouts)
def test_erg_gives_back_watts(workout: Workout) -> None:
    again = flat(read_erg(write_erg(workout, 250.0)))
    assert len(again) == len(flat(workout))
    for one, other in zip(flat(workout), again, strict=True):
        assert one.target is not None
        assert other.target is not None
        assert other.seconds == pytest.approx(one.seconds, abs=0.02)
        ends = (one.target.begin, one.target.end) if one.target.ramp else (one.target.middle,) * 2
        assert (other.target.begin, other.target.end) == (
            pytest.approx(250 * ends[0], abs=0.5),
            pytest.approx(250 * ends[1], abs=0.5),
        )


@settings(max_examples=60, deadline=None)
@given(workouts)
def test_fit_gives_back_structure_and_targets(workout: Workout) -> None:
    again = read_fit_workout(write_fit_workout(workout, created=NOW))
    assert [type(item) for item in again.items] == [type(item) for item in workout.items]
    for one, other in zip(flat(workout), flat(again), strict=True):
        assert one.intensity == other.intensity
        assert close(one, other, 0.0051)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
@settings(max_examples=15, deadline=None)
@given(workouts)
def test_fitparse_reads_the_same_steps(workout: Workout) -> None:
    import fitparse

    with fitparse.FitFile(io.BytesIO(write_fit_workout(workout, created=NOW)), check_crc=True) as fit:
        rows = [{f.name: f.value for f in m.fields} for m in fit.get_messages("workout_step")]
    plain = [row for row in rows if row["duration_type"] == "time"]
    ours = [step for item in workout.items for step in (item.steps if isinstance(item, Repeat) else (item,))]
    assert len(plain) == len(ours)
    for row, step in zip(plain, ours, strict=True):
        assert isinstance(step, Step)
        assert step.target is not None
        assert row["duration_time"] == step.seconds
        assert row["custom_target_power_low"] == pytest.approx(100 * step.target.begin, abs=0.51)
    counts = [row["repeat_steps"] for row in rows if row["duration_type"] == "repeat_until_steps_cmplt"]
    assert counts == [item.count for item in workout.items if isinstance(item, Repeat)]


@settings(max_examples=60, deadline=None)
@given(st.lists(timed, min_size=1, max_size=5), st.integers(1, 5), st.lists(timed, max_size=3))
def test_folding_changes_nothing_that_is_done(pattern: list[Step], count: int, rest: list[Step]) -> None:
    steps = [*rest, *pattern * count, *rest]
    assert list(written_out(folded(steps))) == steps


def test_nested_repeats_come_back_from_fit() -> None:
    inner = Repeat(3, (Step(Intensity.WORK, 40, None, Target(P, 300, 320)), Step(Intensity.REST, 20)))
    workout = Workout("n", "bike", (Step(Intensity.WARMUP, 60), Repeat(2, (inner, Step(Intensity.REST, 300))), Step()))
    assert read_fit_workout(write_fit_workout(workout, created=NOW)).items == workout.items


@pytest.mark.corpus
def test_workouts_of_other_programs_are_read(corpus_dir: Path) -> None:
    read = {}
    for path in sorted(corpus_dir.glob("fit/*orkout*.fit")):
        try:
            workout = read_fit_workout(path.read_bytes())
            read[path.name] = len(flat(workout))
        except FormatError as error:
            read[path.name] = str(error)
    assert [name for name, steps in read.items() if isinstance(steps, int) and steps > 0]


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
LONG = b"".join(b'<SteadyState Duration="%d" Power="0.%d"/>' % (60 + n % 7, 50 + n % 11) for n in range(10_000))
BAD: list[tuple[Callable[[bytes], Workout], bytes, type[FormatError]]] = [
    (read_workout, b"", FormatError),
    (read_workout, BOMB + ZWO[3:], HostileFileError),
    (read_workout, b"<workout_file><workout>" + LONG + b"</workout></workout_file>", HostileFileError),
    (read_workout, ZWO[:400], CorruptFileError),
    (read_workout, b"<workout_file/>", CorruptFileError),
    (read_workout, ZWO.replace(b'"600"', b'"NaN"'), CorruptFileError),
    (read_workout, ZWO.replace(b'"600"', b'"1e308"'), CorruptFileError),
    (read_workout, ZWO.replace(b'"600"', b'"-5"'), CorruptFileError),
    (read_workout, ZWO.replace(b'"5"', b'"100000"'), HostileFileError),
    (read_workout, ZWO.replace(b'OnPower="1.06"', b'OnPower="inf"'), CorruptFileError),
    (read_workout, ZWO.replace(b"600", b"9" * 100_000), CorruptFileError),
    (read_workout, ERG.replace(b"10.00", b"nan"), CorruptFileError),
    (read_workout, ERG.replace(b"30.00", b"2.00"), CorruptFileError),
    (read_workout, ERG.replace(b"MINUTES WATTS", b"MINUTES"), CorruptFileError),
    (read_workout, ERG.replace(b"\t90\n", b"\tninety\n"), CorruptFileError),
    (read_workout, b"[COURSE HEADER]\nMINUTES WATTS\n[END COURSE HEADER]", CorruptFileError),
    (read_workout, b"[COURSE HEADER]\nMINUTES WATTS\n[COURSE DATA]\n" + b"0 1\n" * 9999, HostileFileError),
    (read_workout, YAML.replace(b"repeat: 6", b"repeat: 1000000"), HostileFileError),
    (read_workout, YAML.replace(b"800 m", b"800 parsecs"), CorruptFileError),
    (read_workout, YAML.replace(b"3:45-3:50/km", b"0:00/km"), CorruptFileError),
    (read_workout, YAML.replace(b"70-75 %", b".nan"), CorruptFileError),
    (read_workout, b"steps: &a [*a]", FormatError),
    (read_workout, b"steps: 5", CorruptFileError),
]


@pytest.mark.parametrize(("read", "data", "kind"), BAD)
def test_what_is_no_workout_is_a_typed_error_that_holds_nothing_of_the_file(
    read: Callable[[bytes], Workout], data: bytes, kind: type[FormatError]
) -> None:
    with pytest.raises(kind) as caught:
        read(data)
    assert len(str(caught.value)) < 200


def test_a_fit_workout_of_ten_thousand_steps_is_refused() -> None:
    steps = [low_level.WorkoutStep("s", seconds=10, power_watts=(100, 200)) for _ in range(10_000)]
    with pytest.raises(HostileFileError, match="10000 steps"):
        read_fit_workout(low_level.write_fit_workout("x", "cycling", steps, created_ms=0))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([ZWO, ERG, YAML, write_fit_workout(read_zwo(ZWO), created=NOW)]), st.data())
def test_mutated_files_give_a_workout_or_a_typed_error(seed: bytes, data: st.DataObject) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        end = min(len(content), at + data.draw(st.integers(0, 12)))
        content[at:end] = data.draw(
            st.one_of(st.binary(max_size=12), st.sampled_from([b"nan", b"1e999", b"-", b"]]>"]))
        )
    try:
        workout = read_workout(bytes(content))
    except FormatError:
        return
    assert 0 < len(flat(workout)) <= 500


def test_exported_zwo_is_well_formed_for_another_parser() -> None:
    root = etree.fromstring(write_zwo(read_zwo(ZWO), 250.0))
    assert root.findtext("sportType") == "bike"
    assert [element.tag for element in root.find("workout")] == [
        "Warmup", "IntervalsT", "SteadyState", "FreeRide", "MaxEffort", "Cooldown",
    ]  # fmt: skip
    assert not re.search(rb"[0-9]e[-+]?[0-9]", write_zwo(read_zwo(ZWO), 250.0))
