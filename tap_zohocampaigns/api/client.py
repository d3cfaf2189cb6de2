"""Everything that knows Zoho Campaigns, and nothing of Singer."""

from __future__ import annotations

import logging
import re
import threading
import time
import typing as t
from collections import Counter
from contextlib import contextmanager
from hashlib import blake2b

import backoff
import requests

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.auth import TokenWait
from tap_zohocampaigns.api.errors import (
    UNKNOWN,
    Action,
    FatalError,
    Forbidden,
    Locked,
    NotFound,
    Outage,
    Postponed,
    RangeRefused,
    Rejected,
    SettingError,
    StoppedAtLock,
    Transient,
    Unauthorized,
    UnknownRejection,
    ZohoError,
    asks_for_patience,
    find_rule,
)
from tap_zohocampaigns.api.quota.ledger import Ledger, Quota, Quotas, Ticket, Wait
from tap_zohocampaigns.api.quota.stores import open_store
from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.api.retry_budget import BudgetExhausted, RetryBudget
from tap_zohocampaigns.api.scopes import PROBES, READS, SCOPES, WRITES
from tap_zohocampaigns.api.tokens.store import TokenStore, open_tokens
from tap_zohocampaigns.api.transport import TOKEN_PATH, Transport
from tap_zohocampaigns.api.wire import envelope as wire

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tap_zohocampaigns.api.errors import Rule
    from tap_zohocampaigns.api.tokens.store import Token
    from tap_zohocampaigns.api.transport import Reply

logger = logging.getLogger("tap-zohocampaigns.api")

# A call that finds its endpoint locked so often has to give way to another program.
_MOST_LOCKS = 3
_PIECE = 1 << 20
_BRIEF = 1.0
_TOKEN_SERVICE = "Zoho's token service"  # noqa: S105 (a name)
_REPEATED = (
    f"{_TOKEN_SERVICE} gives the same access token again, which Zoho does not accept: "
    "check `data_center`, and `api_url` and `accounts_url` if they are set."
)
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
    wall: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """Make the one session that all streams share. Nothing is sent yet.

    Args:
        config: The settings, with their defaults filled in.
        calls: The calls that it can make, with their scopes: none that changes
            anything, unless they are given.
        clock: Seconds on a clock that never steps.
        wall: Seconds of the epoch, which may step.
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
    tokens = TokenStore(clock)
    if versions.find(config).signer.renews:
        tokens = open_tokens(config, clock=clock, wall=wall)
    return Client(config, ledger, tokens, calls, clock=clock, sleep=sleep)


def name_account(config: Mapping[str, t.Any]) -> str:
    """Return a text that stands for whose account it is, and tells nothing of it.

    It is the name that the user gives it; else a hash of the host, and of the client ID
    or a hash of the token of version 1.
    """
    if name := config.get("account_id"):
        return str(name)
    whose = versions.find(config).signer.whose(config)
    place = f"{hosts.canonical(hosts.find(config).api)} {whose}"
    return blake2b(place.encode(), digest_size=8).hexdigest()


class _Sent(t.NamedTuple):
    """What is sent with a call, besides what lets it in."""

    params: Mapping[str, t.Any]
    form: str
    """`json` or `xml`."""
    private: Iterable[str] = ()
    """What the parameters tell of contacts."""


class _NotYet(Exception):
    """The quota allows no call now."""

    def __init__(self, wait: Wait) -> None:
        """Tell how long it will not."""
        super().__init__()
        self.wait = wait


class Patience:
    """For how long a call has been failing; to rest is not to fail."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock; the call has not failed yet."""
        self._clock = clock
        self._since: float | None = None

    def fail(self) -> float:
        """Note a failure; return for how long there have been others (seconds)."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        return now - self._since

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Leave out the time of a rest that ends well."""
        began = self._clock()
        yield
        if self._since is not None:
            self._since += self._clock() - began


class Turn(t.NamedTuple):
    """What a call that may be sent needs to know."""

    token: Token
    ticket: Ticket


