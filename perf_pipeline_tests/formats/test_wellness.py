"""Wellness tables, as people and exports write them."""

from __future__ import annotations

import pytest

from perf_pipeline.formats import wellness
from perf_pipeline.formats.model import FileKind, HostileFileError, UnknownFormatError, WellnessSample
from perf_pipeline.formats.wellness import identify_csv, read_wellness

DAY_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z


def sample(row: str, header: str = "date,metric,value,unit,source") -> WellnessSample:
    (found,) = read_wellness(f"{header}\n{row}\n".encode()).wellness
    return found


def test_a_row_is_a_sample() -> None:
    assert sample("2020-01-01,weight_kg,70.5") == WellnessSample("weight_kg", 70.5, DAY_MS)
    assert sample("2020-01-01,hrv_ms,62,ms,watch") == WellnessSample("hrv_ms", 62, DAY_MS, "watch")


@pytest.mark.parametrize(
    ("date", "expected"),
    [("2020-01-01T07:30:00Z", DAY_MS + 27_000_000), ("2020-01-01T07:30:00+01:00", DAY_MS + 23_400_000)],
)
def test_a_date_may_be_a_time(date: str, expected: int) -> None:
    assert sample(f"{date},sleep_hours,8").time_ms == expected


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("weight_kg,154,lb", 69.85322498),  # 154 * 0.45359237
        ("sleep_hours,450,min", 7.5),
        ("resting_hr_bpm,48,bpm", 48),
        ("hrv_ms,0.062,s", 62),
    ],
)
def test_units_become_the_metrics_own(row: str, value: float) -> None:
    assert sample("2020-01-01," + row).value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("header", ["metric;value;date", " Date ; METRIC; Value", '"date";"metric";"value"'])
def test_columns_go_by_their_names_in_any_order_case_and_delimiter(header: str) -> None:
    order = [cell.strip().strip('"').lower() for cell in header.split(";")]
    cells = {"date": "2020-01-01", "metric": "weight_kg", "value": "70"}
    assert sample(";".join(cells[name] for name in order), header).value == 70


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_of_spreadsheets_does_not_matter(encoding: str) -> None:
    data = "date,metric,value,unit,source\r\n2020-01-01,weight_kg,70,kg,Wägung\r\n".encode(encoding)
    assert [s.source for s in read_wellness(data).wellness] == ["Wägung"]


def test_bad_rows_are_told_by_line_and_the_others_kept() -> None:
    rows = (
        "2020-01-01,weight_kg,70",
        "2020-01-32,weight_kg,70",
        "2020-01-02,mood,5",
        "",
        "2020-01-03,weight_kg,heavy",
        "2020-01-03,weight_kg,-1",
        "2020-01-03,weight_kg,nan",
        "2020-01-03,weight_kg,70,stone",
        "2020-01-03",
        "2020-01-04,weight_kg,71",
    )
    file = read_wellness(("date,metric,value,unit\n" + "\n".join(rows)).encode())
    assert [s.value for s in file.wellness] == [70, 71]
    assert file.warnings == (
        "line 3: the date is neither a day nor a time",
        "line 4: unknown metric",
        "line 6: the value is not a number",
        "line 7: the value is not a positive number",
        "line 8: the value is not a positive number",
        "line 9: unknown unit",
        "line 10: unknown metric",
    )


def test_a_table_of_nothing_but_bad_rows_does_not_fill_the_log() -> None:
    file = read_wellness(b"date,metric,value\n" + b"x,y,z\n" * 5000)
    assert (len(file.warnings), file.warnings[-1]) == (21, "4980 more rows could not be read")


def test_another_table_is_not_wellness() -> None:
    with pytest.raises(UnknownFormatError):
        read_wellness(b"name,age\nx,1\n")
    assert identify_csv(b"name,age\nx,1\n").kind is FileKind.OTHER


def test_identity_gives_the_first_time() -> None:
    identity = identify_csv(b"date,metric,value\n2020-01-01,weight_kg,70\n")
    assert (identity.kind, identity.start_ms) == (FileKind.WELLNESS, DAY_MS)


def test_a_table_past_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wellness, "MAX_BYTES", 10)
    with pytest.raises(HostileFileError):
        read_wellness(b"date,metric,value\n")


def test_a_cell_past_pythons_bound_is_a_bad_row() -> None:
    data = b'date,metric,value\n"' + b"x" * 200_000 + b'",weight_kg,1\n2020-01-01,weight_kg,70\n'
    file = read_wellness(data)
    assert [s.value for s in file.wellness] == [70]
    assert len(file.warnings) == 1


def test_a_source_is_what_can_be_stored() -> None:
    assert sample("2020-01-01,weight_kg,70,kg,sca\x00le").source == "sca le"
    assert sample("2020-01-01,weight_kg,70,kg," + "x" * 5000).source == "x" * 100


def test_an_offset_that_no_clock_has_makes_no_time() -> None:
    file = read_wellness(b"date,metric,value\n2020-01-01T00:00:00+99:99,weight_kg,70\n")
    assert (file.wellness, file.warnings) == ((), ("line 2: the date is neither a day nor a time",))
