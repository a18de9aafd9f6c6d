"""What each command does, in the order in which a user meets them; one home for all of them."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from perf_pipeline.pipeline.demo_athlete import generate_simple
from perf_pipeline.pipeline.snapshots import differences

STATUSES = ("archived", "duplicate", "quarantined", "not_an_activity")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rides):
    """Six files: a ride, one named .txt, one packed in a subfolder, a second copy, an empty file, a list of places."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "ride one [1].fit").write_bytes(rides[0])
    (folder / "told-wrong.txt").write_bytes(rides[1])
    (folder / "ride.fit").mkdir()
    (folder / "ride.fit" / "packed.fit.gz").write_bytes(gzip.compress(rides[2]))
    (folder / "second copy.fit").write_bytes(rides[0])
    (folder / "empty.fit").write_bytes(b"")
    (folder / "places.gpx").write_text(
        '<?xml version="1.0"?><gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1">'
        '<wpt lat="1.5" lon="2.5"><name>hut</name></wpt></gpx>'
    )
    return folder


@pytest.fixture(scope="module")
def given(terminal, folder, contents):
    """The first ingest, and the folder as it was before."""
    before = contents(folder)
    return terminal.ok("ingest", folder, "--athlete", "ann", "--json"), before


def test_every_file_given_is_accounted_for(given):
    counts = given[0].json
    assert counts["given"] == 6
    assert {status: counts[status] for status in STATUSES} == {
        "archived": 3, "duplicate": 1, "quarantined": 1, "not_an_activity": 1,
    }  # fmt: skip
    assert counts["succeeded"] is True
    assert [row["name"] for row in counts["quarantine"]] == ["empty.fit"]


def test_nothing_but_the_answer_is_printed_where_nobody_watches(given):
    assert given[0].err == ""
    assert given[0].out.count("\n") == 1


def test_the_folder_given_is_left_as_it_is(given, folder, contents):
    assert contents(folder) == given[1]


def test_the_inbox_is_empty_afterwards(given, terminal, contents):
    assert contents(terminal.storage / "inbox") == {}


def test_the_files_lie_in_the_archive_byte_by_byte(given, terminal, rides, contents):
    archived = contents(terminal.storage / "archive")
    assert set(rides[:3]) <= set(archived.values())


def test_three_activities_came_of_it_and_can_be_read_as_parquet(given, terminal):
    assert len(terminal.tables()["activities"]) == 3
    streams = list((terminal.storage / "streams").rglob("*.parquet"))
    assert sum(pq.read_metadata(path).num_rows for path in streams) == 3 * 1200


def test_status_shows_what_is_in_and_why_something_is_in_quarantine(given, terminal):
    said = terminal.ok("status", COLUMNS="100")
    assert re.search(r"ann +│ +3 │ +1 │ +1 │ +1 │ +6 ", said.out)
    assert "empty.fit" in said.out
    assert "the file has no bytes" in said.out
    assert "In the inbox: 0" in said.out
    assert "Last run: success (athlete_job" in said.out
    assert said.err == ""


def test_status_tells_a_script_everything(given, terminal):
    report = terminal.ok("status", "--json").json
    assert {name: report[name] for name in (*STATUSES, "files", "inbox", "misplaced")} == {
        "archived": 3, "duplicate": 1, "quarantined": 1, "not_an_activity": 1, "files": 6, "inbox": 0, "misplaced": [],
    }  # fmt: skip
    assert report["athletes"] == {"ann": {"archived": 3, "duplicate": 1, "quarantined": 1, "not_an_activity": 1}}
    assert report["quarantine"][0]["reason"] == "the file has no bytes"
    assert (report["last_run"]["status"], report["last_run"]["reason"]) == ("success", None)


