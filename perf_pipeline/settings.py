"""The environment, validated once and frozen. Every variable is explained here; `perf-pipeline doctor` prints them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """A variable holds a value that cannot be used; the message names it and the remedy."""


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a folder; there is no such user whose home it could be in") from None


def _database_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return url


def _storage_url(url: str | None) -> str | None:
    if url is not None and "://" in url and not url.startswith(("s3://", "file://")):
        raise ValueError("must be a folder, file:///folder or s3://bucket/prefix")
    return url


def _compute(value: str) -> str:
    host, _, port = value.removeprefix("dask://").rpartition(":")
    if value in ("inline", "processes") or (value.startswith("dask://") and host and port.isdigit()):
        return value
    raise ValueError("must be processes, inline or dask://host:port")


class Settings(BaseSettings):
    """Where things live and how much may run at once."""

    model_config = SettingsConfigDict(env_prefix="PERF_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path("~/.perf_pipeline"),
        validate_default=True,
        description="folder of the embedded database, the default storage and Dagster's home",
    )
    storage_url: Annotated[str | None, AfterValidator(_storage_url)] = Field(
        default=None,
        description="object storage: a folder or s3://bucket/prefix (default: PERF_HOME/storage)",
    )
    database_url: Annotated[str | None, AfterValidator(_database_url)] = Field(
        default=None, description="PostgreSQL of the tables (default: the embedded server in PERF_HOME)"
    )
    dagster_database_url: Annotated[str | None, AfterValidator(_database_url)] = Field(
        default=None, description="PostgreSQL of Dagster's runs and events (default: beside the tables)"
    )
    compute: Annotated[str, AfterValidator(_compute)] = Field(
        default="processes",
        description="where months are computed: processes, dask://host:port (a cluster), or inline for debugging",
    )
    workers: int = Field(default=0, ge=0, le=256, description="worker processes (0: one per core)")
    cohorts: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="hash buckets of athletes that are one partition each, for tens of thousands of athletes and more "
        "(0: every athlete is a partition)",
    )
    sensor_interval_seconds: int = Field(default=5, ge=1, le=3600, description="pause between two looks into the inbox")
    sensor_hold_seconds: float = Field(
        default=0.0,
        ge=0,
        le=40,
        description="how long one look may go on looking: the daemon comes by every 5 s only (`serve` sets 12)",
    )
    settle_seconds: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        le=3600,
        description="age at which a file in the inbox counts as completely written",
    )
    file_timeout_seconds: float = Field(
        default=60.0, gt=0, allow_inf_nan=False, description="a file that keeps a reader busy for longer is quarantined"
    )

    notify_urls: SecretStr = Field(
        default=SecretStr(""),
        description="services that notifications are sent to, as Apprise URLs with spaces between them (default: none)",
    )

    alert_urls: SecretStr = Field(
        default=SecretStr(""),
        description="services that are told of failed runs and checks, as Apprise URLs (default: none)",
    )

    log_format: Literal["text", "json"] = Field(
        default="text",
        description="json: a line of JSON on the error stream for each command, run and athlete's stage",
    )

    @property
    def resolved_storage_url(self) -> str:
        return self.storage_url or str(self.home / "storage")

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"


def load_settings() -> Settings:
    """Settings from the environment.

    Raises `SettingsError` that names each wrong variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"PERF_{str(e['loc'][0]).upper()} {e['msg'].removeprefix('Value error, ').replace('Input should', 'must')}"
            for e in error.errors()
        )
        raise SettingsError(f"wrong settings: {wrong}. Correct the environment, then run again") from None
