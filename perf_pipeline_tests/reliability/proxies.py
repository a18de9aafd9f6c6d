"""Proxies in front of PostgreSQL and of an S3 server, each a process of its own, that fail on demand."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_FORK = multiprocessing.get_context("fork")
CUT, SWALLOW, STALL = 1, 2, 3
"""Drop the connection; drop it after the server got what the client sent (it may have committed); hang, then drop."""
STALL_SECONDS = 0.3
SLOW_DOWN, BROKEN, TRUNCATE, HANG_UP, DENIED = 1, 2, 3, 4, 5
ERRORS = {SLOW_DOWN: (503, "SlowDown"), BROKEN: (500, "InternalError"), DENIED: (403, "AccessDenied")}


@dataclass
class Switch:
    """What a proxy is to do: nothing (`kind` 0), or the fault `kind` once `at` bytes or requests have passed."""

    kind: Any
    at: Any
    seen: Any
    struck: Any

    @staticmethod
    def off() -> Switch:
        return Switch(*(_FORK.Value("q", 0) for _ in range(4)))

    def set(self, kind: int, at: int) -> None:
        self.kind.value, self.at.value, self.seen.value, self.struck.value = kind, at, 0, 0

    def clear(self) -> int:
        """Switches the fault off; whether it has struck."""
        self.kind.value = 0
        return int(self.struck.value)

    def passed(self, amount: int) -> int:
        """Counts; the fault that is due now, once."""
        with self.seen.get_lock():
            self.seen.value += amount
            if self.kind.value and not self.struck.value and self.seen.value >= self.at.value:
                self.struck.value = 1
                return int(self.kind.value)
        return 0


@contextmanager
def in_process(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Runs the server in a process of its own, on a free port of this machine; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with suppress(BaseException):
                serve(listener)
            os._exit(0)
        try:
            yield listener.getsockname()[1]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextmanager
def postgres_proxy(url: str) -> Iterator[tuple[str, Switch]]:
    """The URL of a proxy before the server of `url`, and its switch (`at` counts bytes that clients sent)."""
    parts = urlsplit(url)
    switch = Switch.off()
    target = (parts.hostname or "127.0.0.1", parts.port or 5432)
    with in_process(lambda listener: _relay(listener, target, switch)) as port:
        yield url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}"), switch


def _relay(listener: socket.socket, target: tuple[str, int], switch: Switch) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_pump, args=(client, target, switch), daemon=True).start()


def _pump(client: socket.socket, target: tuple[str, int], switch: Switch) -> None:
    with suppress(OSError), client, socket.create_connection(target) as server, selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, server)
        ready.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                fault = switch.passed(len(data)) if key.fileobj is client else 0
                if fault == STALL:
                    threading.Event().wait(STALL_SECONDS)
                if fault == SWALLOW:
                    server.sendall(data)
                    threading.Event().wait(0.02)  # the server has done it, and nobody hears of it
                if fault:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                key.data.sendall(data)


@contextmanager
def s3_proxy(endpoint: str) -> Iterator[tuple[str, Switch]]:
    """The endpoint of a proxy before an S3 server, and its switch (`at` counts requests)."""
    switch = Switch.off()
    target = urlsplit(endpoint).netloc

    def serve(listener: socket.socket) -> None:
        server = Quiet(("127.0.0.1", 0), _handler(target, switch), bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        server.serve_forever()

    with in_process(serve) as port:
        yield f"http://127.0.0.1:{port}", switch


class Quiet(ThreadingHTTPServer):
    """A client that was killed hangs up on us: that is the trial, and no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(target: str, switch: Switch) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = switch.passed(1)
            if fault == HANG_UP:
                self.close_connection = True
                return
            if fault in {SLOW_DOWN, BROKEN, DENIED}:
                status, code = ERRORS[fault]
                told = f"<Error><Code>{code}</Code></Error>".encode()
                self._answer(status, told, {"Content-Type": "application/xml"})
                return
            upstream = http.client.HTTPConnection(target, timeout=30)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in {"transfer-encoding", "connection"}}
            if self.command == "HEAD":
                data, length = b"", headers.get("Content-Length", "0")
            else:
                length = str(len(data))
            headers["Content-Length"] = length
            if fault == TRUNCATE:
                data, self.close_connection = data[: len(data) // 2], True
            self._answer(answer.status, data, headers)
            upstream.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay  # noqa: N815 - the names that http.server asks for

        def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: keys name athletes."""

    return Handler
