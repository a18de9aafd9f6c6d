"""Objects in an S3 bucket, below a prefix. Credentials, region and endpoint come from the usual AWS variables."""

from __future__ import annotations

import builtins
import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from perf_pipeline.storage.errors import ObjectMissingError, StorageError, StorageFullError, StorageUnavailableError
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore, checked_key, checked_prefix

_CLIENT_SETTINGS = {
    # Servers other than Amazon's refuse, or do not send, the checksums that newer clients add by themselves.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    "connect_timeout": 10,
    "read_timeout": 60,
    # Backs off and tries again on 500, 502, 503, 504, SlowDown and broken connections.
    "retries": {"mode": "standard", "max_attempts": 5},
}
_DELETE_AT_ONCE = 1000

_REMEDIES = {
    "NoSuchBucket": "Make the bucket, or correct PERF_STORAGE_URL",
    "InvalidBucketName": "Correct PERF_STORAGE_URL",
    "AccessDenied": "Give these credentials the right to list, read, write and delete in the bucket",
    "InvalidAccessKeyId": "Correct AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "Correct AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "Renew the credentials",
    "RequestTimeTooSkewed": "Set this machine's clock",
    "PermanentRedirect": "Set AWS_REGION to the bucket's region",
    "AuthorizationHeaderMalformed": "Set AWS_REGION to the bucket's region",
    "IllegalLocationConstraintException": "Set AWS_REGION to the bucket's region",
    "SlowDown": "The server asks for patience: run again later",
    "301": "Set AWS_REGION to the bucket's region",
    "403": "Correct the AWS credentials, or give them the right to the bucket",
}
_FULL_CODES = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"})
_MISSING_CODES = frozenset({"NoSuchKey", "404", "NotFound"})


