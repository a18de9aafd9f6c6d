"""What S3 itself promises, on a server that keeps to it to the letter; and servers that answer half, or from afar."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perf_pipeline.storage.errors import StorageUnavailableError
from perf_pipeline.storage.objects_s3 import S3ObjectStore

MIB = 2**20


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def strict(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3ObjectStore:
    """A store in a bucket of its own, below a prefix."""
    point_at(endpoint, monkeypatch)
    store = S3ObjectStore(f"test-{uuid.uuid4().hex}", "some/prefix")
    store._call("create_bucket")
    return store


def point_at(endpoint: str, monkeypatch: pytest.MonkeyPatch, region: str = "us-east-1") -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def test_a_large_object_goes_up_in_parts_and_a_small_one_in_one(strict: S3ObjectStore) -> None:
    large = bytes(range(256)) * (104 * MIB // 256)
    strict.put("archive/large.fit", large)
    strict.put("archive/small.fit", large[:MIB])
    # S3 marks what came in parts with their number.
    parts = {info.key: re.search(r"-(\d+)$", info.etag or "") for info in strict.list("archive")}
    assert parts["archive/small.fit"] is None
    assert parts["archive/large.fit"] is not None
    assert int(parts["archive/large.fit"][1]) >= 2
    assert strict.get("archive/large.fit") == large
    assert strict._call("list_multipart_uploads").get("Uploads", []) == []


def test_an_upload_of_parts_that_fails_leaves_the_old_object(
    strict: S3ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict.put("archive/a.fit", b"old")
    files = strict._fs()
    call = files._call_s3

    async def failing(method: str, *arguments: object, **named: object) -> object:
        if method == "upload_part" and named.get("PartNumber") == 2:
            raise OSError("connection lost")
        return await call(method, *arguments, **named)

    monkeypatch.setattr(files, "_call_s3", failing)
    with pytest.raises(StorageUnavailableError, match="cannot use s3://"):
        strict.put("archive/a.fit", bytes(104 * MIB))
    assert strict.get("archive/a.fit") == b"old"


def test_of_two_who_look_at_once_one_takes_the_free_key(strict: S3ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3ObjectStore, "exists", lambda *_: False)  # both looked before either wrote
    assert [strict.put_if_absent("archive/a.fit", data) for data in (b"first", b"second")] == [True, False]
    assert strict.get("archive/a.fit") == b"first"


def test_a_listing_that_stops_half_way_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    page = b"""<ListBucketResult><IsTruncated>true</IsTruncated><KeyCount>1</KeyCount><Contents><Key>inbox/a.fit</Key>
        <Size>1</Size><LastModified>2026-05-04T08:00:00.000Z</LastModified></Contents></ListBucketResult>"""
    with answering(lambda _: (200, page)) as endpoint:
        point_at(endpoint, monkeypatch)
        store = S3ObjectStore("bucket", "")
        for look in (lambda: list(store.list("inbox")), lambda: store.list_folders("inbox")):
            with pytest.raises(StorageUnavailableError, match="half a listing of 'inbox'"):
                look()


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_the_wrong_region_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> None:
    """Servers that say no more than that it is the wrong one; Amazon's tells the right one, which the client takes."""

    def judge(authorization: str) -> tuple[int, bytes]:
        if "/eu-central-1/s3/" in authorization:
            return 200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        return status, f"<Error><Code>{code}</Code><Message>elsewhere</Message></Error>".encode()

    with answering(judge) as endpoint:
        point_at(endpoint, monkeypatch)
        store = S3ObjectStore("bucket", "")
        for act in (lambda: list(store.list("inbox")), lambda: store.put("a", b"x")):
            with pytest.raises(StorageUnavailableError, match="Set AWS_REGION to the bucket's region"):
                act()
        point_at(endpoint, monkeypatch, "eu-central-1")
        assert list(S3ObjectStore("bucket", "").list("inbox")) == []


@contextmanager
def answering(judge: Callable[[str], tuple[int, bytes]]) -> Iterator[str]:
    """A server whose answer depends on the request's Authorization header; its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = judge(self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = answer  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
