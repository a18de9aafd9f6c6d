"""Notifications out of the door, through the real package to a real HTTP server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from perf_pipeline.pipeline.delivery import MOST_PER_RUN, deliver, not_understood, send_to_all, services_of
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests.beside import beside
from perf_pipeline_tests.pipeline.conftest import Athlete

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass
class Outlet:
    """A service that takes JSON, and remembers it; `status` is what it answers."""

    port: int = 0
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://user:secret@127.0.0.1:{self.port}/hook"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.taken]


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    made = Outlet()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if made.status == 200:
                made.taken.append(body)
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    with beside(partial(server.serve_forever, poll_interval=0.01)):
        yield made
        server.shutdown()
    server.server_close()


def note(athlete: Athlete, hours: float, title: str = "") -> None:
    title = title or f"after {hours:g} h"
    values = {
        "id": content_id("test", title), "profile_id": athlete.profile_id, "type": "milestone", "title": title,
        "message": "what happened", "occurred_at": NOON + timedelta(hours=hours),
    }  # fmt: skip
    with athlete.warehouse.begin() as connection:
        connection.execute(METADATA.tables["notifications"].insert().values(**values))


def run(athlete: Athlete, urls: str, hours: float = 0.0) -> dict[str, int]:
    with athlete.lease() as lease:
        return deliver(athlete.warehouse, lease, urls, NOON + timedelta(hours=hours))


def test_nothing_is_sent_where_no_service_is_named(athlete: Athlete) -> None:
    note(athlete, 1)
    assert run(athlete, "") == {"delivered": 0, "services_failed": 0}
    assert athlete.rows("delivery_services") == athlete.rows("deliveries") == []


def test_what_happened_before_it_was_switched_on_is_never_sent(athlete: Athlete, outlet: Outlet) -> None:
    for day in range(30):
        note(athlete, -24 * day - 1)
    assert run(athlete, outlet.url)["delivered"] == 0
    note(athlete, 1)
    note(athlete, -3000, "found later, of long ago")
    assert run(athlete, outlet.url, 2) == {"delivered": 1, "services_failed": 0}
    assert outlet.titles == ["after 1 h"]
    assert outlet.taken[0]["message"] == "what happened"


def test_each_is_sent_once_also_when_it_is_withdrawn_and_comes_back(athlete: Athlete, outlet: Outlet) -> None:
    run(athlete, outlet.url)
    note(athlete, 1)
    run(athlete, outlet.url, 2)
    with athlete.warehouse.begin() as connection:
        connection.execute(METADATA.tables["notifications"].delete())
    note(athlete, 1)
    assert run(athlete, outlet.url, 3)["delivered"] == 0
    assert len(outlet.taken) == 1


def test_a_service_that_fails_is_tried_again_and_the_others_are_not_told_twice(
    athlete: Athlete, outlet: Outlet
) -> None:
    broken = f"json://127.0.0.1:{outlet.port}/broken"
    dead = "json://127.0.0.1:9/nobody"
    run(athlete, f"{outlet.url} {dead}")
    note(athlete, 1)
    note(athlete, 2)
    assert run(athlete, f"{outlet.url} {dead}", 3) == {"delivered": 2, "services_failed": 1}
    assert run(athlete, f"{outlet.url} {dead}", 4) == {"delivered": 0, "services_failed": 1}
    assert len(outlet.taken) == 2
    outlet.status = 500
    run(athlete, broken, 5)
    note(athlete, 6)
    assert run(athlete, broken, 7) == {"delivered": 0, "services_failed": 1}
    outlet.status = 200
    assert run(athlete, broken, 8) == {"delivered": 1, "services_failed": 0}
    assert outlet.titles == ["after 1 h", "after 2 h", "after 6 h"]


def test_where_the_database_is_lost_a_service_hears_what_it_had_not_taken_and_nothing_again(
    athlete: Athlete, outlet: Outlet
) -> None:
    run(athlete, outlet.url)
    note(athlete, 1)
    run(athlete, outlet.url, 2)
    note(athlete, 3)
    outlet.status = 500
    assert run(athlete, outlet.url, 4) == {"delivered": 0, "services_failed": 1}
    since = athlete.rows("delivery_services")
    with athlete.warehouse.begin() as connection:
        connection.execute(METADATA.tables["profiles"].delete())
    with athlete.lease():
        pass
    for hours in (-1, 1, 3):  # derived again
        note(athlete, hours)
    outlet.status = 200
    assert run(athlete, outlet.url, 5) == {"delivered": 1, "services_failed": 0}
    assert outlet.titles == ["after 1 h", "after 3 h"]
    assert athlete.rows("delivery_services") == since


def test_a_service_taken_out_and_put_back_begins_anew(athlete: Athlete, outlet: Outlet) -> None:
    run(athlete, outlet.url)
    run(athlete, "", 1)
    note(athlete, 2)
    assert run(athlete, outlet.url, 3)["delivered"] == 0
    note(athlete, 4)
    assert run(athlete, outlet.url, 5)["delivered"] == 1


def test_a_flood_is_spread_over_runs(athlete: Athlete, outlet: Outlet) -> None:
    run(athlete, outlet.url)
    for minute in range(MOST_PER_RUN + 5):
        note(athlete, 1 + minute / 60, f"number {minute:02d}")
    assert run(athlete, outlet.url, 2)["delivered"] == MOST_PER_RUN
    assert run(athlete, outlet.url, 3)["delivered"] == 5
    assert outlet.titles == sorted(outlet.titles)


def test_no_secret_is_stored_or_logged(athlete: Athlete, outlet: Outlet, caplog: pytest.LogCaptureFixture) -> None:
    outlet.status = 500
    with caplog.at_level(logging.DEBUG):
        run(athlete, outlet.url)
        note(athlete, 1)
        run(athlete, outlet.url, 2)
    stored = str([athlete.rows("delivery_services"), athlete.rows("deliveries")])
    assert "secret" not in caplog.text + stored
    assert len(athlete.rows("delivery_services")) == 1


def test_a_url_that_nothing_understands_is_named_by_its_number() -> None:
    urls = "json://localhost  nonsense://x  json://other"
    assert not_understood(urls) == [2]
    assert [service.kind for service in services_of(urls)] == ["json", "nonsense", "json"]


def test_an_alert_goes_to_every_service_and_those_that_do_not_take_it_are_named_by_their_kind(outlet: Outlet) -> None:
    urls = f"json://127.0.0.1:9/nobody {outlet.url} nonsense://x"
    assert send_to_all(urls, "athlete_job failed", "run 1") == ["json", "nonsense"]
    assert outlet.titles == ["athlete_job failed"]
    assert send_to_all("", "x", "y") == []
