"""Calls Zoho: each call is paced, signed, sent, interpreted, and tried again."""

from __future__ import annotations

import logging
import threading
import typing as t
from collections import Counter

import backoff

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.errors import (
    Locked,
    Outage,
    Transient,
    Unauthorized,
    ZohoError,
)
from tap_zohocampaigns.api.pacing import FailureTimer, Pacer
from tap_zohocampaigns.api.refusals import (
    NoProbe,
    Refusals,
    TokenChanged,
)
from tap_zohocampaigns.api.responses import Context, interpret
from tap_zohocampaigns.api.retry_budget import RetryBudget
from tap_zohocampaigns.api.transport import TOKEN_PATH, Transport

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_zohocampaigns.api.endpoints import Endpoint
    from tap_zohocampaigns.api.pacing import Slot
    from tap_zohocampaigns.api.quota.ledger import Ledger
    from tap_zohocampaigns.api.tokens.entry import Token
    from tap_zohocampaigns.api.tokens.store import TokenStore
    from tap_zohocampaigns.api.transport import Reply
    from tap_zohocampaigns.api.wire.envelope import Envelope

logger = logging.getLogger("tap-zohocampaigns.api")

# After so many locks of one call, the run fails: another program uses up the quota.
_MOST_LOCKS = 3


class _Call(t.NamedTuple):
    """A call without its credentials."""

    endpoint: Endpoint
    params: Mapping[str, t.Any]
    data_format: str
    """`json` or `xml`."""
    private: Iterable[str] = ()
    """Values of contacts among the parameters, which no log may show."""


class Answer(t.NamedTuple):
    """An answer as it came, and what it means."""

    reply: Reply
    envelope: Envelope | None
    """None if there are no rows, or if the answer is an error."""
    error: ZohoError | None


