"""Every real file against a table of what it is: kind, sessions, records, partial or not, or why it is refused.

`expected/corpus.csv` has one line per file, named by the hash of its bytes. A change of the readers that changes a line
must change the table in the same commit, and say why. To write it anew: `python -m
perf_pipeline_tests.formats.test_whole_corpus`, with PERF_TEST_CORPUS set.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from perf_pipeline.formats import containers, reading
from perf_pipeline.formats.model import FormatError

TABLE = Path(__file__).parent / "expected" / "corpus.csv"
COLUMNS = ("sha256", "member", "format", "kind", "sessions", "records", "partial", "refused")

pytestmark = pytest.mark.corpus


def lines_of(path: Path) -> Iterator[tuple[str, ...]]:
    """One line per file, or per member of a container."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:16]
    for number, member in enumerate(containers.unpack(data, path.name)):
        try:
            if member.error is not None:
                raise member.error
            file = reading.read(member.data, fallback=False)
        except FormatError as error:
            yield (digest, str(number), "", "", "", "", "", type(error).__name__)
        else:
            records = sum(len(session.streams) for session in file.sessions)
            lost = "partial" if file.partial else ""
            yield (digest, str(number), file.format, file.kind, str(len(file.sessions)), str(records), lost, "")


def files_of(corpus: Path) -> list[Path]:
    return sorted(path for folder in ("fit", "gpx", "tcx") for path in (corpus / folder).iterdir())


def test_every_real_file_is_what_the_table_says(corpus_dir: Path) -> None:
    with TABLE.open(newline="") as table:
        rows = list(csv.reader(table))
    assert tuple(rows[0]) == COLUMNS
    expected: dict[str, list[tuple[str, ...]]] = {}
    for row in rows[1:]:
        expected.setdefault(row[0], []).append(tuple(row))
    different = []
    known = 0
    for path in files_of(corpus_dir):
        found = list(lines_of(path))
        if found[0][0] in expected:
            known += 1
            if found != expected[found[0][0]]:
                different.append((found, expected[found[0][0]]))
    assert different == []
    assert known > 0


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    with TABLE.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            sorted(line for path in files_of(Path(os.environ["PERF_TEST_CORPUS"])) for line in lines_of(path))
        )
