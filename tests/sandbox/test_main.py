"""The command of the sandbox: its output and its exit status."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import typing as t
from urllib.parse import urlsplit

import pytest

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

COMMAND = (sys.executable, "-m", "tap_zohocampaigns.sandbox")
SMALL = ("--contacts", "50", "--campaigns", "4", "--lists", "2", "--segments", "1")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "--seed", "3", "--latency", "0", *SMALL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        config = json.loads("".join(process.stdout.readline() for _ in range(7)))
        with socket.create_connection(("127.0.0.1", urlsplit(url).port)):
            process.send_signal(number)
            try:
                assert process.wait(timeout=60) == 0
            finally:
                process.kill()
        assert process.stderr.read() == ""
    assert config["api_url"] == config["accounts_url"] == url
    assert config.keys() >= {"client_id", "client_secret", "refresh_token"}


def test_a_busy_port_is_an_error(service: Service) -> None:
    process = subprocess.run(
        [*COMMAND, "--port", str(service.port), *SMALL],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert process.returncode == 1
    assert process.stdout == ""
    assert process.stderr.startswith(f"Port {service.port} cannot be used: ")
    assert process.stderr.count("\n") == 1
