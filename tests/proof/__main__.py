"""Runs the command line."""

from __future__ import annotations

import sys

from tests.proof.command import main

if __name__ == "__main__":
    sys.exit(main())
