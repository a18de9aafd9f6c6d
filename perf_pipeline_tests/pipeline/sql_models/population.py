"""Two athletes with everything that the marts look at, made from a seed: duplicates, rejected efforts, wrong clocks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import update

from perf_pipeline.pipeline.series import local_day
from perf_pipeline.storage.ids import source_file_id_of
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import Warehouse, copy_rows

NAMES = UUID("6f0f6f5e-0a52-4a0f-9a8e-2f9d6f1f0001")
SPORTS = ("bike", "run", "swim")
PACES = {"run": (1000.0, 5000.0, 1609.344), "swim": (100.0, 400.0)}


def today() -> date:
    return datetime.now(UTC).date()


class Population:
    """Rows by table, then stored."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def add(self, table: str, **values: Any) -> dict[str, Any]:
        self.rows.setdefault(table, []).append(values)
        return values

    def athlete(self, warehouse: Warehouse, handle: str, activities: int, zone: str | None = None) -> UUID:
        profile_id = warehouse.ensure_profile(handle)
        with warehouse.begin() as connection:
            profiles = METADATA.tables["profiles"]
            connection.execute(update(profiles).where(profiles.c.id == profile_id).values(timezone=zone))
        for number in range(activities):
            self._activity(profile_id, number, zone)
        self._history(profile_id)
        return profile_id

    def _activity(self, profile_id: UUID, number: int, zone: str | None) -> None:
        pick = self.random
        sport = pick.choice(SPORTS)
        age = pick.randrange(0, 800) if number else 0
        started = datetime.combine(today() - timedelta(days=age), time(pick.randrange(0, 24), 30), UTC)
        if number == 1:
            started = datetime(2089, 5, 1, 8, tzinfo=UTC)  # a clock that lies
        started = min(started, datetime.now(UTC)) if number != 1 else started
        file_id = source_file_id_of(profile_id, f"file {number}")
        activity_id = uuid5(NAMES, f"{profile_id} {number}")
        status = "quarantined" if number % 17 == 5 else "archived"
        self.add(
            "source_files", id=file_id, profile_id=profile_id, sha256=f"file {number}", bytes=1, format="fit",
            kind="activity", status=status, archive_path=f"archive/file {number}", month="2026-01",
            reason="no reader for it" if status == "quarantined" else None,
        )  # fmt: skip
        offset = pick.choice([None, 7200, -28800, 46800, 999999])
        duplicate = number % 11 == 3
        self.add(
            "activities", id=activity_id, profile_id=profile_id, name=f"Activity {number}", type=sport,
            started_at=started, duration_seconds=3700, moving_seconds=pick.randrange(600, 3600),
            distance_meters=pick.choice([None, 10_000]), fit_file_path=f"archive/{number}", source_file_id=file_id,
            session_index=0, archive_month="2026-01", reader="test", utc_offset_seconds=offset,
            superseded_by=uuid5(NAMES, "other") if duplicate else None, elevation_gain_meters=pick.choice([None, 55.5]),
            anomalies=[{"kind": "spike", "channel": "power_watts", "decision": "rejected"}] * (number % 3),
            partial=number % 7 == 0,
        )  # fmt: skip
        if not duplicate and number != 1:
            self.add(
                "activity_loads", activity_id=activity_id, profile_id=profile_id,
                local_date=local_day(started, offset, zone), load=pick.uniform(5, 120), method="power", intensity=0.8,
            )  # fmt: skip
        for metric, unit in (("normalized_power_watts", "W"), ("mean_heart_rate_bpm", "bpm")):
            self.add(
                "activity_metrics", activity_id=activity_id, metric=metric, profile_id=profile_id,
                value=pick.uniform(100, 200), unit=unit,
            )  # fmt: skip
        self._efforts(profile_id, activity_id, sport, started)

    def _efforts(self, profile_id: UUID, activity_id: UUID, sport: str, started: datetime) -> None:
        pick = self.random

        def effort(kind: str, seconds: int, value: float, unit: str, **more: Any) -> None:
            offset = pick.randrange(0, 1000)
            name = f"{activity_id} {kind} {seconds} {more.get('distance_meters')}"
            self.add(
                "activity_efforts", id=uuid5(NAMES, name), activity_id=activity_id, profile_id=profile_id,
                effort_type=kind, duration_seconds=seconds, value=round(value, 1), unit=unit, start_offset=offset,
                recorded_at=started + timedelta(seconds=offset), evidence={},
                grade=pick.choice(["confirmed"] * 6 + ["candidate", "rejected"]),
                **{"distance_meters": None, "elapsed_seconds": None, **more},
            )  # fmt: skip

        if sport == "bike":
            for seconds in (5, 60, 300, 1200):
                effort("power", seconds, 200 + pick.randrange(0, 60), "W")
        effort("speed", 60, pick.uniform(2, 12), "m/s")
        for meters in PACES.get(sport, ()):
            pace = pick.uniform(200, 400) if sport == "run" else pick.uniform(80, 130)
            elapsed = round(pace * meters / (1000 if sport == "run" else 100), 3)
            unit = "s/km" if sport == "run" else "s/100m"
            effort("pace", round(elapsed), pace, unit, distance_meters=meters, elapsed_seconds=elapsed)

    def _history(self, profile_id: UUID) -> None:
        pick = self.random
        for age in range(-14, 420):
            day = today() - timedelta(days=age)
            self.add(
                "daily_fitness", profile_id=profile_id, date=day, load=50.0, ctl=pick.uniform(20, 90), atl=60.0,
                tsb=-5.0, ramp=1.0, projected=age < 0,
            )  # fmt: skip
            if age >= 0 and age < 300:
                self.add(
                    "daily_wellness", profile_id=profile_id, metric_type="weight_kg", date=day, source="scale",
                    value=70 + age / 100, age_days=age % 3, valid_7d=3, valid_60d=20,
                )  # fmt: skip
        for week in range(80):
            for version in range(1 + week % 2):
                as_of = today() - timedelta(weeks=week)
                refused = week % 9 == 4
                threshold = None if refused else pick.uniform(200, 300)
                self.add(
                    "threshold_models", id=uuid5(NAMES, f"{profile_id} {week} {version}"), profile_id=profile_id,
                    sport="bike", model="critical_power", as_of=as_of, version=version, unit="W", input_hash="x",
                    threshold=threshold, threshold_low=None if threshold is None else threshold - 5,
                    threshold_high=None if threshold is None else threshold + 5,
                    refusal="no effort of the right length" if refused else None,
                )  # fmt: skip
        first = next(row for row in self.rows["activities"] if row["profile_id"] == profile_id)
        self.add(
            "notifications", id=uuid5(NAMES, f"{profile_id} note"), profile_id=profile_id, type="personal_record",
            title="2 records", message="...", occurred_at=first["started_at"],
            data={"activity_id": str(first["id"]), "records": [{}, {}]},
        )  # fmt: skip

    def store(self, warehouse: Warehouse) -> Mapping[str, list[dict[str, Any]]]:
        with warehouse.begin() as connection:
            for table in METADATA.sorted_tables:
                copy_rows(connection, table, self.rows.get(table.name, []))
        return self.rows


def populate(warehouse: Warehouse, activities: int = 60) -> dict[str, UUID]:
    """Three athletes, one of them without anything; their ids by handle."""
    population = Population(seed=7)
    found = {
        "ann": population.athlete(warehouse, "ann", activities),
        "bob": population.athlete(warehouse, "bob", activities // 3, zone="Pacific/Auckland"),
        "new": warehouse.ensure_profile("new"),
    }
    population.store(warehouse)
    return found