def test_the_same_ingest_again_changes_nothing(given, terminal, folder, contents):
    rows, objects = terminal.tables(), contents(terminal.storage)
    again = terminal.ok("ingest", folder, "--athlete", "ann", "--json").json
    assert {status: again[status] for status in STATUSES} == {status: given[0].json[status] for status in STATUSES}
    assert differences(rows, terminal.tables()) == []
    assert contents(terminal.storage) == objects


@pytest.fixture(scope="module")
def second_athlete(given, terminal, tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    for file in generate_simple(70, seconds=600):
        if int(file.name[5:11]) % 20 == 0:
            (folder / file.name).write_bytes(file.data)
    said = terminal.ok("ingest", folder, "-a", "ben.b-2_x", COLUMNS="80")
    return said, len(list(folder.iterdir()))


def test_ingest_prints_a_table_for_people(second_athlete):
    said, count = second_athlete
    assert said.out.startswith(f"{count} files given")
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.err == ""


def test_rebuild_finds_nothing_to_do_and_says_so_for_each_athlete(second_athlete, terminal):
    rows = terminal.tables()
    said = terminal.ok("rebuild")
    assert said.out == "ann: up to date\nben.b-2_x: up to date\n"
    assert differences(rows, terminal.tables()) == []


def test_a_full_refresh_gives_the_same_rows(second_athlete, terminal):
    rows = terminal.tables()
    terminal.ok("rebuild", "--full-refresh")
    assert differences(rows, terminal.tables()) == []


def test_rebuild_of_some_months_computes_only_these(second_athlete, terminal):
    def computed():
        return {
            (path.parts[-3], path.parts[-2]): path.stat().st_mtime_ns
            for path in (terminal.storage / "streams").rglob("*.parquet")
        }

    before, rows = computed(), terminal.tables()
    months = sorted(month for athlete, month in before if athlete == "athlete=ben.b-2_x")
    assert len(months) >= 2
    last = months[-1].removeprefix("month=")
    terminal.ok("rebuild", "--athlete", "ben.b-2_x", "--full-refresh", "--since", last, "--until", last)
    changed = {key for key, modified in computed().items() if before[key] != modified}
    assert changed == {("athlete=ben.b-2_x", months[-1])}
    assert differences(rows, terminal.tables()) == []


def test_bars_are_drawn_where_somebody_watches(given, terminal):
    """On a terminal, anything that takes over a second shows how far it is."""
    leader, follower = pty.openpty()
    environment = {**terminal.environment, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    program = subprocess.Popen(
        [str(terminal.program), "rebuild", "-a", "ann", "--full-refresh"], env=environment,
        stdin=follower, stdout=follower, stderr=follower, close_fds=True,
    )  # fmt: skip
    os.close(follower)
    seen = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(leader)
    assert program.wait(60) == 0
    shown = seen.decode()
    assert "Computing months" in shown
    assert "━" in shown
    assert "ann: up to date" in shown


def test_a_file_of_a_name_that_still_waits_in_the_inbox_does_not_replace_it(given, terminal, tmp_path, rides):
    waiting = terminal.storage / "inbox" / "cleo" / "ride.fit"
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(rides[5])
    (tmp_path / "ride.fit").write_bytes(rides[6])
    counts = terminal.ok("ingest", tmp_path / "ride.fit", "-a", "cleo", "--json").json
    assert (counts["given"], counts["archived"]) == (1, 1)
    assert terminal.ok("status", "--json").json["athletes"]["cleo"]["archived"] == 2


def test_a_folder_in_the_inbox_that_may_not_name_an_athlete_is_left_and_named(given, terminal, rides):
    misplaced = terminal.storage / "inbox" / "Not A Handle" / "ride.fit"
    misplaced.parent.mkdir(parents=True)
    misplaced.write_bytes(rides[4])
    try:
        said = terminal.ok("status")
        assert "left in place: inbox/Not A Handle may not name an athlete: use 1 to 63 of a-z" in said.err
        assert terminal.ok("status", "--json").json["misplaced"] == ["inbox/Not A Handle"]
        assert misplaced.read_bytes() == rides[4]
    finally:
        misplaced.unlink()
        misplaced.parent.rmdir()


def test_what_cannot_be_read_is_named_and_the_rest_goes_in(given, terminal, tmp_path, rides):
    (tmp_path / "good.fit").write_bytes(rides[7])
    (tmp_path / "gone.fit").symlink_to(tmp_path / "nowhere.fit")
    os.mkfifo(tmp_path / "pipe.fit")
    said = terminal.run("ingest", tmp_path, "-a", "dora", "--json")
    assert said.status == 1
    assert (said.json["given"], said.json["archived"]) == (3, 1)
    assert said.json["unreadable"] == {
        str(tmp_path / "gone.fit"): "a link to a file that is not there",
        str(tmp_path / "pipe.fit"): "a named pipe, not a file",
    }
    assert f"not read: {tmp_path / 'pipe.fit'}: a named pipe, not a file" in said.err


def test_doctor_finds_all_well_and_shows_no_password(given, terminal):
    said = terminal.ok("doctor")
    assert said.err == ""
    assert not re.search("^failed", said.out, re.MULTILINE)
    for thing in ("PERF_HOME", "PERF_SENSOR_INTERVAL_SECONDS", "storage", "database", "Dagster's database", "disk"):
        assert re.search(rf"^ok +{re.escape(thing)}: ", said.out, re.MULTILINE), thing
    password = (terminal.home / "postgres" / "password").read_text().strip()
    assert password not in said.out


def test_the_log_is_a_line_of_json_for_each_thing_that_happened(given, terminal, tmp_path, rides):
    (tmp_path / "secret-way-home.fit").write_bytes(rides[6])
    said = terminal.ok("ingest", tmp_path, "-a", "fay", "--json", PERF_LOG_FORMAT="json")
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {"stage ended", "run ended", "command ended"} == {line["event"] for line in lines}
    assert {line["athlete"] for line in lines if "stage" in line} == {"fay"}
    assert (lines[-1]["command"], lines[-1]["exit_code"]) == ("ingest", 0)
    assert "secret" not in said.err
    wrong = terminal.run("explain", "effort", "nonsense", PERF_LOG_FORMAT="json")
    complaint, end = (json.loads(line) for line in wrong.err.splitlines())
    assert complaint["level"] == "error"
    assert "nonsense" in complaint["message"]
    assert end["exit_code"] == wrong.status == 1


def test_counters_are_those_of_status(given, terminal):
    told = terminal.ok("metrics").out
    files = json.loads(terminal.ok("status", "--json").out)
    assert f'perf_pipeline_files{{status="archived"}} {files["archived"]}\n' in told
    assert re.search(r"(?m)^perf_pipeline_runs_failed_last_day \d+$", told)


def test_stop_ends_the_server_and_the_next_command_starts_it_again(given, terminal):
    assert terminal.ok("stop").out == "stopped\n"
    assert terminal.ok("stop").out == "it was not running\n"
    assert json.loads(terminal.ok("status", "--json").out)["athletes"]["ann"]["archived"] == 3


def test_the_program_explains_itself(terminal):
    said = terminal.ok("--help")
    for command in ("ingest", "status", "rebuild", "workouts", "demo", "serve", "stop", "doctor"):
        assert re.search(rf"(?m)^  {command} +[A-Z]", said.out), command


def test_a_dagster_yaml_of_the_users_own_is_kept(given, terminal):
    path = Path(terminal.home / "dagster" / "dagster.yaml")
    ours = path.read_text()
    try:
        path.write_text("# my own\n" + ours.split("\n", 1)[1])
        terminal.ok("status", "--json")
        assert path.read_text().startswith("# my own\n")
        path.write_text(ours.split("\n", 1)[0] + "\n# an older version\n")
        terminal.ok("status", "--json")
        assert path.read_text() == ours
    finally:
        path.write_text(ours)
