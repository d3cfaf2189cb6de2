"""`login`, with a user who clicks through the consent page in a real browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.wait import WebDriverWait

from scripts.browser import browser

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

pytestmark = pytest.mark.slow
TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
OPENING = "Opening "


class Done(t.NamedTuple):
    """How a login ended."""

    status: int
    stderr: str
    page: str
    """What the browser shows in the end."""


def log_in(folder: Path, service: Service, decision: str) -> Done:
    """Run `login` for a server-based client, and click a button of the consent page."""
    config = folder / "config.json"
    settings = {n: v for n, v in service.config.items() if n != "refresh_token"}
    config.write_text(json.dumps(settings))
    with subprocess.Popen(
        [TAP, "login", f"--config={config}", "--port=0"],
        cwd=folder,
        # The test opens the address itself: `login` must open no other browser.
        env={**os.environ, "BROWSER": "true"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as login:
        try:
            assert login.stderr
            said = []
            for line in login.stderr:
                said.append(line)
                if line.startswith(OPENING):
                    break
            page = click(said[-1].removeprefix(OPENING).strip(), decision)
            _, rest = login.communicate(timeout=60)
        finally:
            login.kill()
    return Done(login.returncode, "".join([*said, rest]), page)


def click(url: str, decision: str) -> str:
    """Open the consent page, click a button, and return the text of the next page."""
    with browser() as chrome:
        chrome.get(url)
        chrome.find_element(By.CSS_SELECTOR, f"button[value={decision}]").click()
        WebDriverWait(chrome, 30).until(expected.url_contains("state="))
        return chrome.find_element(By.TAG_NAME, "body").text


def test_who_accepts_in_a_browser_gets_a_refresh_token(
    tmp_path: Path, service: Service
) -> None:
    done = log_in(tmp_path, service, "accept")
    assert done.status == 0, done.stderr
    written = (tmp_path / ".env").read_text().splitlines()
    token = service.config["refresh_token"]
    assert f"TAP_ZOHOCAMPAIGNS_REFRESH_TOKEN={token}" in written
    assert done.page == "You can close this window."
    for secret in (token, service.config["client_secret"]):
        assert secret not in done.stderr


def test_who_rejects_in_a_browser_gets_a_sentence_and_no_file(
    tmp_path: Path, service: Service
) -> None:
    done = log_in(tmp_path, service, "reject")
    assert done.status == 1
    assert not (tmp_path / ".env").exists()
    assert done.page == "You can close this window."
    *_, last = done.stderr.splitlines()
    assert last.endswith("consent was denied: run `login` again and accept.")
    assert "Traceback" not in done.stderr
