"""Contacts that Zoho postpones ("retry after some time"), while others are sent.

Zoho postpones some contacts in every run, for good. If other contacts are answered and
one still is not, that contact is the reason, and it is rejected. If none is answered,
Zoho is the reason, and no contact is rejected.
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

_Change = t.TypeVar("_Change")

# So many postponed contacts in a row are taken for an outage.
_MOST_IN_A_ROW = 5
_LONGEST_WAIT = 60


class RetryPolicy(t.NamedTuple):
    """How long a contact is tried again."""

    seconds: float
    """The setting `retry_max_seconds`."""
    clock: Callable[[], float]
    """Returns the seconds of a monotonic clock."""
    sleep: Callable[[float], None]


@dataclass
class _Contact(t.Generic[_Change]):
    """A postponed contact."""

    change: _Change
    endpoint: str
    since: float
    """When it was postponed first."""
    answers_before: int
    """How many others the endpoint had answered then."""
    postponed: Postponed
    """The last answer."""
    answers_last: int = 0
    """How many others the endpoint had answered when it was postponed last."""
    due: int = 0
    """With how many answers to others it is tried again."""
    tries: int = 0
    tried_at: float = 0.0
    """When it was tried last."""
    late: bool = False
    """Whether it was still postponed after `retry_max_seconds`."""
    queue: list[_Change] = field(default_factory=list)
    """Later changes of the contact."""


class _Endpoint:
    """The answers of an endpoint."""

    def __init__(self) -> None:
        self.answers = 0
        self.since = 0.0
        """When the first contact since the last answer was postponed."""
        self.postponed: set[str] = set()
        """Contacts postponed since the last answer."""
        self.waits = _waits()

    def note_answer(self) -> None:
        self.answers += 1
        self.postponed.clear()
        self.waits = _waits()


class PostponedContacts(t.Generic[_Change]):
    """Keeps postponed contacts, and decides whether they are tried again."""

    def __init__(self, policy: RetryPolicy) -> None:
        """Start with none."""
        self._policy = policy
        self._contacts: dict[str, _Contact[_Change]] = {}
        self._endpoints: defaultdict[str, _Endpoint] = defaultdict(_Endpoint)
        self._given_up: set[str] = set()
        """Contacts that are not tried again in this run."""

    def __bool__(self) -> bool:
        """Return whether there is a postponed contact."""
        return bool(self._contacts)

    def all(self) -> list[_Change]:
        """Return the change of each postponed contact."""
        return [contact.change for contact in self._contacts.values()]

    def due(self) -> list[_Change]:
        """Return the changes to try again, as others were answered meanwhile."""
        return [
            contact.change
            for contact in self._contacts.values()
            if self._endpoints[contact.endpoint].answers >= contact.due
        ]

    def queue(self, contact_id: str, change: _Change) -> bool:
        """Keep a change if its contact is postponed; return whether it is."""
        contact = self._contacts.get(contact_id)
        if contact:
            contact.queue.append(change)
        return contact is not None

    def release(self, contact_id: str) -> list[_Change]:
        """Return the later changes of a contact that is answered or given up."""
        contact = self._contacts.pop(contact_id, None)
        return contact.queue if contact else []

    def note_answer(self, endpoint: str) -> None:
        """Note that a contact was answered."""
        self._endpoints[endpoint].note_answer()

    def put(
        self,
        contact_id: str,
        change: _Change,
        endpoint_name: str,
        postponed: Postponed,
        *,
        last: bool,
    ) -> bool:
        """Keep a contact that was postponed, and wait if others were postponed too.

        Args:
            contact_id: The contact.
            change: Its change.
            endpoint_name: The endpoint that postponed it.
            postponed: The answer.
            last: Whether only postponed contacts are left.

        Returns:
            Whether it is tried again. If not, it is to be rejected.

        Raises:
            Outage: No contact is answered.
        """
        if contact_id in self._given_up:
            return False
        endpoint, now = self._endpoints[endpoint_name], self._policy.clock()
        # After the first postponed contact in a row, the next one is tried at once.
        again = bool(endpoint.postponed)
        if not again:
            endpoint.since = now
        endpoint.postponed.add(contact_id)
        contact = self._contacts.get(contact_id)
        if not contact:
            contact = _Contact(change, endpoint_name, now, endpoint.answers, postponed)
            self._contacts[contact_id] = contact
            logger.info("%s; others are sent meanwhile", str(postponed).rstrip("."))
        contact.postponed = postponed
        contact.answers_last = endpoint.answers
        contact.late = now - contact.since >= self._policy.seconds
        contact.due = endpoint.answers + (1 if contact.late else 2**contact.tries)
        contact.tries += 1
        contact.tried_at = now
        over = again and not last and not self._wait(endpoint)
        if over and len(endpoint.postponed) >= _MOST_IN_A_ROW:
            raise self._outage(postponed)
        return True

    def wait(self, contact_id: str) -> Postponed | None:
        """Wait before a contact is tried again, if no other was answered meanwhile.

        Returns:
            The last answer, if the contact is to be rejected instead.

        Raises:
            Outage: No contact is answered.
        """
        contact = self._contacts[contact_id]
        endpoint = self._endpoints[contact.endpoint]
        if endpoint.answers > contact.answers_last:
            # Others were answered before and after its last try.
            return self._give_up(contact_id) if contact.late else None
        others_answered = all(map(self._others_answered, self._contacts.values()))
        if others_answered and contact.late:
            return self._give_up(contact_id)
        if self._wait(endpoint):
            return None
        # It was not tried while others were, so it has one more try.
        if others_answered and contact.tried_at < endpoint.since + self._policy.seconds:
            return None
        # No record follows the last contact, but many may have been answered before,
        # even by other endpoints.
        answers = sum(known.answers for known in self._endpoints.values())
        if others_answered or (len(self._contacts) == 1 and answers > 0):
            return self._give_up(contact_id)
        raise self._outage(contact.postponed)

    def _others_answered(self, contact: _Contact[_Change]) -> bool:
        """Return whether others were answered since a contact was postponed first."""
        return self._endpoints[contact.endpoint].answers > contact.answers_before

    def _wait(self, endpoint: _Endpoint) -> bool:
        """Wait before the next try; return False if the time for retries is over."""
        policy = self._policy
        remaining = endpoint.since + policy.seconds - policy.clock()
        if remaining <= 0:
            return False
        policy.sleep(min(backoff.full_jitter(next(endpoint.waits)), remaining))
        return True

    def _outage(self, postponed: Postponed) -> Outage:
        return Outage(
            f"{str(postponed).rstrip('.')}, and still does after "
            f"{self._policy.seconds} s (`retry_max_seconds`)."
        )

    def _give_up(self, contact_id: str) -> Postponed:
        contact = self._contacts[contact_id]
        self._given_up.add(contact_id)
        self._endpoints[contact.endpoint].postponed.discard(contact_id)
        return contact.postponed


def _waits() -> Generator[float]:
    waits = backoff.expo(max_value=_LONGEST_WAIT)
    # The first value of the generator is None.
    next(waits)
    return waits
