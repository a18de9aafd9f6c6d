"""What an analyst does with the Parquet, with the tools analysts use; the examples of the documentation run here."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from perf_pipeline.pipeline.sql_models.project import models_folder
from perf_pipeline.storage.curves import CURVES_SCHEMA
from perf_pipeline.storage.signals import SIGNALS_SCHEMA
from perf_pipeline.storage.streams import STREAMS_SCHEMA
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

ROOT = models_folder().parent
README, PARQUET = ((ROOT / name).read_text() for name in ("README.md", "docs/parquet.md"))
SECONDS = {"2026-04": 600, "2026-05": 900}


@pytest.fixture
def storage(athlete: Athlete) -> Path:
    """Two months of rides at 200 W and a run, as the pipeline leaves them."""
    athlete.drop("april.fit", making.fit(making.ride("2026-04-10T08:00", minutes=10)))
    athlete.drop("may.fit", making.fit(making.ride("2026-05-10T08:00", minutes=10)))
    athlete.drop("late.fit", making.fit(making.run("2026-05-20T08:00", minutes=5)))
    athlete.take_in()
    athlete.months()
    return athlete.root


def test_duckdb_reads_partitions_and_leaves_out_those_that_are_not_asked_for(storage: Path) -> None:
    source = f"read_parquet('{storage}/streams/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        rows = connection.execute(f"select athlete, month, count(*) from {source} group by all order by all").fetchall()
        assert rows == [("ann", month, seconds) for month, seconds in SECONDS.items()]
        plan = connection.execute(f"explain select avg(power_watts) from {source} where month = '2026-04'").fetchall()[
            0
        ][1]
        assert re.search(r"Scanning Files:\s*1/2", plan)


def test_pandas_reads_the_folder_with_its_partitions_and_types(storage: Path) -> None:
    frame = pd.read_parquet(storage / "streams", filters=[("athlete", "==", "ann")])
    assert frame.groupby("month", observed=True).size().to_dict() == SECONDS
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    assert frame["power_watts"].dtype == np.float32
    assert frame["distance_meters"].dtype == np.float64
    assert frame.loc[frame["month"] == "2026-04", "power_watts"].mean() == pytest.approx(200)


def test_polars_reads_the_folder_lazily(storage: Path) -> None:
    streams = pl.scan_parquet(storage / "streams/**/*.parquet", hive_partitioning=True)
    found = streams.group_by("athlete", "month").agg(pl.len(), pl.col("power_watts").mean()).sort("month").collect()
    assert found["month"].to_list() == list(SECONDS)
    assert found["len"].to_list() == list(SECONDS.values())
    assert found["power_watts"].to_list() == pytest.approx([200, 200])


def test_all_three_find_the_same_power_curve(storage: Path) -> None:
    pattern = str(storage / "curves/**/*.parquet")
    with duckdb.connect() as connection:
        sql = f"""select duration_seconds, max(power_watts) from read_parquet('{pattern}', hive_partitioning = true)
                  where power_watts is not null group by 1"""
        by_duckdb = dict(connection.execute(sql).fetchall())
    frame = pd.read_parquet(storage / "curves").dropna(subset="power_watts")
    by_pandas = frame.groupby("duration_seconds")["power_watts"].max().to_dict()
    lazy = pl.scan_parquet(pattern, hive_partitioning=True).filter(pl.col("power_watts").is_not_null())
    by_polars = dict(lazy.group_by("duration_seconds").agg(pl.col("power_watts").max()).collect().iter_rows())
    assert by_duckdb == by_pandas == by_polars
    assert by_duckdb[300] == pytest.approx(200)


def test_a_handle_that_looks_like_a_number_stays_one_where_the_reader_is_told(athlete: Athlete) -> None:
    numbered = replace(athlete, handle="007")
    numbered.drop("may.fit", making.fit(making.ride("2026-05-10T08:00", minutes=1)))
    numbered.take_in()
    numbered.months()
    (types,) = re.findall(r"`(hive_types = .*?)`", PARQUET)
    with duckdb.connect() as connection:
        source = f"read_parquet('{athlete.root}/streams/**/*.parquet', hive_partitioning = true, {types})"
        assert connection.execute(f"select distinct athlete, month from {source}").fetchall() == [("007", "2026-05")]


def test_records_are_in_order_and_their_statistics_tell_of_it(storage: Path) -> None:
    for path in (storage / "streams").rglob("*.parquet"):
        file = pq.ParquetFile(path)
        time = file.read(["time"]).column("time").to_numpy()
        assert (np.diff(time) > np.timedelta64(0)).all()
        chunk = file.metadata.row_group(0).column(STREAMS_SCHEMA.names.index("time"))
        assert (chunk.statistics.min, chunk.statistics.max) == (
            pd.Timestamp(time[0], tz="UTC"), pd.Timestamp(time[-1], tz="UTC"),
        )  # fmt: skip
        assert chunk.compression == "ZSTD"


def test_every_field_tells_its_unit_and_meaning(storage: Path) -> None:
    for folder, schema in (("streams", STREAMS_SCHEMA), ("curves", CURVES_SCHEMA), ("signals", SIGNALS_SCHEMA)):
        (path, *_) = sorted((storage / folder).rglob("*.parquet"))
        stored = pq.read_schema(path)
        assert stored.names == schema.names
        for field in stored:
            assert field.metadata[b"description"], field.name
            for ending, unit in (("_watts", b"W"), ("_mps", b"m/s"), ("_bpm", b"bpm"), ("distance_meters", b"m")):
                if field.name.endswith(ending):
                    assert field.metadata[b"unit"] == unit, field.name


EXAMPLES = re.findall(r"^```python\n(.*?)^```", README + PARQUET, re.MULTILINE | re.DOTALL)


def test_the_readme_has_an_example_for_analysts() -> None:
    assert any("read_parquet" in example for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example {n}" for n in range(1, len(EXAMPLES) + 1)])
def test_the_examples_run(
    example: str, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "checkout" / ".perf"
    home.mkdir(parents=True)
    (home / "storage").symlink_to(storage)
    monkeypatch.chdir(home.parent)
    exec(compile(example, "example", "exec"), {})  # noqa: S102 - our own documentation
    assert "ann" in capsys.readouterr().out