class Client:
    """Calls the endpoints of one account; safe for threads."""

    def __init__(  # noqa: PLR0913 (clock and sleep are injected)
        self,
        config: Mapping[str, t.Any],
        ledger: Ledger,
        tokens: TokenStore,
        endpoints: Mapping[str, Endpoint],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Prepare an HTTP session. `connect` builds a client from the settings.

        Args:
            config: The settings, with their defaults.
            ledger: Paces the calls.
            tokens: Keeps the access token.
            endpoints: The calls that the client may make.
            clock: Returns the seconds of a monotonic clock.
            sleep: Waits for some seconds.
        """
        self.hosts = hosts.find(config)
        self.version = versions.find(config)
        self.format = config["response_format"]
        self._retry_seconds = config["retry_max_seconds"]
        self._clock = clock
        self._sleep = sleep
        self._budget = RetryBudget(config["concurrency"], clock)
        self._transport = Transport(
            self.hosts, config["request_timeout"], config["concurrency"], clock
        )
        self._auth = self.version.signer(config, self._post_token, clock, tokens)
        self._refusals = Refusals(self._auth, self._probe)
        self.ledger = ledger
        self.tokens = tokens
        self._pacer = Pacer(
            config,
            ledger,
            self._auth,
            self._refusals,
            budget=self._budget,
            sleep=sleep,
        )
        self._endpoints = endpoints
        self.account_id = ""
        """An anonymous ID of the account, or the user's own name for it."""
        self.calls: Counter[str] = Counter()
        """How often each endpoint was called."""
        self._counting = threading.Lock()

    @property
    def granted_scopes(self) -> set[str]:
        """The scopes that the token is known to have."""
        return self._refusals.granted_scopes

    def call(
        self,
        endpoint: str,
        params: Mapping[str, t.Any],
        tally: Counter[str] | None = None,
        *,
        data_format: str = "",
        private: Iterable[str] = (),
    ) -> Envelope | None:
        """Call an endpoint until it answers.

        Args:
            endpoint: Name of the call, such as `getmailinglists`.
            params: Its parameters; values are sent as text.
            tally: Counts the calls too, besides `calls`.
            data_format: `json` or `xml`, if it is not that of the settings.
            private: Values of contacts among the parameters, which no log may show.

        Returns:
            The answer, with its rows or value in `payload`. None if there are no rows,
            or if a change was already in effect.

        Raises:
            FatalError: The answer is an error, or trying again did not help in time.
            SettingError: The credentials are not accepted, or `api_version` has no such
                call.
            NotFound: The campaign, list or segment is not in the account.
            RangeRefused: The page is too large.
            Rejected: The change is not accepted.
            Postponed: The change is not accepted now.
        """
        params = self.version.parameters(endpoint, params)
        # A KeyError means that this client must not make the call.
        row = self._endpoints[endpoint]
        with self._budget.calling():
            call = _Call(row, params, data_format or self.format, private)
            return self._call_until_answered(call, tally)

    def ask(self, endpoint: str, params: Mapping[str, t.Any]) -> Answer:
        """Call an endpoint once, and return its answer, even if that is an error.

        Args:
            endpoint: Name of the call.
            params: Its parameters; values are sent as text.

        Raises:
            Transient: There was no whole answer.
            SettingError: Zoho gives no token, or `api_version` has no such call.
            StoppedAtLock: The endpoint is locked.
        """
        params = self.version.parameters(endpoint, params)
        call = _Call(self._endpoints[endpoint], params, self.format)
        timer = FailureTimer(self._clock)
        with self._budget.calling(), self._pacer.slot(endpoint, timer) as slot:
            self._count(endpoint, None)
            reply = self._send(call, slot)
        try:
            return Answer(reply, self._interpret(call, reply), None)
        except ZohoError as error:
            if isinstance(error, Locked):
                self.ledger.lock(endpoint)
            return Answer(reply, None, error)

    def _call_until_answered(
        self, call: _Call, tally: Counter[str] | None
    ) -> Envelope | None:
        endpoint = call.endpoint.name
        waits = backoff.expo(max_value=60)
        next(waits)
        failure_timer = FailureTimer(self._clock)
        locks = 0
        refused: list[Token] = []
        while True:
            try:
                with self._pacer.slot(endpoint, failure_timer) as slot:
                    self._count(endpoint, tally)
                    return self._call_once(call, slot)
            except Unauthorized as error:
                refused.append(slot.token)
                self._refusals.note_refused(endpoint, refused, error)
            except Locked as error:
                locks += 1
                if locks > _MOST_LOCKS:
                    msg = (
                        f"Zoho keeps {endpoint} locked: another program uses up its "
                        "quota; run it less often, or lower `rate_limit_calls` in both."
                    )
                    raise Outage(msg) from None
                self.ledger.lock(endpoint)
                logger.warning("%s; the endpoint rests", error)
            except Transient as error:
                wait = backoff.full_jitter(next(waits))
                if failure_timer.fail() + wait > self._retry_seconds:
                    msg = (
                        f"Zoho's {endpoint} still fails after {self._retry_seconds} s "
                        f"(`retry_max_seconds`): {error}."
                    )
                    raise Outage(msg) from None
                logger.info("%s: %s; trying again in %.0f s", endpoint, error, wait)
                self._sleep(wait)

    def _count(self, endpoint: str, tally: Counter[str] | None) -> None:
        with self._counting:
            self.calls[endpoint] += 1
            if tally is not None:
                tally[endpoint] += 1

    def _call_once(self, call: _Call, slot: Slot) -> Envelope | None:
        envelope = self._interpret(call, self._send(call, slot))
        self._refusals.note_accepted(call.endpoint.name, slot.token)
        return envelope

    def _send(self, call: _Call, slot: Slot) -> Reply:
        endpoint = call.endpoint
        signature = self._auth.sign(slot.token)
        params = {
            **endpoint.format_parameter(call.data_format),
            **call.params,
            **signature.parameters,
        }
        reply = self._transport.send(
            self.version.method(endpoint.name),
            self.hosts.api,
            self.version.address(endpoint.name, call.data_format),
            params,
            signature.headers,
        )
        # A call without an answer does not get here: it may still reach Zoho.
        self.ledger.done(slot.ticket)
        return reply

    def _interpret(self, call: _Call, reply: Reply) -> Envelope | None:
        context = Context(self._auth.advice, self._auth.secrets, call.private)
        return interpret(call.endpoint, reply.status, reply.content, context)

    def _probe(self, endpoint: str, token: Token) -> None:
        # A new token costs less than a wait for the quota.
        if not self.ledger.remaining(endpoint):
            raise NoProbe
        with self._pacer.slot(endpoint, FailureTimer(self._clock)) as slot:
            if slot.token.issue != token.issue:
                raise TokenChanged
            self._count(endpoint, None)
            params = {"fromindex": 1, "range": 1}
            call = _Call(self._endpoints[endpoint], params, self.format)
            self._call_once(call, slot)

    def _post_token(self, form: dict[str, str]) -> Reply:
        return self._transport.send("POST", self.hosts.accounts, TOKEN_PATH, form)
