"""Run the benchmarks calls, quota, latency and throughput, one after the other.

    uv run --locked python benchmarks/everything.py

It takes about an hour. Nothing else should run on the machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    for name in ("calls", "quota", "latency", "throughput"):
        print(f"## {name}\n", flush=True)
        script = Path(__file__).with_name(f"{name}.py")
        subprocess.run([sys.executable, script], check=True)
        print(flush=True)
