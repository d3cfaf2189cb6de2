"""Calls to this machine never go through a proxy of the environment."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tap_zohocampaigns.sandbox import Service
from tests.api.test_transport import Slow, serving
from tests.support.target import list_without_form, record, schema, small_account

BIN = Path(sys.executable).parent


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (["tap-zohocampaigns", "--test"], {}),
        (["tap-zohocampaigns", "--test"], {"data_center": "sandbox"}),
        (["tap-zohocampaigns", "plan"], {}),
        (["source-zohocampaigns", "check"], {}),
        (["target-zohocampaigns"], {}),
    ],
)
def test_no_program_uses_a_proxy_for_this_machine(
    command: list[str],
    settings: dict[str, t.Any],
    variable: str,
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def talk(slow: Slow) -> None:
        asked.append(slow.made.getpeername())

    account = small_account()
    config = tmp_path / "config.json"
    changes = [schema("subscribe"), record("subscribe", "planted@example.com")]
    with serving(talk) as proxy, Service(account) as service:
        own = {"list_key": list_without_form(account), "dry_run": False}
        if command[0] != "target-zohocampaigns":
            own = {}
        if not settings:
            own |= service.config
        config.write_text(json.dumps(own | settings | {"rate_limit_ledger": "memory"}))
        done = subprocess.run(
            [BIN / command[0], *command[1:], "--config", config],
            input="".join(json.dumps(message) + "\n" for message in changes),
            capture_output=True,
            text=True,
            check=False,
            env={"XDG_STATE_HOME": str(tmp_path), variable: proxy},
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert asked == []
    assert bool(service.calls) is not bool(settings)
