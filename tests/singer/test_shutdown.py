"""Why a run stops, when there is more than one reason."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, threading, time
from tap_zohocampaigns.singer.shutdown import Shutdown, Stopped

shutdown = Shutdown(None, lambda: None)
shutdown.listen()

def wait():
    try:
        shutdown.sleep(100)
    except Stopped:
        pass

def come_to_the_end():
    try:
        shutdown.stop("5 minutes are over")
    except Stopped:
        pass

thread = threading.Thread(target=wait)
thread.start()
{"failed": shutdown.end, "time over": come_to_the_end}[sys.argv[1]]()
thread.join()
try:
    os.kill(os.getpid(), int(sys.argv[2]))
    time.sleep(60)
except Stopped as stopped:
    stopped.save()
    print(stopped.message)
    sys.exit(stopped.status)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("why", ["failed", "time over"])
def test_a_signal_counts_when_other_threads_have_stopped(
    number: signal.Signals, why: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, why, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 128 + number
    assert f"{number.name} came" in ended.stdout
