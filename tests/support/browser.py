"""A real browser without a window."""

from __future__ import annotations

import shutil
import typing as t
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# What Debian calls it, and what machines of a hosted CI have.
_NAMES = ("chromium", "google-chrome")


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """Start the Chromium of this machine; nothing is downloaded."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    driver = shutil.which("chromedriver")
    assert program, "install Debian's chromium"
    assert driver, "install Debian's chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.add_argument("--headless")
    # As root, and in a container, Chromium does not start otherwise. It visits only
    # pages of this machine.
    options.add_argument("--no-sandbox")
    options.add_argument("--disable-dev-shm-usage")
    chrome = webdriver.Chrome(options, Driver(driver))
    try:
        yield chrome
    finally:
        chrome.quit()
