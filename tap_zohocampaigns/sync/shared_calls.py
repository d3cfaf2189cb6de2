"""Answers that several streams need: each is asked for once, and counted once."""

from __future__ import annotations

import threading
import typing as t
from collections import Counter
from concurrent.futures import Future

from tap_zohocampaigns.sync.workers import instead_of_this_thread

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row

    Dated: t.TypeAlias = tuple[Envelope | None, str]


class Caller(t.Protocol):
    """A stream, as far as its calls are concerned."""

    @property
    def turn(self) -> int:
        """Its place in the order in which streams are written."""

    @property
    def shared_calls(self) -> Counter[str]:
        """Its share of the calls that several streams need."""

    def call(
        self, endpoint: str, params: Row, tally: Counter[str] | None = None
    ) -> Envelope | None:
        """Call an endpoint, and count the calls in `tally`."""


class SharedCalls:
    """Makes each call once for all streams that need its answer; safe for threads.

    Streams are read side by side, so any of them may be the first to need an answer.
    The call counts for the one that is written first: so the log of each run has the
    same figures, and `plan` has them too.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Start without answers.

        Args:
            now: Returns the current time.
        """
        self._now = now
        self._answers: dict[tuple[str, str], _Answer] = {}
        self._counting = threading.Lock()

    def get(self, endpoint: str, params: Row, caller: Caller) -> Dated:
        """Return the answer about a campaign, and its day (UTC).

        One stream makes the call, and the others wait.

        Args:
            endpoint: Name of the call.
            params: Its parameters; answers differ by `campaignkey`.
            caller: The stream that needs the answer.
        """
        mine = _Answer(caller)
        answer = self._answers.setdefault((endpoint, params["campaignkey"]), mine)
        if answer is mine:
            calls: Counter[str] = Counter()
            try:
                envelope = caller.call(endpoint, params, calls)
                answer.future.set_result((envelope, self._now().date().isoformat()))
            except BaseException as error:
                answer.future.set_exception(error)
                raise
            finally:
                with self._counting:
                    answer.calls = calls
                    answer.payer.shared_calls.update(calls)
        else:
            with self._counting:
                answer.charge(caller)
        with instead_of_this_thread(answer.future):
            return answer.future.result()


class _Answer:
    """An answer, and the stream for which its calls count."""

    def __init__(self, payer: Caller) -> None:
        self.future: Future[Dated] = Future()
        self.calls: Counter[str] = Counter()
        self.payer = payer

    def charge(self, caller: Caller) -> None:
        """Count the calls for a stream that is written earlier."""
        if caller.turn < self.payer.turn:
            self.payer.shared_calls.subtract(self.calls)
            caller.shared_calls.update(self.calls)
            self.payer = caller
