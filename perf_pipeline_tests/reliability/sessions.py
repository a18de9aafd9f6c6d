"""What a series of trials needs, opened and closed: worlds with their proxies."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from perf_pipeline_tests.reliability.proxies import postgres_proxy, s3_proxy
from perf_pipeline_tests.reliability.trials import S3_FAULTS, Breaker, Tally
from perf_pipeline_tests.reliability.world import local_world, s3_world
from perf_pipeline_tests.s3_serving import rclone_program, s3_serving


@contextmanager
def breaking(
    home: Path, folder: Path, dice: random.Random, *, with_bucket: bool = True
) -> Iterator[tuple[Breaker, Breaker | None, Tally]]:
    """A world in a directory, one in a bucket (None without rclone), both ready to be broken, and an empty tally.

    A kill is no power cut: nothing is synced to the disk here, which makes a trial several times cheaper.
    """
    folder.mkdir(parents=True)
    synced, os.fsync = os.fsync, lambda descriptor: None
    try:
        with ExitStack() as stack:
            local = stack.enter_context(local_breaker(home, folder / "local", dice))
            bucket = None
            if with_bucket and rclone_program():
                bucket = stack.enter_context(bucket_breaker(home, folder, dice))
            yield local, bucket, Tally()
    finally:
        os.fsync = synced


@contextmanager
def local_breaker(home: Path, folder: Path, dice: random.Random) -> Iterator[Breaker]:
    with local_world(home, folder) as world, postgres_proxy(world.database_url) as (url, switch):
        breaker = Breaker(world, url, switch, dice)
        breaker.prepare()
        yield breaker


@contextmanager
def bucket_breaker(home: Path, folder: Path, dice: random.Random) -> Iterator[Breaker]:
    import s3fs  # noqa: F401 - so that no fork has to

    (folder / "s3").mkdir()
    with (
        s3_serving(folder / "s3", folder / "rclone.log") as server,
        s3_proxy(server.endpoint) as (endpoint, requests),
        s3_world(home, server, endpoint) as world,
        postgres_proxy(world.database_url) as (url, switch),
    ):
        breaker = Breaker(world, url, switch, dice, S3_FAULTS, requests)
        breaker.prepare()
        yield breaker
