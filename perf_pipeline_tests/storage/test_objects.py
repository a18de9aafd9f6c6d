"""Both stores keep the same promises; each test of them runs on a directory and on a real S3 server."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perf_pipeline.storage.errors import (
    InvalidKeyError,
    ObjectMissingError,
    StorageFullError,
    StorageUnavailableError,
    WrongUrlError,
)
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline_tests.beside import at_once, beside


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "s3":
        found: ObjectStore = request.getfixturevalue("s3_store")
        return found
    return ObjectStore.from_url(str(tmp_path))


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_what_was_put_is_what_is_got(store: ObjectStore) -> None:
    store.put("archive/athlete=ann/month=2026-05/a.fit", b"\x00\xffbytes")
    assert store.get("archive/athlete=ann/month=2026-05/a.fit") == b"\x00\xffbytes"
    store.put("archive/athlete=ann/month=2026-05/a.fit", b"")
    assert store.get("archive/athlete=ann/month=2026-05/a.fit") == b""


def test_a_listing_is_recursive_sorted_and_of_whole_folder_names(store: ObjectStore) -> None:
    for key in ("inbox/ann/z.fit", "inbox/ann/deep/er/a.fit", "inbox/ann.fit", "inbox/anna/b.fit", "other/c"):
        store.put(key, key.encode())
    assert keys(store, "inbox/ann") == ["inbox/ann/deep/er/a.fit", "inbox/ann/z.fit"]
    assert keys(store, "inbox/ann/") == keys(store, "inbox/ann")
    assert keys(store) == sorted(
        ["inbox/ann/z.fit", "inbox/ann/deep/er/a.fit", "inbox/ann.fit", "inbox/anna/b.fit", "other/c"]
    )
    assert store.list_folders("inbox") == ["ann", "anna"]
    assert store.list_folders() == ["inbox", "other"]


def test_a_listing_tells_size_time_and_a_mark_of_the_contents(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    store.put("a/b", b"12345")
    (listed,) = store.list("a")
    assert listed.size == 5
    assert before <= listed.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert store.info("a/b").etag == listed.etag
    store.put("a/b", b"54321")
    assert store.info("a/b").etag != listed.etag


def test_an_absent_folder_is_an_empty_listing(store: ObjectStore) -> None:
    assert keys(store, "nothing/here") == []
    assert store.list_folders("nothing/here") == []


def test_an_absent_object_is_an_error_of_its_own(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissingError, match="no/such"):
        store.get("no/such")
    with pytest.raises(ObjectMissingError):
        store.info("no/such")
    with pytest.raises(ObjectMissingError):
        store.move("no/such", "to/there")
    assert store.find("no/such") is None
    assert not store.exists("no/such")
    store.delete("no/such")
    store.delete_many(["no/such", "nor/this"])


def test_a_free_key_is_taken_once(store: ObjectStore) -> None:
    assert store.put_if_absent("a/lock", b"first")
    assert not store.put_if_absent("a/lock", b"second")
    assert store.get("a/lock") == b"first"


def test_a_move_replaces_the_target_and_takes_the_source_away(store: ObjectStore) -> None:
    store.put("staging/x", b"new")
    store.put("streams/x", b"old")
    store.move("staging/x", "streams/x")
    assert store.get("streams/x") == b"new"
    assert keys(store) == ["streams/x"]


def test_more_keys_than_one_page_are_all_listed_and_all_deleted(s3_store: ObjectStore, s3_environment: Any) -> None:
    from perf_pipeline.storage.objects_s3 import S3ObjectStore

    assert isinstance(s3_store, S3ObjectStore)
    root = s3_environment.folder / s3_store.bucket / "some/prefix/many"
    root.mkdir(parents=True)
    names = [f"{number:05d}" for number in range(1_234)]
    for name in names:
        (root / name).write_bytes(b"x")
    assert keys(s3_store, "many") == [f"many/{name}" for name in names]
    s3_store.delete_many(f"many/{name}" for name in names)
    assert keys(s3_store, "many") == []


def test_the_check_leaves_nothing_behind(store: ObjectStore) -> None:
    assert store.check() > 0
    assert keys(store) == []


def test_a_store_crosses_to_a_worker(store: ObjectStore) -> None:
    store.put("a", b"1")
    copied = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own
    assert copied.get("a") == b"1"


def test_a_store_is_shared_by_threads(store: ObjectStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                store.put(f"t/{number}/{turn}", bytes([number, turn]))
                assert store.get(f"t/{number}/{turn}") == bytes([number, turn])
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)

    at_once(*(partial(work, number) for number in range(6)))
    assert failures == []
    assert len(keys(store, "t")) == 30


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "./a", "a/./b", "a/", "a\x00b", "\ud800"]
)
def test_no_key_leads_out_of_the_store(store: ObjectStore, key: str) -> None:
    for act in (store.get, store.find, store.delete, lambda k: store.put(k, b"x"), lambda k: store.move("a", k)):
        with pytest.raises(InvalidKeyError):
            act(key)


def test_names_of_people_survive(store: ObjectStore) -> None:
    names = [
        "inbox/ann/Fahrt nach Köln.fit",
        "inbox/ann/走る (1).gpx",
        "inbox/ann/a+b=c&d%20e#f?.tcx",
        "inbox/ann/.hidden",
    ]
    for name in names:
        store.put(name, name.encode())
    assert keys(store) == sorted(names)
    assert [store.get(name).decode() for name in names] == names


_KEYS = st.lists(st.sampled_from(["a", "b", "c.fit", "D"]), min_size=1, max_size=3).map("/".join)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _KEYS, st.binary(max_size=8)),
        st.tuples(st.just("put_if_absent"), _KEYS, st.binary(max_size=8)),
        st.tuples(st.just("delete"), _KEYS),
        st.tuples(st.just("move"), _KEYS, _KEYS),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_a_directory_behaves_like_a_dictionary(tmp_path: Path, steps: list[tuple[object, ...]]) -> None:
    _compare_with_a_dictionary(_fresh_directory(tmp_path), steps)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_a_bucket_behaves_like_a_dictionary(s3_store: ObjectStore, steps: list[tuple[object, ...]]) -> None:
    s3_store.delete_many(keys(s3_store))
    _compare_with_a_dictionary(s3_store, steps)


def _fresh_directory(tmp_path: Path) -> ObjectStore:
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    return ObjectStore.from_url(str(folder))


def _collides(key: str, held: dict[str, bytes]) -> bool:
    """A directory cannot hold both `a` and `a/b`; nor can the test server, which keeps its buckets in one."""
    return any(other.startswith(f"{key}/") or key.startswith(f"{other}/") for other in held)


def _compare_with_a_dictionary(store: ObjectStore, steps: list[tuple[object, ...]]) -> None:
    held: dict[str, bytes] = {}
    for step in steps:
        match step:
            case ("put", str(key), bytes(data)) if not _collides(key, held):
                store.put(key, data)
                held[key] = data
            case ("put_if_absent", str(key), bytes(data)) if not _collides(key, held):
                assert store.put_if_absent(key, data) == (key not in held)
                held.setdefault(key, data)
            case ("delete", str(key)) if not _collides(key, held):
                store.delete(key)
                held.pop(key, None)
            case ("move", str(source), str(target)) if source in held and source != target:
                if not _collides(target, {k: v for k, v in held.items() if k != source}) and not _collides(
                    target, held
                ):
                    store.move(source, target)
                    held[target] = held.pop(source)
        # Empty folders stand in the way of nothing but a file of their name.
        store.remove_empty_folders("")
    assert {info.key: store.get(info.key) for info in store.list()} == held
    assert keys(store) == sorted(held)


# --- a directory -------------------------------------------------------------------------------------------------


def test_a_reader_of_a_file_that_is_replaced_again_and_again_sees_old_or_new(tmp_path: Path) -> None:
    store = ObjectStore.from_url(f"file://{tmp_path}")
    store.put("m/streams.parquet", b"0" * 50_000)
    stop = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not stop.is_set():
            (path,) = (tmp_path / "m").glob("*.parquet")
            seen.append(path.read_bytes())

    with beside(read, stop=stop):
        for number in range(40):
            store.put("m/streams.parquet", str(number % 10).encode() * 50_000)
    assert seen
    assert all(len(data) == 50_000 and len(set(data)) == 1 for data in seen)


def test_what_a_killed_writer_left_is_never_listed_and_is_swept(tmp_path: Path) -> None:
    store = ObjectStore.from_url(str(tmp_path))
    store.put("m/streams.parquet", b"x")
    left = tmp_path / "m" / ".~0123.part"
    left.write_bytes(b"half")
    assert keys(store) == ["m/streams.parquet"]
    assert store.sweep("m") == 0
    os.utime(left, (time.time() - 7200,) * 2)
    assert store.sweep("m") == 1
    assert not left.exists()


def test_a_directory_that_is_not_there_is_no_empty_listing(tmp_path: Path) -> None:
    store = ObjectStore.from_url(str(tmp_path / "not mounted"))
    for act in (store.list, store.list_folders, lambda: store.put("a", b""), lambda: store.get("a"), store.check):
        with pytest.raises(StorageUnavailableError, match=r"is not there.*PERF_STORAGE_URL"):
            act()
    store.prepare()
    assert keys(store) == []


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    store = ObjectStore.from_url(str(root))
    assert keys(store) == []
    assert store.list_folders() == []
    for key in ("folder/secret", "file"):
        with pytest.raises(InvalidKeyError):
            store.get(key)
    with pytest.raises(InvalidKeyError):
        store.put("folder/new", b"x")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    store = ObjectStore.from_url(str(tmp_path))
    store.put("a/b", b"x")
    with pytest.raises(ObjectMissingError, match="'a'"):
        store.get("a")
    with pytest.raises(InvalidKeyError, match="collides"):
        store.put("a", b"y")
    with pytest.raises(InvalidKeyError, match="collides"):
        store.put("a/b/c", b"y")
    assert keys(store) == ["a/b"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk to fill")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, timeout=30)


def test_a_full_disk_keeps_the_old_object_and_no_half_of_the_new(small_disk: Path) -> None:
    store = ObjectStore.from_url(str(small_disk))
    store.put("m/a", b"old")
    for _ in range(2):
        with pytest.raises(StorageFullError, match=r"no room left in .*disk.*Free some space"):
            store.put("m/a", b"n" * 200_000)
    assert store.get("m/a") == b"old"
    assert [path.name for path in (small_disk / "m").iterdir()] == ["a"]


def test_a_folder_that_may_not_be_read_is_no_empty_listing(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every folder")
    store = ObjectStore.from_url(str(tmp_path))
    store.put("inbox/ann/a.fit", b"x")
    (tmp_path / "inbox/ann").chmod(0)
    try:
        with pytest.raises(StorageUnavailableError, match="Give the user"):
            keys(store, "inbox")
    finally:
        (tmp_path / "inbox/ann").chmod(0o700)


def test_empty_folders_go_only_when_asked(tmp_path: Path) -> None:
    store = ObjectStore.from_url(str(tmp_path))
    store.put("inbox/ann/a.fit", b"x")
    store.put("archive/athlete=ann/month=2026-05/a.fit", b"x")
    store.delete_many(["inbox/ann/a.fit", "archive/athlete=ann/month=2026-05/a.fit"])
    assert store.list_folders("inbox") == ["ann"]
    store.remove_empty_folders("archive/athlete=ann")
    assert store.list_folders("archive") == []


# --- S3 ----------------------------------------------------------------------------------------------------------


def test_a_missing_bucket_is_no_empty_listing(s3_environment: object) -> None:
    store = ObjectStore.from_url("s3://no-such-bucket/prefix")
    acts = [lambda: keys(store), store.list_folders, lambda: store.put("a", b"x"), lambda: store.get("a")]
    for act in acts:
        with pytest.raises(StorageUnavailableError, match=r"s3://no-such-bucket/prefix.*Make the bucket"):
            act()


def test_a_wrong_secret_is_refused_by_name_and_never_shown(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    for act in (lambda: keys(s3_store), lambda: s3_store.put("a", b"x"), lambda: s3_store.get("a"), s3_store.check):
        with pytest.raises(StorageUnavailableError) as caught:
            act()
        assert "AWS_SECRET_ACCESS_KEY" in str(caught.value)
        assert "not-the-secret" not in str(caught.value)


def test_an_unknown_key_id_is_refused_by_name(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(StorageUnavailableError, match="AWS_ACCESS_KEY_ID"):
        keys(s3_store)


def test_a_server_that_does_not_answer_is_named(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageUnavailableError, match=r"cannot reach s3://.* at http://127.0.0.1:9"):
        keys(s3_store)


def test_without_credentials_the_variables_are_named(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(StorageUnavailableError, match="Set AWS_ACCESS_KEY_ID"):
        keys(s3_store)


# --- URLs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "gs://bucket/x", "http://host/x", "s3://", "s3:///prefix", "s3://key:hush@bucket/x"]
)
def test_a_url_of_no_known_kind_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WrongUrlError, match="s3://bucket/prefix") as caught:
        ObjectStore.from_url(url)
    assert "hush" not in str(caught.value)


def test_a_url_tells_where_things_are(tmp_path: Path) -> None:
    assert ObjectStore.from_url("s3://bucket/some/prefix/").url("a/b") == "s3://bucket/some/prefix/a/b"
    assert ObjectStore.from_url("s3://bucket").url() == "s3://bucket"
    assert ObjectStore.from_url(f"file://{tmp_path}").url("a/b") == f"{tmp_path}/a/b"
