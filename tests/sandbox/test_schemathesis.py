"""Schemathesis checks the sandbox against its OpenAPI document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.openapi.document import document

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).with_name("schemathesis"))
AUTH = """\
[auth.openapi.token]
api_key = "${TOKEN}"
[auth.openapi.authtoken]
api_key = "${AUTHTOKEN}"
"""


def test_schemathesis_finds_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "schemathesis.toml"
    config.write_text(AUTH)
    account = LivingAccount()
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document(account)))
    with Service(account, quota_calls=10**6) as service:
        form = {
            "grant_type": "refresh_token",
            **{
                name: service.config[name]
                for name in ("client_id", "client_secret", "refresh_token")
            },
        }
        token = requests.post(f"{service.url}/oauth/v2/token", form, timeout=30)
        done = subprocess.run(
            [
                *(COMMAND, "--config-file", config),
                *("run", str(description), "--url", service.url),
                *("--max-examples", "8", "--generation-deterministic", "--no-color"),
                # The service answers bad input with HTTP 200.
                *("--exclude-checks", "negative_data_rejection"),
            ],
            env=os.environ
            | {
                "TOKEN": f"Zoho-oauthtoken {token.json()['access_token']}",
                "AUTHTOKEN": service.config_v1["auth_token"],
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
