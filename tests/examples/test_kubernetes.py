"""The CronJob of examples/kubernetes: its schema, and what its pod may do."""

from __future__ import annotations

import subprocess
import typing as t

import pytest
import yaml

from tests.support.clean import EXAMPLES, UV, account_settings
from tests.support.loaded import keys_in_postgres, keys_of_account
from tests.support.postgres import system_database

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service
    from tests.support.example_image import ProjectImage

pytestmark = pytest.mark.slow

FOLDER = EXAMPLES / "kubernetes"
VALIDATE = "kubernetes-validate==1.37.0"


def validate(manifest: Path) -> subprocess.CompletedProcess[str]:
    """Check a manifest against the strict JSON schema of the API."""
    run = [UV, "run", "--isolated", "--no-project", "--with", VALIDATE]
    return subprocess.run(
        [*run, "kubernetes-validate", "--strict", str(manifest)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_manifest_has_the_schema_of_the_api(tmp_path: Path) -> None:
    manifest = FOLDER / "cronjob.yaml"
    done = validate(manifest)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(manifest.read_text().replace("runAsNonRoot", "runAsNoRoot"))
    assert "runAsNoRoot" in validate(wrong).stdout


def test_the_pod_loads_every_row_once_and_writes_only_to_its_volume(
    image: ProjectImage, service: Service, database: str
) -> None:
    cronjob = yaml.safe_load((FOLDER / "cronjob.yaml").read_text())["spec"]
    assert cronjob["concurrencyPolicy"] == "Forbid"
    pod = cronjob["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = pod["securityContext"] | container["securityContext"]
    assert security["runAsNonRoot"]
    assert security["readOnlyRootFilesystem"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == image.value("USER")
    volumes = [mount["mountPath"] for mount in container["volumeMounts"]]

    secret = account_settings(service) | {
        "TARGET_POSTGRES_SQLALCHEMY_URL": database,
        "MELTANO_DATABASE_URI": system_database(database, "kubernetes_state"),
    }
    lines = (FOLDER / "secret.example.env").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines} <= secret.keys()
    secret["TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA"] = "kubernetes"

    expected = keys_of_account(service)
    calls = []
    for _ in range(2):
        service.calls.clear()
        done = image.start(*container["args"], writable=volumes, **secret)
        assert done.returncode == 0, done.stdout
        assert keys_in_postgres(database, "kubernetes") == expected
        calls.append(len(service.calls))
    # The volume is empty in each pod, so the state came from PostgreSQL.
    assert calls[1] < calls[0]
