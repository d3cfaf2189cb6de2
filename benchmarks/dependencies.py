"""Measure what each package that users install costs: its size, and its import.

    uv run --locked python benchmarks/dependencies.py

Sizes are those of the installed files without bytecode. Imports are the times of a
package's own modules in `tap-zohocampaigns --discover`, the least of several runs, as
shares of all imports.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import typing as t
from collections import Counter
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.runs import TAP

ROOT = "tap-zohocampaigns"
FOLDER = Path(__file__).parents[1] / "tap_zohocampaigns"
_IMPORT = re.compile(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)


def required(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of the packages that a package depends on itself."""
    names = set()
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        wanted = [{"extra": extra} for extra in extras or ("",)]
        if not requirement.marker or any(map(requirement.marker.evaluate, wanted)):
            names.add(_plain(requirement.name))
    return names


def closure(names: set[str]) -> set[str]:
    """Return packages with all that they depend on."""
    found: set[str] = set()
    new = names
    while new:
        found |= new
        new = {other for name in new for other in required(name)} - found
    return found


def size(name: str) -> int:
    """Return the bytes of a package's files, without bytecode."""
    if name == ROOT:  # Its installation is only a link to the checkout.
        return sum(path.stat().st_size for path in FOLDER.rglob("*.py"))
    files = distribution(name).files or ()
    paths = [Path(str(file.locate())) for file in files if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.is_file())


def imports(times: int) -> Counter[str]:
    """Return the least microseconds of each module's own import."""
    least: dict[str, int] = {}
    command = [sys.executable, "-X", "importtime", TAP, "--discover"]
    for _ in range(times):
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        for microseconds, module in _IMPORT.findall(result.stderr):
            least[module] = min(int(microseconds), least.get(module, sys.maxsize))
    return Counter(least)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(times: int) -> None:
    """Print a table of the packages, the tap's own first."""
    modules = imports(times)
    owners = {**packages_distributions(), FOLDER.name: [ROOT]}
    share: Counter[str] = Counter()
    for module, microseconds in modules.items():
        for owner in owners.get(module.partition(".")[0], ())[:1]:
            share[_plain(owner)] += microseconds
    direct = required(ROOT)
    extras = required(ROOT, frozenset({"airbyte", "redis"})) - direct
    installed = closure(direct)
    print("| package | size | share of all imports |")
    print("|---|---|---|")
    rows: list[tuple[str, t.Iterable[str]]] = [
        ("this tap", [ROOT]),
        *((name, [name]) for name in sorted(direct)),
        ("what they depend on", installed - direct),
        *((f"{name} (extra)", [name]) for name in sorted(extras)),
    ]
    for label, names in rows:
        mebibytes = sum(map(size, names)) / (1 << 20)
        part = sum(share[name] for name in names) / modules.total()
        print(f"| {label} | {mebibytes:.1f} MiB | {part:.1%} |")
    print(f"| Python itself | | {1 - share.total() / modules.total():.1%} |")
    indirect = sorted(installed - direct, key=share.__getitem__, reverse=True)
    print()
    print("Of what they depend on, by the time of their import:")
    print(", ".join(f"{name} {share[name] / modules.total():.1%}" for name in indirect))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    main(**vars(parser.parse_args()))
