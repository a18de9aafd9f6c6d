"""What an operator does when something is lost or somebody wants to be forgotten, by the real command."""

from __future__ import annotations

from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage import embedded_postgres


def test_a_lost_database_is_rebuilt_verified_and_an_athlete_erased(fresh_terminal, rides, tmp_path, contents):
    folder = tmp_path / "given"
    folder.mkdir()
    for number in range(2):
        (folder / f"ride {number}.fit").write_bytes(rides[number])
    (folder / "note.txt").write_bytes(b"?")
    fresh_terminal.run("ingest", folder, "-a", "ann", "--json")
    before, objects = fresh_terminal.tables(), contents(fresh_terminal.storage / "streams")

    embedded_postgres.remove(fresh_terminal.home)  # tables and Dagster's records, all of it
    assert "nothing in the database of ann" in fresh_terminal.ok("status").out
    assert "ann: up to date" in fresh_terminal.ok("rebuild").out
    assert differences(before, fresh_terminal.tables()) == []
    assert contents(fresh_terminal.storage / "streams") == objects

    same = fresh_terminal.ok("verify", "--json").json["ann"]
    assert (same["differences"], same["objects"]) == ([], len(objects) + 3)  # streams; sessions, curves, signals
    assert same["rows"] >= sum(map(len, before.values())) > 100
    (path,) = (fresh_terminal.storage / "streams").rglob("*.parquet")
    path.write_bytes(path.read_bytes() + b"rot")
    assert "the bytes differ" in fresh_terminal.complaint("verify", "--athlete", "ann")

    kept = contents(fresh_terminal.storage)
    assert "nothing was erased" in fresh_terminal.complaint("erase", "--athlete", "ann")
    assert contents(fresh_terminal.storage) == kept
    proof = fresh_terminal.ok("erase", "--athlete", "ann", "--yes", "--json").json
    assert {proof["found"][what] > 0 for what in ("objects in archive/", "rows of arrivals", "Dagster partition")} == {
        True
    }
    assert not any(proof["left"].values())
    assert contents(fresh_terminal.storage) == {}
    assert fresh_terminal.ok("status", "--json").json["athletes"] == {}
