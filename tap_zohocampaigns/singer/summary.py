"""What a run has done, in one line."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.singer.progress import counted

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class Summary(t.NamedTuple):
    """The figures of a run."""

    rows: int
    calls: Mapping[str, int]
    """How often each endpoint was called."""
    seconds: float
    left_out: tuple[str, ...] = ()
    """Streams that the token may not read."""
    free_at: Mapping[str, str] = {}
    """Endpoints whose quota is used up, and when they are free again."""

    @property
    def sentence(self) -> str:
        """The figures in words."""
        calls = counted(sum(self.calls.values()), "call")
        words = [
            f"Read {counted(self.rows, 'row')} in {calls}",
            f"{self.seconds:.1f} s",
        ]
        if self.left_out:
            words.append(f"left out: {', '.join(self.left_out)}")
        if self.free_at:
            waits = (f"{name} at {time}" for name, time in self.free_at.items())
            words.append(f"the quota is free again for {', '.join(waits)}")
        return "; ".join(words) + "."
