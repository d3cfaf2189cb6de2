"""The file of rejected records: its mode, pipes, devices and other processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.target.rejects import Reject, RejectFile
from tests.support.taps import ROOT
from tests.support.target import (
    record,
    run_target,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service


def reject(number: int) -> Reject:
    return Reject(number, "subscribe", "", "x" * 200, {"n": "é" * 3000})


def test_a_device_keeps_its_mode(tmp_path: Path) -> None:
    # A terminal, as a failing test would change the mode of /dev/null.
    reader, terminal = os.openpty()
    os.fchmod(terminal, 0o644)
    link = tmp_path / "linked"
    link.symlink_to(os.ttyname(terminal))
    for path in (os.ttyname(terminal), str(link)):
        file = RejectFile(path)
        file.add(Reject(1, "subscribe", "", "x", {}))
        file.add(Reject(2, "subscribe", "", "x", {}))
        assert not file.private
        file.end()
        assert stat.S_IMODE(os.fstat(terminal).st_mode) == 0o644
        output = b""
        # A read from a terminal can return a part of the text.
        while output.count(b"\n") < 2:
            output += os.read(reader, 1000)
        assert [json.loads(line)["number"] for line in output.splitlines()] == [1, 2]
    os.close(terminal)
    os.close(reader)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600])
@pytest.mark.parametrize("linked", [True, False])
def test_an_existing_file_keeps_its_mode(
    service: Service,
    tmp_path: Path,
    logged: pytest.LogCaptureFixture,
    mode: int,
    *,
    linked: bool,
) -> None:
    path = target = tmp_path / "rejects"
    if linked:
        target = tmp_path / "target"
        path.symlink_to(target)
    target.touch()
    target.chmod(mode)
    run_target(service, [record("subscribe", "x")], reject_file=str(path))
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert len(target.read_text().splitlines()) == 1
    readers = "only you" if mode == 0o600 else "others, too,"
    assert f"which {readers} can read." in logged.text


@pytest.mark.parametrize("linked", [True, False])
def test_only_the_owner_can_read_a_new_file(tmp_path: Path, *, linked: bool) -> None:
    path = tmp_path / "rejects"
    if linked:
        path.symlink_to(tmp_path / "target")
    umask = os.umask(0o277 if not linked else 0)
    try:
        RejectFile(str(path)).add(reject(1))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pipe_gets_all_lines_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    mode = stat.S_IMODE(path.stat().st_mode)
    # Without a reader, opening a pipe is an error. It must not block.
    with pytest.raises(SettingError, match="`reject_file`"):
        RejectFile(str(path)).add(reject(0))
    received: list[str] = []

    def read_lines() -> None:
        with path.open(encoding="utf-8") as pipe:
            received.extend(pipe)

    reader = threading.Thread(target=read_lines)
    reader.start()
    file = RejectFile(str(path))
    while True:
        try:
            file.add(reject(1))
        except SettingError:
            continue
        break
    file.add(reject(2))
    file.end()
    reader.join()
    assert [json.loads(line)["number"] for line in received] == [1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.slow
def test_processes_that_write_at_the_same_time_add_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    program = (
        "import os, sys, time\n"
        "write = os.write\n"
        # A disk can write a part of the text at a time.
        "def write_part(file, text):\n"
        "    time.sleep(0)\n"
        "    return write(file, text[:1000])\n"
        "os.write = write_part\n"
        "from tests.target.test_reject_file import reject, RejectFile\n"
        "for number in range(40):\n"
        "    RejectFile(sys.argv[1]).add(reject(number))\n"
    )

    def add(_: int) -> None:
        command = [sys.executable, "-c", program, str(path)]
        subprocess.run(command, check=True, cwd=ROOT)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, range(3)))
    added = path.read_text().splitlines()
    assert sorted(json.loads(line)["number"] for line in added) == sorted(
        [*range(40)] * 3
    )
