"""Why a run stops, when there is more than one reason."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import typing as t

import pytest

from tap_zohocampaigns.sandbox import Reply
from tests.support.taps import run_tap
from tests.support.threads import PATIENCE, eventually, reading_threads

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, Service

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


def test_all_threads_end_when_a_run_fails_outside_of_a_stream(
    service: Service,
) -> None:
    waits = threading.Event()

    def busy(call: Call) -> Reply | None:
        if call.endpoint == "getsegmentcontacts":
            waits.set()
            return Reply(503, b"")
        if call.endpoint == "getlistsubscribers":
            waits.wait(PATIENCE)
        return None

    service.intercept = busy
    maps = {"list_subscribers": {"number": "int(contact_email)"}}
    with pytest.raises(Exception, match="`list_subscribers` fails"):
        run_tap(service, "list_subscribers", "segment_contacts", stream_maps=maps)
    assert waits.is_set()
    assert eventually(lambda: not reading_threads())
