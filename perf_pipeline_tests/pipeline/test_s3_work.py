"""A file's way through an S3 bucket: how many requests it costs, and what happens when the server falters."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from perf_pipeline.settings import Settings
from perf_pipeline.storage.errors import StorageUnavailableError
from perf_pipeline.storage.objects_s3 import S3ObjectStore
from perf_pipeline.terminal.doctor import examine
from perf_pipeline_tests import making
from perf_pipeline_tests.conftest import S3Server
from perf_pipeline_tests.pipeline.conftest import Athlete, shared_warehouse

__all__ = ["shared_warehouse"]


class Proxy:
    """Stands before the S3 server: counts what passes, and answers in its stead while `faults` are left."""

    def __init__(self, upstream: str) -> None:
        self.requests: Counter[str] = Counter()
        self.faults: list[int] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                name = "LIST" if self.command == "GET" and "list-type" in urlsplit(self.path).query else self.command
                proxy.requests[name] += 1
                if proxy.faults:
                    self.answer(
                        proxy.faults.pop(0),
                        {"Content-Type": "application/xml"},
                        b"<Error><Code>SlowDown</Code></Error>",
                    )
                    return
                headers = dict(self.headers)
                try:
                    request = Request(upstream + self.path, body or None, headers, method=self.command)  # noqa: S310
                    with urlopen(request, timeout=60) as told:  # noqa: S310
                        self.answer(told.status, dict(told.headers), told.read())
                except HTTPError as error:
                    self.answer(error.code, dict(error.headers), error.read())

            def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
                for name, value in headers.items():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = pass_on  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join(30)


@pytest.fixture
def proxy(s3_environment: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with Proxy(s3_environment.endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture
def remote(proxy: Proxy, tmp_path, shared_warehouse) -> Athlete:
    """An athlete whose storage is a bucket behind the proxy."""
    store = S3ObjectStore(f"test-{uuid.uuid4().hex}", "some/prefix")
    store._call("create_bucket")
    athlete = Athlete(S3ObjectStore(store.bucket, "some/prefix"), tmp_path, shared_warehouse)
    athlete.forget()
    return athlete


def put(athlete: Athlete, name: str, data: bytes) -> None:
    athlete.store.put(f"inbox/{athlete.handle}/{name}", data)


def taken_in(athlete: Athlete) -> None:
    athlete.take_in(settle_seconds=0)
    athlete.months()


def test_the_requests_of_a_new_file_are_counted_and_bounded(remote: Athlete, proxy: Proxy):
    put(remote, "a.fit", making.fit(making.ride("2026-05-04", 3)))
    proxy.requests.clear()
    taken_in(remote)
    first = Counter(proxy.requests)
    # Of them 6 are the file's way from inbox to archive: get, look, put, get again, look, delete.
    assert sum(first.values()) <= 40, first
    for number in range(5, 15):
        put(remote, f"{number}.fit", making.fit(making.ride(f"2026-05-{number:02d}", 3)))
    proxy.requests.clear()
    taken_in(remote)
    more = Counter(proxy.requests)
    # Ten files of one month: each has its own way, the month's objects are written once.
    assert (sum(more.values()) - sum(first.values())) / 9 <= 9, more
    proxy.requests.clear()
    taken_in(remote)
    assert sum(proxy.requests.values()) <= 6, proxy.requests  # nothing new: a few listings


def test_a_server_that_falters_is_asked_again(remote: Athlete, proxy: Proxy):
    put(remote, "a.fit", making.fit(making.ride("2026-05-04", 3)))
    proxy.faults = [500, 503, 503]
    taken_in(remote)
    assert proxy.faults == []
    assert len(remote.rows("activities")) == 1


def test_a_server_that_goes_on_faltering_fails_the_run_and_loses_nothing(remote: Athlete, proxy: Proxy, monkeypatch):
    monkeypatch.setattr(
        "perf_pipeline.storage.objects_s3._CLIENT_SETTINGS", {"retries": {"mode": "standard", "max_attempts": 1}}
    )
    store = S3ObjectStore(remote.store.bucket, "some/prefix")
    put(remote, "a.fit", making.fit(making.ride("2026-05-04", 3)))
    proxy.faults = [503] * 50
    with pytest.raises(StorageUnavailableError, match="cannot use s3://"):
        remote.take_in(settle_seconds=0, store=store)
    proxy.faults = []
    taken_in(remote)
    assert len(remote.rows("activities")) == 1


def test_an_object_that_goes_up_in_parts_comes_back_whole(s3_store: S3ObjectStore):
    data = bytes(range(256)) * (104 * 2**20 // 256)  # the client cuts what is larger than 100 MB
    s3_store.put("archive/large.fit", data)
    assert s3_store.info("archive/large.fit").size == len(data)
    assert s3_store.get("archive/large.fit") == data


def test_doctor_tells_what_to_do_about_credentials_that_are_refused(s3_environment: S3Server, tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, storage_url="s3://bucket/prefix", database_url="postgresql://u@127.0.0.1:9/d")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    said = {finding.what: finding for finding in examine(settings)}["storage"]
    assert not said.ok
    assert "Correct AWS_SECRET_ACCESS_KEY" in said.detail or "Correct the AWS credentials" in said.detail
    assert "wrong" not in said.detail
