"""The benchmark of calls counts what the documentation says, on a smaller view."""

from __future__ import annotations

import typing as t

from benchmarks.target_calls import runs

if t.TYPE_CHECKING:
    from pathlib import Path


def test_the_ledger_saves_all_calls_but_those_of_changes(ledger_file: Path) -> None:
    assert runs(10, 2, 1) == [20, 20, 20]
    assert runs(10, 2, 1, sent_ledger=str(ledger_file)) == [20, 0, 2]
