"""The source as Airbyte runs it: its image, PyAirbyte, and the standard tests."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.streams import STREAMS
from tests.support.source import read_all
from tests.support.taps import NOW, ROOT
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.image import Image

    Json: t.TypeAlias = dict[str, t.Any]
    Tables: t.TypeAlias = dict[str, dict[tuple[t.Any, ...], Json]]
    Read: t.TypeAlias = Callable[..., Json]

pytestmark = pytest.mark.slow

OUTSIDE = Path(__file__).parent / "outside"
FORMATS = ("json", "xml")
SECTIONS = ("spec", "connection", "discovery", "basic_read")


# The image.


def test_dockerfile_builds_a_source_that_runs(image: Image) -> None:
    assert json.loads(image.run(image.executable, "spec"))["type"] == "SPEC"
    # Airbyte starts the source with this variable.
    assert image.environment["AIRBYTE_ENTRYPOINT"] == image.executable.name
    packages = image.executable.parent.parent
    # It is compiled, installed from a wheel, and has the locked versions.
    assert [*packages.rglob("tap_zohocampaigns/__pycache__/tap.*.pyc")]
    (installed,) = packages.rglob("tap_zohocampaigns-*.dist-info")
    assert "direct_url.json" in {path.name for path in installed.iterdir()}
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = {package["name"]: package["version"] for package in lock["package"]}
    for name in ("singer_sdk", "airbyte_protocol_models_dataclasses", "redis"):
        version = locked[name.replace("_", "-")]
        assert [*packages.rglob(f"{name}-{version}.dist-info")], name


def test_image_has_labels_and_does_not_run_as_root(image: Image) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert image.labels == {
        "io.airbyte.name": "source-zohocampaigns",
        "io.airbyte.version": project["version"],
    }
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.value("USER"))
    assert project["scripts"].keys() >= {*json.loads(image.value("ENTRYPOINT"))}


# The CDK's standard tests.


def test_standard_tests_of_the_cdk_pass(
    tmp_path: Path,
    airbyte_python: Path,
    offline_environment: dict[str, str],
    image: Image,
) -> None:
    account = LivingAccount(clock=lambda: NOW, contacts=80, campaigns=12)
    root = tmp_path / "source-zohocampaigns"
    root.mkdir()
    (root / "test_standard.py").write_text((OUTSIDE / "standard.py").read_text())
    (root / "conftest.py").write_text(
        'pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]\n'
    )
    tests = [{"config_path": f"{format_}.json"} for format_ in FORMATS]
    # JSON is valid YAML.
    (root / "acceptance-test-config.yml").write_text(
        json.dumps({"acceptance_tests": {name: {"tests": tests} for name in SECTIONS}})
    )
    with Service(account, quota_calls=100_000) as service:
        for format_ in FORMATS:
            names = ("client_id", "client_secret", "refresh_token")
            credentials = {name: service.config[name] for name in names}
            config = {
                "credentials": credentials | {"api_version": "1.1"},
                "api_url": service.url,
                "accounts_url": service.url,
                "response_format": format_,
                "rate_limit_ledger": "memory",
            }
            (root / f"{format_}.json").write_text(json.dumps(config))
        done = subprocess.run(
            [
                *(airbyte_python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                # Tests of images need a container engine.
                *("-k", "not docker", "-W", "ignore"),
                "-W",
                "error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning",
            ],
            cwd=root,
            env=offline_environment | {"SOURCE": str(image.executable)},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert done.returncode == 0, done.stdout
    # One of the spec and five of each config: check, discover, spec, read, bad catalog.
    assert re.search(r"\b11 passed", done.stdout), done.stdout
    assert "skipped" not in done.stdout


# PyAirbyte.


@pytest.fixture(scope="module")
def pyairbyte(
    tmp_path_factory: pytest.TempPathFactory,
    airbyte_python: Path,
    offline_environment: dict[str, str],
    image: Image,
) -> Iterator[Read]:
    """Return a function that reads with PyAirbyte and returns the rows of its cache."""
    folder = tmp_path_factory.mktemp("pyairbyte")
    with (
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(
            [airbyte_python, OUTSIDE / "pyairbyte.py"],
            cwd=folder,
            env=offline_environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        tasks, answers = process.stdin, process.stdout
        assert tasks
        assert answers

        def read(config: Json, cache: str, **options: t.Any) -> Json:
            task = {
                "executable": str(image.executable),
                "config": config,
                "cache": str(folder / cache),
                "result": str(folder / "result.json"),
            }
            print(json.dumps(task | options), file=tasks, flush=True)
            answer = answers.readline()
            assert answer == "done\n", (
                f"{process.wait(60)} {(folder / 'stderr').read_text()[-2000:]}"
            )
            return t.cast("Json", json.loads((folder / "result.json").read_text()))

        yield read
        tasks.close()


def tables_of(rows: dict[str, list[Json]]) -> Tables:
    """Return rows by key, with values that do not depend on the database."""
    keys = {stream.name: stream.primary_keys for stream in STREAMS}
    return {
        name: {
            tuple(_plain(row[key]) for key in keys[name]): {
                field: plain
                for field, value in row.items()
                if (plain := _plain(value)) is not None
                # `snapshot_time` is the time of the run, so it differs.
                and field != "snapshot_time"
            }
            for row in stream_rows
        }
        for name, stream_rows in rows.items()
    }


def _plain(value: t.Any) -> t.Any:
    if not isinstance(value, str):
        return value
    if re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:", value):
        instant = datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    return json.loads(value) if value[:1] in {"{", "["} else value


@pytest.mark.parametrize("format_", FORMATS)
def test_pyairbyte_has_the_rows_of_the_tap_after_each_read(
    pyairbyte: Read, format_: str
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    account = LivingAccount(clock=lambda: now, contacts=300, campaigns=12)
    warehouse, state = Warehouse(), None
    with Service(account, quota_calls=10**6) as service:
        config = service.config | {
            "response_format": format_,
            "rate_limit_ledger": "memory",
        }
        counts = []
        for _ in range(2):
            singer = read_all(config, state)
            state = singer.state
            warehouse.load(singer.messages)
            result = pyairbyte(config, f"{format_}.duckdb")
            assert "error" not in result, result
            tables = tables_of(result["rows"])
            expected = tables_of(
                {name: [*rows.values()] for name, rows in warehouse.tables.items()}
            )
            for name, rows in expected.items():
                assert tables[name] == rows
            assert (
                tables.keys() == expected.keys() == {stream.name for stream in STREAMS}
            )
            counts.append(result["read"])
            now += timedelta(days=2)
    # The second read is incremental.
    assert 0 < counts[1] < counts[0] / 2


def test_pyairbyte_shows_the_error_of_the_source(
    pyairbyte: Read, service: Service
) -> None:
    config = service.config | {"client_secret": "planted"}
    assert "`client_secret`" in pyairbyte(config, "wrong.duckdb")["error"]
