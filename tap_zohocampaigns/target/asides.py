"""Contacts that Zoho postpones are put aside, so that others can be sent meanwhile.

Some contacts are postponed for good, in each run. When others are answered and a
contact still is not, it is the contact, and nobody else has to wait for it. When all of
them are postponed, it is Zoho, and no contact is to blame.
"""

from __future__ import annotations

import logging
import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

import backoff

from tap_zohocampaigns.api.errors import Outage

if t.TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tap_zohocampaigns.api.errors import Postponed

logger = logging.getLogger("target-zohocampaigns")

_Matter = t.TypeVar("_Matter")

# So many contacts are tried one after the other before Zoho is said to fail.
_MOST_IN_A_ROW = 5
_LONGEST_WAIT = 60


class Patience(t.NamedTuple):
    """How long contacts are tried again."""

    seconds: float
    """The setting `retry_max_seconds`."""
    clock: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass
class _Aside(t.Generic[_Matter]):
    """A contact that was postponed."""

    matter: _Matter
    endpoint: str
    since: float
    answers: int
    """How many others the endpoint had answered when it was postponed first."""
    postponed: Postponed
    """The last answer about it."""
    seen: int = 0
    """How many it had answered when it was postponed last."""
    due: int = 0
    """With how many answers to others it is tried again."""
    tries: int = 0
    tried: float = 0.0
    """When it was tried last."""
    late: bool = False
    """Whether it was postponed still when it had been tried for long enough."""
    waiting: list[_Matter] = field(default_factory=list)
    """What is to be done with the contact later."""


class _Endpoint:
    """What an endpoint has answered."""

    def __init__(self) -> None:
        self.answers = 0
        self.since = 0.0
        self.postponed: set[str] = set()
        """The contacts that were postponed since the last answer."""
        self.waits = _waits()

    def answer(self) -> None:
        self.answers += 1
        self.postponed.clear()
        self.waits = _waits()


class Asides(t.Generic[_Matter]):
    """Keeps the contacts that were put aside, and decides what becomes of them."""

    def __init__(self, patience: Patience) -> None:
        """Begin with none."""
        self._patience = patience
        self._asides: dict[str, _Aside[_Matter]] = {}
        self._endpoints: defaultdict[str, _Endpoint] = defaultdict(_Endpoint)
        self._blamed: set[str] = set()
        """Contacts that are never answered about."""

    def __bool__(self) -> bool:
        """Return whether there is one."""
        return bool(self._asides)

    def all(self) -> list[_Matter]:
        """Return what is to be tried again."""
        return [aside.matter for aside in self._asides.values()]

    def due(self) -> list[_Matter]:
        """Return what is to be looked at now, as others were answered meanwhile."""
        return [
            aside.matter
            for aside in self._asides.values()
            if self._endpoints[aside.endpoint].answers >= aside.due
        ]

    def _proved(self, aside: _Aside[_Matter]) -> bool:
        """Return whether others were answered since a contact was postponed."""
        return self._endpoints[aside.endpoint].answers > aside.answers

    def queue(self, who: str, matter: _Matter) -> bool:
        """Keep a change of a contact that was put aside; return whether it was."""
        if aside := self._asides.get(who):
            aside.waiting.append(matter)
        return aside is not None

    def release(self, who: str) -> list[_Matter]:
        """Return what has waited for a contact, which is decided now."""
        aside = self._asides.pop(who, None)
        return aside.waiting if aside else []

    def answered(self, endpoint: str) -> None:
        """Note that a contact was answered."""
        self._endpoints[endpoint].answer()

    def put(
        self, who: str, matter: _Matter, name: str, postponed: Postponed, *, last: bool
    ) -> bool:
        """Put a contact aside, once more if it is; wait if others fail as well.

        Args:
            who: The contact.
            matter: What is to be done with it.
            name: The endpoint that has postponed it.
            postponed: Its answer.
            last: Whether all that are left were put aside.

        Returns:
            Whether it is aside now; else it is the contact that is to blame.

        Raises:
            Outage: Nobody is answered.
        """
        if who in self._blamed:
            return False
        endpoint, now = self._endpoints[name], self._patience.clock()
        # When it is the first in a row, the next one may be answered at once.
        again = bool(endpoint.postponed)
        if not again:
            endpoint.since = now
        endpoint.postponed.add(who)
        aside = self._asides.get(who)
        if not aside:
            aside = _Aside(matter, name, now, endpoint.answers, postponed)
            self._asides[who] = aside
            logger.info("%s; others are sent meanwhile", str(postponed).rstrip("."))
        aside.postponed = postponed
        aside.seen = endpoint.answers
        aside.late = now - aside.since >= self._patience.seconds
        aside.due = endpoint.answers + (1 if aside.late else 2**aside.tries)
        aside.tries += 1
        aside.tried = now
        over = again and not last and not self._wait(endpoint)
        if over and len(endpoint.postponed) >= _MOST_IN_A_ROW:
            raise self._outage(postponed)
        return True

    def wait(self, who: str) -> Postponed | None:
        """Wait before a contact is tried again, if nobody was answered meanwhile.

        Args:
            who: The contact.

        Returns:
            What Zoho has answered, if it is the contact that is to blame.

        Raises:
            Outage: Nobody is answered.
        """
        aside = self._asides[who]
        endpoint = self._endpoints[aside.endpoint]
        if endpoint.answers > aside.seen:
            # Others were answered before and behind the last try: Zoho is well.
            return self._blame(who) if aside.late else None
        certain = all(map(self._proved, self._asides.values()))
        if certain and aside.late:
            return self._blame(who)
        if self._wait(endpoint):
            return None
        # While others were tried, it was not: it has a last try.
        if certain and aside.tried < endpoint.since + self._patience.seconds:
            return None
        # Nobody comes behind the last one, but many may have been answered before it,
        # maybe by other endpoints.
        answers = sum(each.answers for each in self._endpoints.values())
        alone = len(self._asides) == 1 and answers > 0
        if certain or alone:
            return self._blame(who)
        raise self._outage(aside.postponed)

    def _wait(self, endpoint: _Endpoint) -> bool:
        """Wait, unless there is no patience left; return whether there was."""
        patience = self._patience
        left = endpoint.since + patience.seconds - patience.clock()
        if left <= 0:
            return False
        patience.sleep(min(backoff.full_jitter(next(endpoint.waits)), left))
        return True

    def _outage(self, postponed: Postponed) -> Outage:
        return Outage(
            f"{str(postponed).rstrip('.')}, and still does after "
            f"{self._patience.seconds} s (`retry_max_seconds`)."
        )

    def _blame(self, who: str) -> Postponed:
        aside = self._asides[who]
        self._blamed.add(who)
        self._endpoints[aside.endpoint].postponed.discard(who)
        return aside.postponed


def _waits() -> Generator[float]:
    waits = backoff.expo(max_value=_LONGEST_WAIT)
    # It takes parameters first.
    next(waits)
    return waits
