"""Fixtures of the examples."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.clean import CleanMachine, build_wheel, cache_folder, commands
from tests.support.example_image import ProjectImage, build_image
from tests.support.taps import NOW

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def account() -> LivingAccount:
    """Return a small account, because it is read many times."""
    return LivingAccount(clock=lambda: NOW, contacts=300, campaigns=12)


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    """Serve the account with the real quota."""
    with Service(account) as service:
        yield service


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def installed(
    tmp_path_factory: pytest.TempPathFactory, wheels: Path
) -> tuple[CleanMachine, Path]:
    """Install the project of examples/meltano as its README says, and try it."""
    folder = tmp_path_factory.mktemp("installed")
    machine = CleanMachine(folder, wheels, cache_folder())
    project = machine.copy("meltano")
    machine.run(commands("meltano")[0], project)
    return machine, project


@pytest.fixture
def project(installed: tuple[CleanMachine, Path]) -> Path:
    """Return the installed project of examples/meltano, without state or settings."""
    _, project = installed
    for kept in (*project.glob(".meltano/meltano.db*"), *project.glob(".env")):
        kept.unlink()
    return project


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> ProjectImage:
    """Return the image of examples/meltano."""
    folder = tmp_path_factory.mktemp("image")
    return build_image(CleanMachine(folder, wheels, cache_folder()))


@pytest.fixture
def machine(tmp_path: Path, wheels: Path) -> CleanMachine:
    return CleanMachine(tmp_path, wheels, cache_folder())
