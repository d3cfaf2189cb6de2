"""The Chromium of this machine, without a window, for tests and pictures."""

from __future__ import annotations

import shutil
import typing as t
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# What Debian calls it, and what machines of a hosted CI have.
_NAMES = ("chromium", "google-chrome")


class NoBrowserError(Exception):
    """Chromium or its driver is not installed."""


@contextmanager
def browser(*arguments: str) -> Iterator[webdriver.Chrome]:
    """Start Chromium, and end it.

    Args:
        arguments: Arguments of its command line.

    Raises:
        NoBrowserError: It is not installed. Nothing is downloaded.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        msg = "Install Debian's packages chromium and chromium-driver."
        raise NoBrowserError(msg)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless",
        # As root, and in a container, Chromium does not start otherwise. It visits
        # only pages of this machine.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        *arguments,
    ):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options, Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()