class S3ObjectStore(ObjectStore):
    """Objects in `bucket`, their keys below `prefix` (no slash at its ends; empty for the whole bucket)."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self._lock = threading.Lock()
        self._client: tuple[int, Any] | None = None

    def __getstate__(self) -> tuple[str, str]:
        return (self.bucket, self.prefix)

    def __setstate__(self, state: tuple[str, str]) -> None:
        self.bucket, self.prefix = state
        self._lock = threading.Lock()
        self._client = None

    def prepare(self) -> None:
        """A bucket is made by its owner, never by us."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        folder = self.prefix + checked_prefix(prefix)
        for page in self._pages(folder, prefix):
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                # A key that ends with a slash is how consoles draw an empty folder.
                if not key.endswith("/"):
                    yield ObjectInfo(
                        key.removeprefix(self.prefix),
                        entry["Size"],
                        entry["LastModified"].astimezone(UTC),
                        entry.get("ETag", "").strip('"') or None,
                    )

    def list_folders(self, prefix: str = "") -> builtins.list[str]:
        folder = self.prefix + checked_prefix(prefix)
        return sorted(
            entry["Prefix"].removeprefix(folder).removesuffix("/")
            for page in self._pages(folder, prefix, Delimiter="/")
            for entry in page.get("CommonPrefixes", ())
        )

    def get(self, key: str) -> bytes:
        path = f"{self.bucket}/{self._key(key)}"
        with self._errors(key):
            # One request: more than one at a time would first ask for the size.
            data: bytes = self._fs().cat_file(path, max_concurrency=1)
            return data

    def put(self, key: str, data: bytes) -> None:
        with self._errors(key):
            self._fs().pipe_file(f"{self.bucket}/{self._key(key)}", data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        # Some servers take no notice of If-None-Match, so we look first; Amazon's closes the gap between.
        if self.exists(key):
            return False
        try:
            with self._errors(key):
                self._call("put_object", Key=self._key(key), Body=data, IfNoneMatch="*")
        except StorageError as error:
            if _code(error.__cause__) in {"PreconditionFailed", "412", "ConditionalRequestConflict"}:
                return False
            raise
        return True

    def find(self, key: str) -> ObjectInfo | None:
        try:
            with self._errors(key):
                head = self._call("head_object", Key=self._key(key))
        except ObjectMissingError:
            return None
        return ObjectInfo(
            key,
            head["ContentLength"],
            head["LastModified"].astimezone(UTC),
            head.get("ETag", "").strip('"') or None,
        )

    def delete(self, key: str) -> None:
        with self._errors(key):
            try:
                self._call("delete_object", Key=self._key(key))
            except FileNotFoundError as error:
                if _code(error) not in _MISSING_CODES:
                    raise

    def delete_many(self, keys: Iterable[str]) -> None:
        todo = [self._key(key) for key in keys]
        for start in range(0, len(todo), _DELETE_AT_ONCE):
            chunk = todo[start : start + _DELETE_AT_ONCE]
            with self._errors(chunk[0]):
                answer = self._call(
                    "delete_objects", Delete={"Objects": [{"Key": key} for key in chunk], "Quiet": True}
                )
            failed = [e for e in answer.get("Errors", ()) if e.get("Code") not in _MISSING_CODES]
            if failed:
                raise StorageUnavailableError(
                    f"{len(failed)} objects of {self.url()} were not deleted, the first is {failed[0].get('Key')!r}",
                    _REMEDIES.get(str(failed[0].get("Code")), "Run again"),
                    str(failed[0].get("Code")),
                )

    def move(self, source: str, target: str) -> None:
        with self._errors(source):
            self._call(
                "copy_object",
                Key=self._key(target),
                CopySource={"Bucket": self.bucket, "Key": self._key(source)},
            )
        self.delete(source)

    def url(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}".removesuffix("/")

    def _key(self, key: str) -> str:
        return self.prefix + checked_key(key)

    def _pages(self, folder: str, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            with self._errors(prefix):
                page = self._call("list_objects_v2", Prefix=folder, **options, **more)
            yield page
            if not page.get("IsTruncated"):
                return
            token = page.get("NextContinuationToken")
            if not token or token == more.get("ContinuationToken"):
                # Half a listing would look like a bucket in which the rest has gone.
                raise StorageUnavailableError(
                    f"{self.url()} answers half a listing of {prefix!r} and does not say how it goes on",
                    "Check the server, then run again",
                )
            more = {"ContinuationToken": token}

    def _call(self, method: str, **arguments: object) -> dict[str, Any]:
        answer: dict[str, Any] = self._fs().call_s3(method, Bucket=self.bucket, **arguments)
        return answer

    def _fs(self) -> Any:
        """The client of this process: its event loop does not survive a fork."""
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():
                from s3fs import S3FileSystem

                client = S3FileSystem(
                    config_kwargs=_CLIENT_SETTINGS, use_listings_cache=False, skip_instance_cache=True
                )
                self._client = (os.getpid(), client)
            return self._client[1]

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except StorageError:
            raise
        except NoCredentialsError as error:
            raise StorageUnavailableError(
                f"no credentials for {self.url()}", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", error
            ) from error
        except (OSError, ClientError) as error:
            raise self._translated(error, key) from (error.__cause__ or error)
        except RecursionError as error:
            # A server that redirects without saying where to: the client would ask it for ever.
            raise StorageUnavailableError(
                f"cannot use {self.url()}", _REMEDIES["PermanentRedirect"], "PermanentRedirect"
            ) from error
        except (BotoCoreError, TimeoutError) as error:
            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
            raise StorageUnavailableError(
                f"cannot reach {self.url()}" + (f" at {endpoint}" if endpoint else ""),
                "Check the network and AWS_ENDPOINT_URL, then run again",
                error,
            ) from error

    def _translated(self, error: Exception, key: str) -> StorageError:
        code = _code(error)
        if code in _MISSING_CODES:
            return ObjectMissingError(key)
        if code in _FULL_CODES or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            return StorageFullError(
                f"no room left in {self.url()} for {key!r}", "Free some space, then run again: nothing is lost", code
            )
        remedy = _REMEDIES.get(code, "Check the server and the AWS variables, then run again")
        return StorageUnavailableError(f"cannot use {self.url()}", remedy, code or error)


def _code(error: BaseException | None) -> str:
    """The server's own word for what went wrong; empty where it did not answer."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        error = error.__cause__
    return ""
