"""Run all benchmarks, one after the other: calls, quota, latency, throughput.

uv run --locked python benchmarks/everything.py

prints their tables; it takes about an hour, and wants a machine that does nothing else.
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
