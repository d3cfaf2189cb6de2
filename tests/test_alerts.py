"""The recipes of the page about alerts, run as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from tap_zohocampaigns.sandbox import Service
from tests.support.taps import ROOT
from tests.support.target import small_account

PAGE = (ROOT / "docs" / "alerts.md").read_text()
SAMPLE = re.compile(r'zohocampaigns_\w+\{(\w+="[^"]*",?)+\} \d+(\.\d+)?')
BIN = Path(sys.executable).parent
SUMMARY = {
    "status": "failed",
    "reason": "Zoho is away.",
    "plugin": "tap-zohocampaigns",
    "account_id": None,
    "started_at": "2026-03-20T15:04:05Z",
    **dict.fromkeys(("rows", "calls", "seconds"), 0),
    "left_out": {},
    "endpoints": {"topics": {"calls": 1, "quota_left": None, "free_at": None}},
    "warnings": 1,
    "warning_texts": ["Something is odd."],
}


def blocks(section: str) -> dict[str, str]:
    """Return the code of a section by its language."""
    (text,) = (part for part in PAGE.split("\n## ") if part.startswith(section))
    return dict(re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL))


def run(folder: Path, section: str, language: str, **environment: str) -> str:
    """Run a recipe in a folder; return its stdout."""
    code = blocks(section)
    if "python" in code:
        (folder / f"{section.lower()}.py").write_text(code["python"])
    path = f"{folder}:{BIN}:{os.environ['PATH']}"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TAP_")}
    done = subprocess.run(
        ["bash", "-ec" if language == "sh" else "-c", code[language]],
        cwd=folder,
        env=inherited | environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def synced(tmp_path: Path) -> Path:
    """Return a folder in which the recipe of Airflow has run."""
    loader = tmp_path / "target-jsonl"
    loader.write_text("#!/bin/sh\nexec cat > messages.jsonl\n")
    loader.chmod(0o755)
    with Service(small_account()) as service:
        config = service.config | {"account_id": "shop"}
        (tmp_path / "config.json").write_text(json.dumps(config))
        stdout = run(tmp_path, "Airflow", "bash")
        assert json.loads(stdout.splitlines()[-1])["calls"] == len(service.calls)
    return tmp_path


@pytest.mark.slow
def test_recipes_take_the_summary_of_a_run(synced: Path) -> None:
    run(synced, "Prometheus", "sh", TEXTFILES=str(synced))
    lines = (synced / "zohocampaigns.prom").read_text().splitlines()
    assert all(SAMPLE.fullmatch(line) for line in lines)
    assert 'zohocampaigns_ended{account="shop"} 1' in lines
    line = json.loads((synced / "summary.json").read_text())
    assert f'zohocampaigns_rows{{account="shop"}} {line["rows"]}' in lines
    endpoints = [line for line in lines if "quota_left" in line]
    assert len(endpoints) == len(line["endpoints"])
    # Nothing listens there: a run that ended without warnings is not posted.
    run(synced, "Slack", "sh", SLACK_WEBHOOK="http://127.0.0.1:9")


@pytest.mark.slow
def test_recipes_take_the_summary_of_a_failure(tmp_path: Path) -> None:
    posted: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    run(tmp_path, "Prometheus", "sh", TEXTFILES=str(tmp_path))
    lines = (tmp_path / "zohocampaigns.prom").read_text().splitlines()
    assert all(SAMPLE.fullmatch(line) for line in lines)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_port}"
        run(tmp_path, "Slack", "sh", SLACK_WEBHOOK=url)
    text = "tap-zohocampaigns failed: Zoho is away.\nSomething is odd."
    assert [json.loads(body) for body in posted] == [{"text": text}]


def test_meltano_yml_of_the_page_names_the_variable_of_the_option() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (plugin,) = yaml.safe_load(block)["plugins"]["extractors"]
    help_ = subprocess.run(
        [BIN / plugin["name"], "--help"], capture_output=True, text=True, check=True
    )
    assert [*plugin["env"]] == re.findall(r"TAP_\w+_SUMMARY", help_.stdout)
