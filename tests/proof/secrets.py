"""Planted secrets and contacts over many ways to fail: none may show.

Each run starts a command in a process of its own, with all settings and contacts
planted, and looks for them in everything that it leaves behind.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import typing as t
from contextlib import contextmanager
from pathlib import Path

from tests.proof.failures import FAILURES, INPUT, Failure
from tests.proof.planted import (
    ACCESS_TOKEN,
    PLANTED,
    SETTINGS,
    PlantedService,
    as_file,
    found_in,
)
from tests.proof.proof import Outcome, Proof, check
from tests.support.zoho import Zoho

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proof.proof import Play
    from tests.support.zoho import Request

# The statement that starts each command.
PROGRAMS = {
    "tap": "from tap_zohocampaigns.cli import tap; tap()",
    "doctor": "from tap_zohocampaigns.cli import tap; tap()",
    "source": "from tap_zohocampaigns.airbyte.cli import main; main()",
    "target": "from tap_zohocampaigns.cli import target; target()",
}
CASES = [(way, name) for way, one in FAILURES.items() for name in one.commands]
CLIENT = {"client_id": "1000.CLIENT"}
SECONDS = 120


class Attempt:
    """A command that fails in some way, in a folder of its own."""

    def __init__(self, folder: Path, failure: Failure, command: str, seed: int) -> None:
        """Prepare the run; the seed decides the format and what is logged."""
        randomness = random.Random(seed)  # noqa: S311 (no secret)
        self._folder, self._failure, self._command = folder, failure, command
        self._form = randomness.choice(("json", "xml"))
        self._level = randomness.choice(("INFO", "DEBUG", "DEBUG"))
        self._left, self._given = folder / "left", folder / "given"
        self._left.mkdir()
        self._given.mkdir()
        self._right_answer = PlantedService()
        self.status = 0

    def run(self) -> dict[str, str]:
        """Run the command; return the texts that it leaves behind, by place."""
        failure = self._failure
        with Zoho(self._answer, token=lambda _: failure.token) as zoho:
            done = self._start(zoho.url)
        self.status = done.returncode
        texts = {"stdout": self._public_output(done.stdout), "stderr": done.stderr}
        for path in sorted(self._left.rglob("*")):
            if path.is_file():
                texts[path.name] = self._public(path)
        return texts

    def _answer(self, request: Request) -> t.Any:
        answer = self._failure.answer
        if answer is None:
            return None
        if not answer.body and answer.status == 200:
            return self._right_answer(request)
        return self._right_answer.echo(answer, request)

    def _start(self, url: str) -> subprocess.CompletedProcess[str]:
        failure = self._failure
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAP_", "TARGET_")) and "proxy" not in name.lower()
        }
        environment |= {"XDG_STATE_HOME": str(self._left), "LOGLEVEL": self._level}
        stdout: t.Any = subprocess.PIPE
        program = failure.bug + PROGRAMS[self._command]
        if failure.stdout == "closed":
            program = f"import sys\nsys.stdout = None\n{program}"
        elif failure.stdout:
            stdout = Path(failure.stdout).open("w")  # noqa: SIM115 (closed by exit)
        return subprocess.run(
            [sys.executable, "-c", program, *self._arguments(url)],
            input=(failure.text or INPUT) if self._command == "target" else "",
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            check=False,
            timeout=SECONDS,
            env={**environment, **failure.environment},
            cwd=self._given,
        )

    def _arguments(self, url: str) -> list[str]:
        """Write the files of the command line; return its arguments."""
        settings: t.Any = self._failure.settings
        if not isinstance(settings, str):
            local = {"api_url": url, "accounts_url": url}
            common = {"response_format": self._form, "retry_max_seconds": 0}
            own = {"dry_run": False} if self._command == "target" else {}
            stop = {"rate_limit_on_lock": "stop"}
            settings = {
                **SETTINGS,
                **CLIENT,
                **local,
                **common,
                **own,
                **stop,
                **settings,
            }
            if settings.get("api_version") == "1":
                settings = {
                    k: v for k, v in settings.items() if k not in {**SETTINGS, **CLIENT}
                }
        files = {"config": settings, **self._failure.files}
        words = {"source": ["read"], "doctor": ["doctor"]}.get(self._command, [])
        if self._command == "source":
            files.setdefault("catalog", self._configured_catalog())
        for name, content in files.items():
            path = self._given / f"{name}.json"
            path.write_text(as_file(content))
            words += [f"--{name}", str(path)]
        if self._command == "doctor":
            return [*words, "--shapes", str(self._left / "shapes.json")]
        if self._command == "source":
            return words
        return [*words, "--summary", str(self._left / "summary.json")]

    def _configured_catalog(self) -> t.Any:
        names = ("segment_contacts", "campaign_recipients", "snapshots")
        return {
            "streams": [
                {
                    "stream": {
                        "name": name,
                        "json_schema": {"type": "object", "properties": {}},
                        "supported_sync_modes": ["full_refresh"],
                    },
                    "sync_mode": "full_refresh",
                    "destination_sync_mode": "append",
                }
                for name in names
            ]
        }

    def _public_output(self, text: str | None) -> str:
        """Return stdout without the records: contacts belong there."""
        lines = (text or "").splitlines()
        return "\n".join(line for line in lines if '"type":"RECORD"' not in line)

    def _public(self, path: Path) -> str:
        """Return what a file says, without what belongs there."""
        text = path.read_bytes().decode(errors="backslashreplace")
        if path.name == "rejected.jsonl":
            rejects = [json.loads(line) for line in text.splitlines()]
            return repr([{**reject, "record": None} for reject in rejects])
        # The token is kept for the next run; only the owner can read it.
        return text.replace(ACCESS_TOKEN, "") if ".token-" in path.name else text


def play(seed: int) -> Outcome:
    """Let a command fail, and look for what was planted."""
    way, command = CASES[seed % len(CASES)]
    with tempfile.TemporaryDirectory() as folder:
        attempt = Attempt(Path(folder), FAILURES[way], command, seed)
        texts = attempt.run()
    shown = [
        f"{place} has {', '.join(found)}: {line}"
        for place, text in texts.items()
        for line in text.splitlines()
        if (found := found_in(line, PLANTED))
    ]
    check(not shown, "\n".join([f"{way}, {command}", *shown]))
    kind = way.partition(":")[0]
    told = "told" if attempt.status else "went on"
    return Outcome(f"{kind}, {command}", told, repr((way, attempt.status)))


@contextmanager
def _open() -> Iterator[Play]:
    yield play


PROOF = Proof(
    "secrets",
    f"{len(PLANTED)} planted secrets, addresses and names never show, in "
    f"{len(FAILURES)} ways to fail, in what the commands print, log and write.",
    40,
    _open,
)
