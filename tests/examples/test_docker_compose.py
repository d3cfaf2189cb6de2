"""The services of examples/docker-compose, with servers that the test starts."""

from __future__ import annotations

import re
import subprocess
import typing as t

import psycopg
import pytest
import yaml

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.clean import EXAMPLES, UV, account_settings, variables
from tests.support.loaded import keys_in_postgres, keys_of_account

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service
    from tests.support.example_image import ProjectImage

pytestmark = pytest.mark.slow

FILE = EXAMPLES / "docker-compose" / "compose.yaml"
SERVICES = yaml.safe_load(FILE.read_text())["services"]
PASSWORDS = {"POSTGRES_PASSWORD": "planted1", "REDIS_PASSWORD": "planted2"}
CHECK = "check-jsonschema==0.39.0"


def test_the_file_has_the_schema_of_compose(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text().replace("read_only:", "readonly:"))
    for file, status in ((FILE, 0), (wrong, 1)):
        run = [UV, "run", "--isolated", "--no-project", "--with", CHECK]
        done = subprocess.run(
            [
                *run,
                "check-jsonschema",
                "--builtin-schema",
                "vendor.compose-spec",
                str(file),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == status, done.stdout + done.stderr


def test_each_variable_is_in_the_example_of_env() -> None:
    used = {*re.findall(r"\$\{([A-Z_]+)", FILE.read_text())}
    assert used == variables("docker-compose")


@pytest.fixture
def redis_server(tmp_path: Path, service: Service) -> Iterator[RedisServer]:
    """Start Redis with the options of the compose file."""
    _, *options = SERVICES["redis"]["command"]
    password = options.index("--requirepass")
    del options[password : password + 2]
    server = RedisServer(tmp_path, PASSWORDS["REDIS_PASSWORD"], *options)
    # It has long known the account, so the first run does not wait.
    server.mark_complete(account_name(TapZohoCampaigns(config=service.config).settings))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def warehouse(database: str) -> str:
    """Make the user and the database that PostgreSQL's image makes."""
    made = SERVICES["postgres"]["environment"]
    user, name = made["POSTGRES_USER"], made["POSTGRES_DB"]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} SUPERUSER LOGIN".encode())
        connection.execute(f"CREATE DATABASE {name} OWNER {user}".encode())
    return database.replace("//postgres:@/postgres", f"//{user}:@/{name}")


def test_the_container_loads_every_row_once_into_postgres_and_counts_in_redis(
    image: ProjectImage, service: Service, warehouse: str, redis_server: RedisServer
) -> None:
    given = account_settings(service) | PASSWORDS
    # What compose puts into the containers, with the addresses of the servers here.
    socket = warehouse.partition("?")[2]
    addresses = {
        "@postgres:5432/zoho": f"@/zoho?{socket}",
        "@redis:6379": f"@127.0.0.1:{redis_server.port}",
    }
    environment = {}
    for name, text in SERVICES["load"]["environment"].items():
        value = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: given[found[1]], text)
        for there, here in addresses.items():
            value = value.replace(there, here)
        environment[name] = value
    # The image knows them; only tests need them.
    for name in ("TAP_ZOHOCAMPAIGNS_API_URL", "TAP_ZOHOCAMPAIGNS_ACCOUNTS_URL"):
        environment[name] = given[name]

    writable = [each.partition(":")[0] for each in SERVICES["load"]["tmpfs"]]
    expected = keys_of_account(service)
    calls = []
    for _ in range(2):
        service.calls.clear()
        done = image.start(
            *SERVICES["load"]["command"], writable=writable, **environment
        )
        assert done.returncode == 0, done.stdout
        assert keys_in_postgres(warehouse, "zohocampaigns") == expected
        assert not any(password in done.stdout for password in PASSWORDS.values())
        calls.append(len(service.calls))
    # The state came from PostgreSQL, and the token from Redis.
    assert calls[1] < calls[0]
    assert service.tokens_asked == 2
    assert redis_server.client.keys("tap-zohocampaigns:*")


def test_a_folder_that_is_not_listed_is_read_only(
    image: ProjectImage, warehouse: str
) -> None:
    *others, run = (each.partition(":")[0] for each in SERVICES["load"]["tmpfs"])
    state = warehouse.replace("postgresql", "postgresql+psycopg", 1)
    done = image.start("run", "load", writable=others, MELTANO_DATABASE_URI=state)
    assert done.returncode
    assert re.search(rf"Permission denied:\s+'\S+{run}/", done.stdout)
