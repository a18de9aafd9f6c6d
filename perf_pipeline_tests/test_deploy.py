"""What `deploy/` says, read: names that must agree do, and what it starts is there to be started."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from perf_pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent

WORDS = {"type": "array", "items": {"type": "string"}}
COMPOSE_SCHEMA = {
    "type": "object",
    "required": ["services"],
    "properties": {
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "anyOf": [{"required": ["image"]}, {"required": ["build"]}],
                "additionalProperties": False,
                "properties": {
                    "image": {"type": "string"}, "build": {"type": "object", "required": ["context"]},
                    "command": WORDS, "entrypoint": WORDS, "ports": WORDS, "volumes": WORDS,
                    "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
                    "environment": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
                    "healthcheck": {
                        "type": "object", "required": ["test"], "additionalProperties": False,
                        "properties": {"test": WORDS, "interval": {"type": "string"}, "retries": {"type": "integer"}},
                    },
                    "depends_on": {
                        "oneOf": [
                            WORDS,
                            {
                                "type": "object",
                                "additionalProperties": {
                                    "type": "object", "required": ["condition"],
                                    "properties": {"condition": {"enum": ["service_started", "service_healthy"]}},
                                },
                            },
                        ]
                    },
                },
            },
        },
    },
}  # fmt: skip
"""As much of the compose file's schema as our file uses; no package that we depend on ships the whole."""


def read(name: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return told


COMPOSE = read("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "perf-pipeline"]
HELM = read("helm/values.yaml")


def test_the_compose_file_keeps_to_its_schema():
    jsonschema.validate(COMPOSE, COMPOSE_SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"x": {"image": "y", "comand": ["z"]}}}, COMPOSE_SCHEMA)


def test_every_service_that_one_waits_for_is_there_and_can_be_seen_to_be_healthy():
    for service in SERVICES.values():
        waited = service.get("depends_on", {})
        assert set(waited) <= set(SERVICES)
        for name in waited if isinstance(waited, dict) else ():
            assert "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_what_our_containers_start_is_installed(name):
    assert (BIN / SERVICES[name]["command"][0]).is_file()


def test_files_that_are_mounted_exist_and_volumes_are_declared():
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]
    assert (ROOT / SERVICES["code-server"]["build"]["args"]["LOCK"]).is_file()


def test_the_environment_is_what_the_settings_know_and_holds_no_secret():
    for name in OURS:
        environment = SERVICES[name]["environment"]
        known = {f"PERF_{field.upper()}" for field in Settings.model_fields} | {"PERF_DAGSTER_POSTGRES_URL"}
        assert {key for key in environment if key.startswith("PERF_")} <= known
        for key, value in environment.items():
            if "SECRET" in key or "DATABASE_URL" in key:
                assert "${" in value
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert asked == {line.split("=")[0] for line in (DEPLOY / "example.env").read_text().splitlines() if "=" in line}
    settings = {k.lower().removeprefix("perf_"): v for k, v in SERVICES["daemon"]["environment"].items()}
    Settings.model_validate({**settings, "cohorts": 0, "database_url": "postgresql://u@h/d", "home": "/data"} | {
        "dagster_database_url": "postgresql://u@h/d"
    })  # fmt: skip


def test_servers_look_for_each_other_where_they_are():
    (server,) = (entry["grpc_server"] for entry in read("workspace.yaml")["load_from"])
    command = SERVICES[server["host"]]["command"]
    assert command[command.index("-p") + 1] == str(server["port"])
    assert command[command.index("--location-name") + 1] == server["location_name"]
    scheduler = SERVICES["dask-scheduler"]["command"]
    address = f"dask-scheduler:{scheduler[scheduler.index('--port') + 1]}"
    assert SERVICES["daemon"]["environment"]["PERF_COMPUTE"] == f"dask://{address}"
    assert f"tcp://{address}" in SERVICES["dask-worker"]["command"]


def test_the_ui_and_the_bucket_are_the_hosts_own():
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_charts_run_queue_is_one_that_dagster_takes_and_ours():
    # The chart writes these words into dagster.yaml; its own schema is in no package.
    from dagster._config import process_config, resolve_to_config_type
    from dagster._core.run_coordinator import QueuedRunCoordinator

    coordinator = HELM["dagsterDaemon"]["runCoordinator"]
    told = snake(coordinator["config"]["queuedRunCoordinator"])
    schema = resolve_to_config_type(QueuedRunCoordinator.config_type())
    assert process_config(schema, told).success
    assert not process_config(schema, {**told, "dequeue_interval": 1}).success
    ours = yaml.safe_load((ROOT / "perf_pipeline" / "dagster.yaml").read_text())["run_coordinator"]
    assert coordinator["type"] == ours["class"]
    assert told["tag_concurrency_limits"] == [
        {k: snake(v) if isinstance(v, dict) else v for k, v in limit.items()}
        for limit in ours["config"]["tag_concurrency_limits"]
    ]


def snake(told: dict[str, Any]) -> dict[str, Any]:
    """The chart's words as dagster.yaml writes them; inside a tag's value they are Dagster's own."""
    return {
        re.sub(r"(?<=[a-z])([A-Z])", lambda m: "_" + m[1].lower(), key) if key != "applyLimitPerUniqueValue" else key: [
            snake(item) for item in value
        ]
        if isinstance(value, list)
        else snake(value)
        if isinstance(value, dict)
        else value
        for key, value in told.items()
    }


def test_the_chart_starts_our_code_with_settings_that_we_know():
    assert HELM["runLauncher"]["type"] == "K8sRunLauncher"
    (deployment,) = HELM["dagster-user-deployments"]["deployments"]
    assert deployment["dagsterApiGrpcArgs"][:2] == ["-m", "perf_pipeline.definitions"]
    known = {f"PERF_{field.upper()}" for field in Settings.model_fields}
    assert {entry["name"] for entry in deployment["env"] if entry["name"].startswith("PERF_")} <= known
    assert deployment["includeConfigInLaunchedRuns"]["enabled"]
    assert not HELM["postgresql"]["enabled"]
