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

    from tests.airbyte.conftest import Image

    Json: t.TypeAlias = dict[str, t.Any]
    Tables: t.TypeAlias = dict[str, dict[tuple[t.Any, ...], Json]]
    Read: t.TypeAlias = Callable[..., Json]

pytestmark = pytest.mark.slow

OUTSIDE = Path(__file__).parent / "outside"
FORMATS = ("json", "xml")
SECTIONS = ("spec", "connection", "discovery", "basic_read")


# The image.


def test_the_steps_of_the_dockerfile_make_a_source_that_runs(image: Image) -> None:
    def run(*command: t.Any) -> str:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            env=image.environment,
        )
        return done.stdout

    assert json.loads(run(image.executable, "spec"))["type"] == "SPEC"
    # The platform starts it by this.
    assert image.environment["AIRBYTE_ENTRYPOINT"] == image.executable.name
    packages = image.executable.parent.parent
    # Started from the wheel, compiled, with what the lock names.
    assert [*packages.rglob("tap_zohocampaigns/__pycache__/tap.*.pyc")]
    (installed,) = packages.rglob("tap_zohocampaigns-*.dist-info")
    assert "direct_url.json" in {path.name for path in installed.iterdir()}
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = {each["name"]: each["version"] for each in lock["package"]}
    for name in ("singer_sdk", "airbyte_protocol_models_dataclasses", "redis"):
        version = locked[name.replace("_", "-")]
        assert [*packages.rglob(f"{name}-{version}.dist-info")], name


def test_the_image_has_labels_and_no_root(image: Image) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = dict(pair.split("=") for pair in image.value("LABEL").split())
    assert labels == {
        "io.airbyte.name": "source-zohocampaigns",
        "io.airbyte.version": project["version"],
    }
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.value("USER"))
    assert project["scripts"].keys() >= {*json.loads(image.value("ENTRYPOINT"))}


# The CDK's standard tests.


def test_the_standard_tests_of_the_cdk_are_green(
    tmp_path: Path, airbyte_python: Path, apart: dict[str, str], image: Image
) -> None:
    account = LivingAccount(clock=lambda: NOW, contacts=80, campaigns=12)
    root = tmp_path / "source-zohocampaigns"
    root.mkdir()
    (root / "test_standard.py").write_text((OUTSIDE / "standard.py").read_text())
    (root / "conftest.py").write_text(
        'pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]\n'
    )
    tests = [{"config_path": f"{format_}.json"} for format_ in FORMATS]
    # JSON is YAML.
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
                # Tests of images need an engine.
                *("-k", "not docker", "-W", "ignore"),
                "-W",
                "error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning",
            ],
            cwd=root,
            env=apart | {"SOURCE": str(image.executable)},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert done.returncode == 0, done.stdout
    # Spec, and in each format: check, discover, spec of the config, read, bad catalog.
    assert re.search(r"\b11 passed", done.stdout), done.stdout
    assert "skipped" not in done.stdout


# PyAirbyte.


@pytest.fixture(scope="module")
def pyairbyte(
    tmp_path_factory: pytest.TempPathFactory,
    airbyte_python: Path,
    apart: dict[str, str],
    image: Image,
) -> Iterator[Read]:
    """Return what reads with PyAirbyte into a cache, and gives what that holds."""
    folder = tmp_path_factory.mktemp("pyairbyte")
    with (
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(
            [airbyte_python, OUTSIDE / "pyairbyte.py"],
            cwd=folder,
            env=apart,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        tasks, answers = process.stdin, process.stdout
        assert tasks
        assert answers

        def read(config: Json, cache: str, **more: t.Any) -> Json:
            task = {
                "executable": str(image.executable),
                "config": config,
                "cache": str(folder / cache),
                "result": str(folder / "result.json"),
            }
            print(json.dumps(task | more), file=tasks, flush=True)
            told = answers.readline()
            assert told == "done\n", (
                f"{process.wait(60)} {(folder / 'stderr').read_text()[-2000:]}"
            )
            return t.cast("Json", json.loads((folder / "result.json").read_text()))

        yield read
        tasks.close()


def tables_of(rows: dict[str, list[Json]]) -> Tables:
    """Return rows by their keys, in a form that does not depend on the database."""
    keys = {stream.name: stream.primary_keys for stream in STREAMS}
    return {
        name: {
            tuple(_plain(row[key]) for key in keys[name]): {
                field: told
                for field, value in row.items()
                if (told := _plain(value)) is not None
                # It is the time of the run.
                and field != "snapshot_time"
            }
            for row in found
        }
        for name, found in rows.items()
    }


def _plain(value: t.Any) -> t.Any:
    if not isinstance(value, str):
        return value
    if re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:", value):
        instant = datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    return json.loads(value) if value[:1] in {"{", "["} else value


@pytest.mark.parametrize("format_", FORMATS)
def test_pyairbyte_holds_the_rows_of_the_tap_after_each_of_two_reads(
    pyairbyte: Read, format_: str
) -> None:
    moment = datetime.now(UTC).replace(microsecond=0)
    account = LivingAccount(clock=lambda: moment, contacts=300, campaigns=12)
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
            found = pyairbyte(config, f"{format_}.duckdb")
            assert "error" not in found, found
            tables = tables_of(found["rows"])
            expected = tables_of(
                {name: [*rows.values()] for name, rows in warehouse.tables.items()}
            )
            for name, rows in expected.items():
                assert tables[name] == rows
            assert tables.keys() == expected.keys() == {each.name for each in STREAMS}
            counts.append(found["read"])
            moment += timedelta(days=2)
    # The second brings what is new alone.
    assert 0 < counts[1] < counts[0] / 2


def test_pyairbyte_is_told_what_is_wrong(pyairbyte: Read, service: Service) -> None:
    wrong = service.config | {"client_secret": "planted"}
    assert "`client_secret`" in pyairbyte(wrong, "wrong.duckdb")["error"]
