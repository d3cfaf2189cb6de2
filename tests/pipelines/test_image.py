"""The image with Meltano: its steps make a project that runs."""

from __future__ import annotations

import json
import re
import tomllib
import typing as t

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.image import Image, build, steps_of
from tests.support.meltano import settings_of
from tests.support.taps import NOW, ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILES = sorted((ROOT / "packaging").glob("*/Dockerfile"))
PAGE = (ROOT / "docs" / "loaders.md").read_text()
MELTANO = ROOT / "packaging" / "meltano" / "Dockerfile"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Run the steps of the Dockerfile."""
    return build(tmp_path_factory.mktemp("meltano"), MELTANO)


def test_the_pages_build_each_image_from_its_own_dockerfile() -> None:
    pages = [page.read_text() for page in (ROOT / "docs").glob("*.md")]
    files = re.findall(r"docker build --file (\S+)", "\n".join(pages))
    assert {ROOT / name for name in files} == {*DOCKERFILES}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_is_built_from_files_that_the_context_has(path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    kept = {line[1:] for line in ignored if line.startswith("!")}
    for step, value in steps_of(path.read_text()):
        if step == "COPY" and "--from=" not in value:
            assert {*value.split()[:-1]} <= kept


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_has_no_root_and_no_secret(path: Path) -> None:
    steps = steps_of(path.read_text())
    last = [step for step, _ in steps].index("FROM", 1)
    final = steps[last:]
    users = [value for step, value in final if step == "USER"]
    assert len(users) == 1
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[0])
    # What the user writes to is the user's.
    for step, value in final:
        if step == "COPY" and "--chown" in value:
            assert f"--chown={users[0]} " in value
    given = " ".join(value for step, value in steps if step in {"ARG", "ENV"})
    assert not re.search(r"SECRET|TOKEN|PASSWORD|KEY", given)


def test_the_labels_of_the_meltano_image_are_the_projects() -> None:
    prefix = "org.opencontainers.image."
    labels = Image(ROOT, steps_of(MELTANO.read_text())).labels
    assert labels == {
        f"{prefix}title": "zohocampaigns-meltano",
        f"{prefix}version": PROJECT["version"],
        f"{prefix}source": PROJECT["urls"]["Homepage"],
        f"{prefix}licenses": PROJECT["license"],
    }


@pytest.mark.slow
def test_meltano_knows_the_executables_of_the_image(image: Image) -> None:
    assert image.executable.name == "meltano"
    assert image.run(image.executable, "--version").startswith("meltano, version ")
    for name in ("tap-zohocampaigns", "target-zohocampaigns"):
        version = f"{name} v{PROJECT['version']}"
        assert version in image.run(image.find(name), "--version")
        assert version in image.run(image.executable, "invoke", name, "--version")
        assert "refresh_token" in image.run(image.executable, "config", "list", name)
    # Nothing was installed for them.
    assert not [*image.place.glob(".meltano/*/*-zohocampaigns/venv")]
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = {each["name"]: each["version"] for each in lock["package"]}
    packages = image.executable.parent.parent
    for name in ("meltano", "singer_sdk", "redis"):
        version = locked[name.replace("_", "-")]
        assert [*packages.rglob(f"{name}-{version}.dist-info")], name


@pytest.mark.slow
def test_the_image_of_the_page_loads_a_database_and_keeps_its_state(
    image: Image, database: str
) -> None:
    (text,) = re.findall(r"```dockerfile\n(.*?)```", PAGE, re.DOTALL)
    image.do(step for step in steps_of(text) if step[0] != "FROM")
    command = "--environment=prod run tap-zohocampaigns target-postgres"
    assert command in PAGE
    account = LivingAccount(clock=lambda: NOW, contacts=80, campaigns=6)
    more = {
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "container",
        "TAP_ZOHOCAMPAIGNS__SELECT": json.dumps(["mailing_lists.*", "campaigns.*"]),
    }
    with Service(account, quota_calls=100_000) as service:
        settings = settings_of(service, database) | more
        # Its own file, as a container has it.
        del settings["TAP_ZOHOCAMPAIGNS_RATE_LIMIT_LEDGER"]
        image.run(image.executable, *command.split(), **settings)
    with psycopg.connect(database) as connection:
        count = connection.execute(b"SELECT count(*) FROM container.campaigns")
        assert count.fetchone() == (6,)
    kept = {path.name for path in (image.root / "state").iterdir()}
    assert kept >= {"prod:tap-zohocampaigns-to-target-postgres", "tap-zohocampaigns"}
