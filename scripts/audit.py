"""Judge what pip-audit has found; `.ci/audit` runs both.

Exits with 1 if a package has a known vulnerability or was skipped. Where OSV, the
database of advisories, can't be reached, it says so and exits with 0.
"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

# The last line of a traceback, or what pip-audit itself logs.
_UNREACHABLE = re.compile(
    r"requests\.exceptions\.(?:ConnectionError|ConnectTimeout|ReadTimeout|ProxyError):"
    r"|ERROR:pip_audit\._cli:Could not connect"
)


class Verdict(t.NamedTuple):
    """What to say, and the exit status."""

    text: str
    status: int


def judge(stdout: str, stderr: str) -> Verdict:
    """Return what an audit has found.

    Args:
        stdout: The JSON that pip-audit wrote; empty if it failed.
        stderr: Its messages.
    """
    last = stderr.strip().rpartition("\n")[2]
    if not stdout.strip():
        if _UNREACHABLE.match(last):
            return Verdict("Not audited: the database of advisories is unreachable.", 0)
        return Verdict(f"The audit failed: {last}", 1)
    packages = json.loads(stdout)["dependencies"]
    problems = [
        f"{one['name']} {one['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version'}"
        for one in packages
        for found in one.get("vulns", ())
    ]
    problems += [one["skip_reason"] for one in packages if "skip_reason" in one]
    if problems or not packages:
        return Verdict("\n".join(problems) or "No package was audited.", 1)
    return Verdict(f"No known vulnerability in {len(packages)} packages.", 0)


def main(stdout: str, stderr: str) -> None:
    """Judge the files that pip-audit's output went to."""
    verdict = judge(Path(stdout).read_text(), Path(stderr).read_text())
    sys.stdout.write(f"{verdict.text}\n")
    sys.exit(verdict.status)


if __name__ == "__main__":
    main(*sys.argv[1:])