class Client:
    """Calls Zoho: signed, paced, timed, judged, and tried again where that can help."""

    def __init__(  # noqa: PLR0913 (two of them are the world's)
        self,
        config: Mapping[str, t.Any],
        ledger: Ledger,
        tokens: TokenStore,
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
        self._budget = RetryBudget(config["concurrency"], clock)
        self._transport = Transport(
            self._hosts, config["request_timeout"], config["concurrency"], clock
        )
        self._auth = self.version.signer(config, self._post_token, clock, tokens)
        self.ledger = ledger
        self._scopes = calls
        self.account_id = name_account(config)
        """Stands for whose account it is, and tells nothing of it."""
        self.calls: Counter[str] = Counter()
        self.granted_scopes: set[str] = set()
        """The scopes that the token is known to have."""
        self.missing_scopes: set[str] = set()
        self._refusing: set[str] = set()
        """The endpoints that refuse tokens which are good for other endpoints."""
        self._accepted: set[str] = set()
        self._discarded: dict[str, str] = {}
        """Issues of tokens, and the texts of those that were not accepted."""
        self._verdict = ""
        """Why every call is refused, whatever the token; empty if that is not so."""
        self._probing = threading.Lock()
        self._counting = threading.Lock()

    def call(
        self,
        endpoint: str,
        params: Mapping[str, t.Any],
        tally: Counter[str] | None = None,
        *,
        form: str = "",
        private: Iterable[str] = (),
    ) -> wire.Envelope | None:
        """Call an endpoint until it answers; safe for threads.

        Args:
            endpoint: Name of the call, such as `getmailinglists`.
            params: Its parameters; values are sent as text.
            tally: Where the calls are counted too, besides in `calls`.
            form: `json` or `xml`, if it is not that of the settings.
            private: What the parameters tell of contacts, which no log may show.

        Returns:
            The answer, with what was asked for in `payload`; None when it says that
            there is nothing, as each endpoint does in a code of its own, or, of what is
            to be written, that it is so already.

        Raises:
            FatalError: The answer is an error, or trying again did not help in time.
            SettingError: The credentials are not accepted, or `api_version` has no such
                call.
            NotFound: The campaign, list or segment asked for does not exist any more.
            RangeRefused: The page asked for is too large.
            Rejected: What is to be written is not accepted.
            Postponed: What is to be written is not accepted now.
        """
        params = self.version.form(endpoint, params)
        with self._budget.calling():
            sent = _Sent(params, form or self.format, private)
            return self._call_until_answered(endpoint, sent, tally)

    def _call_until_answered(
        self, endpoint: str, sent: _Sent, tally: Counter[str] | None
    ) -> wire.Envelope | None:
        waits = backoff.expo(max_value=60)
        next(waits)
        patience = Patience(self._clock)
        locks = 0
        refused: list[Token] = []
        while True:
            try:
                with self._turn(endpoint, patience) as turn:
                    self._count(endpoint, tally)
                    return self._call_once(endpoint, sent, turn)
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
                wait = backoff.full_jitter(next(waits))
                if patience.fail() + wait > self._retry_seconds:
                    msg = (
                        f"Zoho's {endpoint} still fails after {self._retry_seconds} s "
                        f"(`retry_max_seconds`): {error}."
                    )
                    raise Outage(msg) from None
                logger.info("%s: %s; trying again in %.0f s", endpoint, error, wait)
                self._sleep(wait)

    @contextmanager
    def _turn(self, endpoint: str, patience: Patience) -> Iterator[Turn]:
        """Wait until a call may be sent, and keep its place while it is underway.

        Nobody keeps a place while waiting: other endpoints go on. The token is asked
        for behind every wait, since a wait may outlast it.
        """
        while True:
            try:
                with self._in_flight, self._budget.token():
                    # Whoever waits for a token that comes has not failed.
                    with self._budget.resting(), patience.resting():
                        token = self._auth.token()
                    ticket = self._enter(endpoint)
                    yield Turn(token, ticket)
                    return
            except BudgetExhausted as starved:
                if starved.failing > self._retry_seconds:
                    msg = (
                        "Zoho has answered none of the calls for "
                        f"{self._retry_seconds} s (`retry_max_seconds`): "
                        f"{starved.cause}."
                    )
                    raise Outage(msg) from None
                with patience.resting():
                    self._sleep(starved.seconds)
            except _NotYet as not_yet:
                wait = not_yet.wait
                if wait.locked and self._stop_on_lock:
                    msg = f"Zoho has locked {endpoint} until {_end(wait)}"
                    raise StoppedAtLock(msg) from None
                with self._budget.resting(), patience.resting():
                    self.ledger.rest(endpoint, wait)
            except TokenWait as waiting:
                with self._budget.resting(), patience.resting():
                    self._wait_for_token(endpoint, waiting.wait)

    def _wait_for_token(self, endpoint: str, wait: Wait) -> None:
        until = time.time() + wait.seconds
        if wait.locked and self._stop_on_lock:
            msg = (
                f"{_TOKEN_SERVICE} was asked too often and gives no access token until "
                f"{_end(wait)}"
            )
            raise StoppedAtLock(msg) from None
        if wait.seconds <= _BRIEF:
            # For another process, which is worth no line.
            self._sleep(wait.seconds)
            return
        self.ledger.resting(endpoint, until)
        self.ledger.rest(_TOKEN_SERVICE, wait)

    def _enter(self, endpoint: str) -> Ticket:
        # A call that this session may not make is not in there.
        if self._scopes[endpoint] in self.missing_scopes:
            raise _forbidden(endpoint)
        taken = self.ledger.take(endpoint)
        if isinstance(taken, Wait):
            raise _NotYet(taken)
        return taken

    def _judge_refusal(
        self, endpoint: str, tokens: Sequence[Token], error: Unauthorized
    ) -> None:
        """Return if a call that was refused is worth another try.

        Args:
            endpoint: Name of the call.
            tokens: Those with which it has been refused.
            error: The last refusal.
        """
        if not self._auth.renews:
            raise SettingError(str(error)) from None
        token, again = tokens[-1], len(tokens) > 1
        unproved = SCOPES[endpoint] not in self.granted_scopes
        if (again and unproved) or self._is_second(tokens):
            self._compare(endpoint, tokens, error)
        if unproved and not (again or self._auth.has_asked_for(token)):
            self._prove(endpoint, token)
        if self._verdict or endpoint in self._refusing:
            raise FatalError(self._verdict or str(error)) from None
        # A token that is good for something else may lack a scope; Zoho issues few, so
        # it is not renewed at once.
        if again or not (unproved and self.granted_scopes):
            self._discarded[token.issue] = token.text
            self._auth.discard(token)

    def _prove(self, endpoint: str, token: Token) -> None:
        """Find out if another run's token is good for something, if nothing tells it.

        Otherwise each run whose first call lacks its scope would cost a token.
        """
        with self._probing:
            if not self.granted_scopes and token.issue not in self._discarded:
                self._is_accepted_beside(endpoint, token)

    def _is_second(self, tokens: Sequence[Token]) -> bool:
        """Return whether the last token came instead of one that was refused."""
        issue = tokens[-1].issue
        new = issue not in self._discarded and issue not in self._accepted
        return issue != tokens[0].issue or (bool(self._discarded) and new)

    def _compare(
        self, endpoint: str, tokens: Sequence[Token], error: Unauthorized
    ) -> None:
        """Tell a token that is not good for a call from one that is good for nothing.

        The answer is the same for a token that lacks a scope, that has ended, and that
        is not accepted at all. So another call is tried, once for all threads.

        Args:
            endpoint: Name of the call.
            tokens: Those with which it has been refused; none is asked for.
            error: The last refusal.

        Raises:
            Forbidden: It lacks the scope.
            FatalError: It is of no use to ask for one more.
        """
        scope, second = SCOPES[endpoint], self._is_second(tokens)
        with self._probing:
            if self._verdict:
                raise FatalError(self._verdict) from None
            unproved = scope not in self.granted_scopes
            accepted = None
            if second or (unproved and scope not in self.missing_scopes):
                accepted = self._is_accepted_beside(endpoint, tokens[-1])
            if accepted and unproved:
                self.missing_scopes.add(scope)
            elif accepted:
                self._refusing.add(endpoint)
            sentence = str(error)
            if second and tokens[-1].text in self._discarded.values():
                sentence = _REPEATED
            if second and accepted is False:
                self._verdict = sentence
        if scope in self.missing_scopes:
            raise _forbidden(endpoint) from None
        if second:
            raise FatalError(sentence) from None

    def _is_accepted_beside(self, endpoint: str, token: Token) -> bool | None:
        """Try other calls; return None if none of them tells of the token."""
        unproved = SCOPES[endpoint] not in self.granted_scopes
        refused = unknown = 0
        for other in PROBES:
            scope = SCOPES[other]
            same = scope == SCOPES[endpoint] if unproved else other == endpoint
            if same or scope in self.missing_scopes:
                continue
            try:
                # Another token costs less than to wait for the quota of a trial.
                if not self.ledger.remaining(other):
                    unknown += 1
                    continue
                with self._turn(other, Patience(self._clock)) as turn:
                    if turn.token.issue != token.issue:
                        return None
                    self._count(other, None)
                    sent = _Sent({"fromindex": 1, "range": 1}, self.format)
                    self._call_once(other, sent, turn)
            except Unauthorized:
                refused += 1
            except ZohoError:
                unknown += 1
            else:
                return True
        return False if refused and not unknown else None

    def _count(self, endpoint: str, tally: Counter[str] | None) -> None:
        with self._counting:
            self.calls[endpoint] += 1
            if tally is not None:
                tally[endpoint] += 1

    def _call_once(
        self, endpoint: str, sent: _Sent, turn: Turn
    ) -> wire.Envelope | None:
        signature = self._auth.sign(turn.token)
        form = {**wire.ask(endpoint, sent.form), **sent.params, **signature.form}
        reply = self._transport.send(
            self.version.method(endpoint),
            self._hosts.api,
            self.version.address(endpoint, sent.form),
            form,
            signature.headers,
        )
        # Without an answer, the call may reach Zoho yet.
        self.ledger.done(turn.ticket)
        envelope = self._judge(endpoint, reply, sent.private)
        self.granted_scopes.add(SCOPES[endpoint])
        self._accepted.add(turn.token.issue)
        self._refusing.discard(endpoint)
        self._verdict = ""
        return envelope

    def _post_token(self, form: dict[str, str]) -> Reply:
        return self._transport.send("POST", self._hosts.accounts, TOKEN_PATH, form)

    def _judge(
        self, endpoint: str, reply: Reply, private: Iterable[str]
    ) -> wire.Envelope | None:
        status = reply.status
        try:
            envelope = wire.read(reply.content)
            if envelope.success and status == _OK:
                if endpoint in WRITES:
                    return wire.coded(envelope)
                return envelope._replace(payload=wire.payload(endpoint, envelope))
            wire.coded(envelope)
        except wire.Unreadable as error:
            raise self._unreadable(endpoint, reply, error) from None
        rule = find_rule(endpoint, envelope.code, envelope.message)
        # A code is no contact, but a contact may have a number that looks like one.
        code = redact(envelope.code, self._auth.secrets)
        message = redact(envelope.message, self._auth.secrets, private)
        told = f"code {code} ({message or 'no message'})"
        if rule.action in {Action.EMPTY, Action.ALREADY_DONE} and status == _OK:
            return None
        if rule.action is Action.LOCKED or status == requests.codes.too_many_requests:
            msg = f"Zoho has locked {endpoint} with {told}"
            raise Locked(msg)
        check = f": {advice}" if (advice := self._advice(rule)) else ""
        sentence = f"Zoho answered {endpoint} with {told}{check}."
        if rule.action is Action.REFRESH_TOKEN or status == requests.codes.unauthorized:
            raise Unauthorized(sentence)
        if endpoint in WRITES and status >= _SERVER_ERROR:
            # It may be the contact that Zoho's server can't cope with.
            raise Postponed(sentence, code, message)
        if endpoint in WRITES and (status == _OK or rule.action is Action.REJECT):
            _judge_change(rule, sentence, code, message)
        if rule.action is Action.RETRY or status >= _SERVER_ERROR:
            raise Transient(told + check)
        raise _VERDICTS.get(rule.action, FatalError)(sentence)

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
        patience = asks_for_patience(reply.content[:_PIECE].decode(errors="replace"))
        if _CLIENT_ERROR <= status < _SERVER_ERROR and not patience:
            rule = find_rule(endpoint, str(status), "")
            if rule.action is Action.FORBID:
                return Forbidden(f"Zoho answered HTTP {status}: {rule.check}.")
            return FatalError(
                f"Zoho answered HTTP {status} with {error}: check `data_center`, or "
                "`api_url` if it is set."
            )
        told = f"HTTP {status} with {error}"
        check = "check `data_center` or `api_url`"
        if endpoint in WRITES and status >= _SERVER_ERROR:
            sentence = f"Zoho answered {endpoint} with {told}: {check}."
            return Postponed(sentence, str(status), told)
        return Transient(f"{told}; {check}")

    def _advice(self, rule: Rule) -> str:
        return self._auth.advice.get(rule.action, rule.check)


def _end(wait: Wait) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time.time() + wait.seconds))


def _judge_change(rule: Rule, sentence: str, code: str, message: str) -> None:
    """Raise what is about the contact alone, if the answer may be."""
    if rule.action is Action.RETRY:
        raise Postponed(sentence, code, message)
    if rule.action is Action.REJECT:
        raise Rejected(sentence, code, message)
    if rule is UNKNOWN:
        raise UnknownRejection(sentence, code, message)


def _forbidden(endpoint: str) -> Forbidden:
    writes = endpoint in WRITES
    way_out = "" if writes else ", or deselect the streams that need it"
    return Forbidden(
        f"The token lacks the scope {SCOPES[endpoint]}: make a new `refresh_token` "
        f"with it{way_out}."
    )


_VERDICTS = {
    Action.SKIP: NotFound,
    Action.SMALLER_PAGE: RangeRefused,
    Action.FORBID: Forbidden,
}
