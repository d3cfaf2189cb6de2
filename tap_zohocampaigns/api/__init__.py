"""Everything that knows Zoho Campaigns, and nothing of Singer."""

from __future__ import annotations

import logging
import re
import threading
import time
import typing as t
from collections import Counter
from contextlib import contextmanager, suppress
from hashlib import blake2b

import backoff
import requests

from tap_zohocampaigns.api import hosts, versions, wire
from tap_zohocampaigns.api.budget import Budget, Starved
from tap_zohocampaigns.api.errors import (
    Action,
    Failed,
    Forbidden,
    Gone,
    Locked,
    LockedOut,
    Outage,
    RangeRefused,
    Rejected,
    SettingError,
    Transient,
    Unauthorized,
    ZohoError,
    find_rule,
    redact,
)
from tap_zohocampaigns.api.quota import Ledger, Quota, Quotas, Ticket, Wait
from tap_zohocampaigns.api.scopes import PROBES, READS, SCOPES, WRITES
from tap_zohocampaigns.api.stores import open_store
from tap_zohocampaigns.api.transport import TOKEN_PATH, Transport

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_zohocampaigns.api.errors import Rule
    from tap_zohocampaigns.api.transport import Reply

logger = logging.getLogger("tap-zohocampaigns.api")

# A call that finds its endpoint locked so often has to give way to another program.
_MOST_LOCKS = 3
# Proxies may deliver a call so many seconds after its sender has given up.
_STRAY = 10.0
# How other services of Zoho tell of the lock, in an answer of another shape.
_LOCK = re.compile(rb"""(?i)throttles_limit|\bcode["'\s>:=]+409909\b""")
_OK, _CLIENT_ERROR, _SERVER_ERROR = 200, 400, 500


def connect(
    config: Mapping[str, t.Any],
    *,
    calls: Mapping[str, str] = READS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """Make the one session that all streams share. Nothing is sent yet.

    Args:
        config: The settings, with their defaults filled in.
        calls: The calls that it can make, with their scopes: none that changes
            anything, unless they are given.
        clock: Seconds on a clock that never steps.
        sleep: Waits for some seconds.

    Raises:
        SettingError: A host is malformed, or `rate_limit_ledger` is.
    """
    quota = Quota(
        config["rate_limit_calls"],
        config["rate_limit_seconds"],
        config["rate_limit_lock_seconds"],
    )
    where = config.get("rate_limit_ledger")
    quotas = Quotas(quota, underway=config["request_timeout"] + _STRAY)
    store = open_store(where, name_account(config), quotas, clock=clock, sleep=sleep)
    ledger = Ledger(store, sleep=sleep)
    return Client(config, ledger, calls, clock=clock, sleep=sleep)


def name_account(config: Mapping[str, t.Any]) -> str:
    """Return a text that stands for whose account it is, and tells nothing of it.

    It is a hash of the host, and of the client ID or a hash of the token of version 1.
    """
    whose = versions.find(config).signer.whose(config)
    place = f"{hosts.find(config).api} {whose}"
    return blake2b(place.encode(), digest_size=8).hexdigest()


class _NotYet(Exception):
    """The quota allows no call now."""

    def __init__(self, wait: Wait) -> None:
        """Tell how long it will not."""
        super().__init__()
        self.wait = wait


class Turn(t.NamedTuple):
    """What a call that may be sent needs to know."""

    token: str
    ticket: Ticket
    rested: float
    """How long it had to wait for the quota (seconds)."""


class Client:
    """Calls Zoho: signed, paced, timed, judged, and tried again where that can help."""

    def __init__(
        self,
        config: Mapping[str, t.Any],
        ledger: Ledger,
        calls: Mapping[str, str],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Prepare a session of HTTP."""
        self._hosts = hosts.find(config)
        self.version = versions.find(config)
        self.format = config["response_format"]
        self._retry_seconds = config["retry_max_seconds"]
        self._stop_on_lock = config["rate_limit_on_lock"] == "stop"
        self._clock = clock
        self._sleep = sleep
        self._in_flight = threading.BoundedSemaphore(config["concurrency"])
        self._budget = Budget(config["concurrency"], clock)
        self._transport = Transport(
            self._hosts, config["request_timeout"], config["concurrency"], clock
        )
        self._auth = self.version.signer(config, self._post_token, clock)
        self.ledger = ledger
        self._scopes = calls
        self.account_id = name_account(config)
        """Stands for whose account it is, and tells nothing of it."""
        self.calls: Counter[str] = Counter()
        self.served: set[str] = set()
        """The scopes that the token is known to have."""
        self._lacking: set[str] = set()
        self._probing = threading.Lock()
        self._counting = threading.Lock()

    def call(
        self,
        endpoint: str,
        params: Mapping[str, t.Any],
        tally: Counter[str] | None = None,
    ) -> wire.Envelope | None:
        """Call an endpoint until it answers; safe for threads.

        Args:
            endpoint: Name of the call, such as `getmailinglists`.
            params: Its parameters; values are sent as text.
            tally: Where the calls are counted too, besides in `calls`.

        Returns:
            The answer, with what was asked for in `payload`; None when it says that
            there is nothing, as each endpoint does in a code of its own, or, of what is
            to be written, that it is so already.

        Raises:
            Failed: The answer is an error, or trying again did not help in time.
            SettingError: The credentials are not accepted, or `api_version` has no such
                call.
            Gone: The campaign, list or segment asked for does not exist any more.
            RangeRefused: The page asked for is too large.
            Rejected: What is to be written is not accepted.
        """
        params = self.version.form(endpoint, params)
        waits = backoff.expo(max_value=60)
        next(waits)
        failing_since: float | None = None
        locks, refused = 0, list[str]()
        while True:
            try:
                with self._turn(endpoint) as turn:
                    if failing_since is not None:
                        # To wait for the quota is not to fail.
                        failing_since += turn.rested
                    self._count(endpoint, tally)
                    return self._call_once(endpoint, params, turn)
            except Unauthorized as error:
                refused.append(turn.token)
                self._judge_refusal(endpoint, refused, error)
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
                now = self._clock()
                failing_since = now if failing_since is None else failing_since
                wait = backoff.full_jitter(next(waits))
                if now + wait - failing_since > self._retry_seconds:
                    msg = (
                        f"Zoho's {endpoint} still fails after {self._retry_seconds} s "
                        f"(`retry_max_seconds`): {error}."
                    )
                    raise Outage(msg) from None
                logger.info("%s: %s; trying again in %.0f s", endpoint, error, wait)
                self._sleep(wait)

    @contextmanager
    def _turn(self, endpoint: str) -> Iterator[Turn]:
        """Wait until a call may be sent, and keep its place while it is underway.

        Nobody keeps a place while waiting: other endpoints go on. The token is asked
        for behind every wait, since a wait may outlast it.
        """
        rested = 0.0
        while True:
            try:
                with self._in_flight, self._budget.token():
                    token = self._auth.token()
                    ticket = self._enter(endpoint)
                    yield Turn(token, ticket, rested)
                    return
            except Starved as starved:
                if starved.failing > self._retry_seconds:
                    msg = (
                        "Zoho has answered none of the calls for "
                        f"{self._retry_seconds} s (`retry_max_seconds`)."
                    )
                    raise Outage(msg) from None
                self._sleep(starved.seconds)
            except _NotYet as not_yet:
                wait = not_yet.wait
                if wait.locked and self._stop_on_lock:
                    msg = f"Zoho has locked {endpoint}"
                    raise LockedOut(msg) from None
                self.ledger.rest(endpoint, wait)
                rested += wait.seconds

    def _enter(self, endpoint: str) -> Ticket:
        # A call that this session may not make is not in there.
        if self._scopes[endpoint] in self._lacking:
            raise _forbidden(endpoint)
        taken = self.ledger.take(endpoint)
        if isinstance(taken, Wait):
            raise _NotYet(taken)
        return taken

    def _judge_refusal(
        self, endpoint: str, tokens: list[str], error: Unauthorized
    ) -> None:
        """Return if a call that was refused is worth another try.

        Args:
            endpoint: Name of the call.
            tokens: Those with which it has been refused.
            error: The last refusal.
        """
        if not self._auth.renews:
            raise SettingError(str(error)) from None
        unproved = SCOPES[endpoint] not in self.served
        if unproved and len(tokens) > 1:
            self._check_scope(endpoint)
        if tokens[-1] != tokens[0]:
            raise Failed(str(error)) from None
        # A token that is good for something else may lack a scope; Zoho issues few, so
        # it is not renewed at once.
        if len(tokens) > 1 or not (unproved and self.served):
            self._auth.discard(tokens[-1])

    def _check_scope(self, endpoint: str) -> None:
        """Tell a token that lacks a scope from one that is not accepted at all.

        The answer is the same for both, and for one that has ended. So another scope
        is tried with it, once for all threads.

        Raises:
            Forbidden: It lacks the scope.
        """
        scope = SCOPES[endpoint]
        with self._probing:
            if scope in self.served:
                return
            if scope not in self._lacking and self._is_accepted_beside(scope):
                self._lacking.add(scope)
        if scope in self._lacking:
            raise _forbidden(endpoint)

    def _is_accepted_beside(self, scope: str) -> bool:
        for endpoint in PROBES:
            if SCOPES[endpoint] not in {scope, *self._lacking}:
                with suppress(ZohoError), self._turn(endpoint) as turn:
                    self._count(endpoint, None)
                    self._call_once(endpoint, {"fromindex": 1, "range": 1}, turn)
                    return True
        return False

    def _count(self, endpoint: str, tally: Counter[str] | None) -> None:
        with self._counting:
            self.calls[endpoint] += 1
            if tally is not None:
                tally[endpoint] += 1

    def _call_once(
        self, endpoint: str, params: Mapping[str, t.Any], turn: Turn
    ) -> wire.Envelope | None:
        signature = self._auth.sign(turn.token)
        form = {**wire.ask(endpoint, self.format), **params, **signature.form}
        reply = self._transport.send(
            self.version.method(endpoint),
            self._hosts.api,
            self.version.address(endpoint, self.format),
            form,
            signature.headers,
        )
        # Without an answer, the call may reach Zoho yet.
        self.ledger.done(turn.ticket)
        envelope = self._judge(endpoint, reply)
        self.served.add(SCOPES[endpoint])
        return envelope

    def _post_token(self, form: dict[str, str]) -> Reply:
        return self._transport.send("POST", self._hosts.accounts, TOKEN_PATH, form)

    def _judge(self, endpoint: str, reply: Reply) -> wire.Envelope | None:
        status = reply.status
        try:
            envelope = wire.read(reply.content)
            if envelope.success and status == _OK:
                if endpoint in WRITES:
                    return envelope
                return envelope._replace(payload=wire.payload(endpoint, envelope))
        except wire.Unreadable as error:
            raise self._unreadable(endpoint, reply, error) from None
        rule = find_rule(endpoint, envelope.code, envelope.message)
        code, message = (
            redact(text, self._auth.secrets)
            for text in (envelope.code, envelope.message)
        )
        told = f"code {code} ({message or 'no message'})"
        if rule.action in {Action.EMPTY, Action.ALREADY} and status == _OK:
            return None
        if rule.action is Action.LOCKED or status == requests.codes.too_many_requests:
            msg = f"Zoho has locked {endpoint} with {told}"
            raise Locked(msg)
        check = f": {advice}" if (advice := self._advice(rule)) else ""
        sentence = f"Zoho answered {endpoint} with {told}{check}."
        if rule.action is Action.RENEW or status == requests.codes.unauthorized:
            raise Unauthorized(sentence)
        if rule.action is Action.RETRY or status >= _SERVER_ERROR:
            raise Transient(told + check)
        if rule.action is Action.REJECT and status == _OK:
            raise Rejected(sentence, code, message)
        raise _VERDICTS.get(rule.action, Failed)(sentence)

    def _unreadable(
        self, endpoint: str, reply: Reply, error: wire.Unreadable
    ) -> Exception:
        status = reply.status
        if status == requests.codes.too_many_requests or _LOCK.search(reply.content):
            return Locked(f"Zoho says HTTP {status}: too many calls")
        if status == requests.codes.unauthorized:
            advice = self._advice(find_rule(endpoint, str(status), ""))
            return Unauthorized(
                f"Zoho did not accept the token (HTTP {status}): {advice}."
            )
        if _CLIENT_ERROR <= status < _SERVER_ERROR:
            rule = find_rule(endpoint, str(status), "")
            if rule.action is Action.FORBID:
                return Forbidden(f"Zoho answered HTTP {status}: {rule.check}.")
            return Failed(
                f"Zoho answered HTTP {status} with {error}: check `data_center`, or "
                "`api_url` if it is set."
            )
        return Transient(
            f"HTTP {status} with {error}; check `data_center` or `api_url`"
        )

    def _advice(self, rule: Rule) -> str:
        return self._auth.advice.get(rule.action, rule.check)


def _forbidden(endpoint: str) -> Forbidden:
    writes = endpoint in WRITES
    way_out = "" if writes else ", or deselect the streams that need it"
    return Forbidden(
        f"The token lacks the scope {SCOPES[endpoint]}: make a new `refresh_token` "
        f"with it{way_out}."
    )


_VERDICTS = {
    Action.SKIP: Gone,
    Action.SHRINK: RangeRefused,
    Action.FORBID: Forbidden,
}
