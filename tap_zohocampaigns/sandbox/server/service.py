"""The service: Zoho Campaigns and Zoho Accounts on a port of this machine."""

from __future__ import annotations

import hmac
import threading
import time
import typing as t
from dataclasses import dataclass, field, replace

from tap_zohocampaigns.sandbox.bodies.choices import Choices
from tap_zohocampaigns.sandbox.bodies.envelope import (
    V1,
    V1_1,
    version,
    without_head,
    wrong_url,
)
from tap_zohocampaigns.sandbox.server.accounts import (
    TOKEN_PATH,
    credential,
    token_reply,
)
from tap_zohocampaigns.sandbox.server.consent import Consent
from tap_zohocampaigns.sandbox.server.endpoints import Endpoints
from tap_zohocampaigns.sandbox.server.http import HOST, Listener, Reply
from tap_zohocampaigns.sandbox.server.limits import TOKEN_SECONDS, Quota, Tokens
from tap_zohocampaigns.sandbox.server.locks import JSON, XML, Lock
from tap_zohocampaigns.sandbox.server.requests import Code, refusal
from tap_zohocampaigns.sandbox.server.routes import ENDPOINTS, SCOPES, WRITES

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

    from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
    from tap_zohocampaigns.sandbox.bodies.lists import SegmentsForm
    from tap_zohocampaigns.sandbox.bodies.recipients import TimelineForm
    from tap_zohocampaigns.sandbox.bodies.reports import PlacesForm, SegmentsInfoForm
    from tap_zohocampaigns.sandbox.server.http import Request
    from tap_zohocampaigns.sandbox.server.locks import LockForm
    from tap_zohocampaigns.sandbox.server.routes import Endpoint
    from tap_zohocampaigns.sandbox.world.account import Account

_SCHEMES = ("Zoho-oauthtoken", "Bearer")
_SECRETS = ("client_secret", "refresh_token", "auth_token")
_SCOPE_V1 = "CampaignsAPI"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API.

    Attributes:
        endpoint: What came after `/api/v1.1/`, or `/api/` in version 1.
        params: The parameters of the query and of the form.
        at: When it came.
        version: The version of the API.
        secret_in_url: Whether a token or another secret was in the URL.
    """

    endpoint: str
    params: dict[str, str]
    at: float
    version: str = "1.1"
    secret_in_url: bool = False


@dataclass(eq=False)
class Service:
    """An imitation of Zoho Campaigns and Zoho Accounts, running until `close`.

    Attributes:
        account: What is served.
        port: Where; 0 takes a free port.
        segments_form: How getmailinglists names the segments of a list.
        segments_info_form: How getcampaigndetails names those of a campaign.
        places_form: How campaigns have their opens by country.
        timeline_form: How recipients have the times of their opens and clicks.
        fields_form: Where contact/allfields has the fields.
        scopes: What access tokens are for; other endpoints don't know the token.
        tells_scopes: The answer with a token names its scopes.
        clamp: Most rows of a page; more are silently left out. None: no limit. It may
            change from call to call.
        echo_clamped: Answers give the clamped range, not the one asked for.
        quota_calls: So many calls of an endpoint without an own quota pass
        quota_seconds: in so many seconds; the next one locks the endpoint
        lock_seconds: for so long.
        lock_form: What a locked endpoint says.
        throttle_status: The HTTP status of the eleventh token in ten minutes.
        token_seconds: How long a token lives.
        repeats_token: The token service gives the same token each time.
        monotonic: The clock of tokens, quota and calls, in seconds.
        headless: Endpoints whose successes have no code, status and message.
        intercept: Sees each call before the checks; its reply, if any, is sent
            instead, and the quota does not count the call.
        latency: Seconds before each answer of the API.
        url: Where the service listens.
        calls: The calls of the API so far, in order.
        tokens_asked: How often a token was asked for, be it in vain.
        consent: The consent page, and logins without a browser.
    """

    account: Account
    port: int = 0
    segments_form: SegmentsForm = "object"
    segments_info_form: SegmentsInfoForm = "list"
    places_form: PlacesForm = "object"
    timeline_form: TimelineForm = "list"
    fields_form: FieldsForm = "fieldnames"
    scopes: Collection[str] = SCOPES
    tells_scopes: bool = False
    clamp: int | None = 500
    echo_clamped: bool = True
    quota_calls: int = 500
    quota_seconds: float = 300
    lock_seconds: float = 1800
    lock_form: LockForm = "Z101"
    throttle_status: t.Literal[200, 400] = 400
    token_seconds: int = TOKEN_SECONDS
    repeats_token: bool = False
    monotonic: Callable[[], float] = time.monotonic
    headless: Collection[str] = ()
    intercept: Callable[[Call], Reply | None] | None = None
    latency: float = 0
    url: str = field(init=False)
    calls: list[Call] = field(init=False, default_factory=list)
    tokens_asked: int = field(init=False, default=0)
    consent: Consent = field(init=False)

    def __post_init__(self) -> None:
        """Bind the port and begin to serve."""
        choices = Choices(
            self.segments_form,
            self.segments_info_form,
            self.places_form,
            self.timeline_form,
            self.fields_form,
        )
        self._counting = threading.Lock()
        self._endpoints = Endpoints(
            self.account, choices, self.clamp, self.echo_clamped
        )
        self._tokens = Tokens(
            self.monotonic, self.token_seconds, repeats=self.repeats_token
        )
        self._quota = Quota(
            self.quota_calls, self.quota_seconds, self.lock_seconds, self.monotonic
        )
        self.consent = Consent(self.monotonic)
        self._server = Listener(self.port, self._answer)
        self.port = self._server.server_address[1]
        self.url = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            daemon=True,
        )
        self._thread.start()

    def __enter__(self) -> t.Self:
        """Return the running service."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the service."""
        self.close()

    def close(self) -> None:
        """Stop serving and end all connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def config(self) -> dict[str, str]:
        """The settings with which the tap reads this service."""
        return {
            "client_id": credential("client_id"),
            "client_secret": credential("client_secret"),
            "refresh_token": credential("refresh_token"),
            "api_url": self.url,
            "accounts_url": self.url,
        }

    @property
    def config_v1(self) -> dict[str, str]:
        """The settings with which the tap reads version 1 of this service."""
        return {
            "api_version": "1",
            "auth_token": credential("auth_token"),
            "api_url": self.url,
        }

    @property
    def tokens_issued(self) -> int:
        """How many access tokens were made so far."""
        return self._tokens.issued

    def _answer(self, request: Request) -> Reply:
        if request.path == TOKEN_PATH:
            if request.method != "POST":
                return _not_allowed("POST")
            with self._counting:
                self.tokens_asked += 1
            return token_reply(self, self._tokens, self.consent, request.params)
        if reply := self.consent.answer(request, self.url):
            return reply
        if not request.path.startswith(V1):
            return Reply(200, wrong_url(request.path), {"Content-Type": XML})
        called = version(request.path)
        # Appending is atomic, so the list needs no lock.
        call = Call(
            request.path.removeprefix(V1 if called == "1" else V1_1),
            request.params,
            self.monotonic(),
            called,
            self._exposed(request),
        )
        self.calls.append(call)
        if self.latency:
            time.sleep(self.latency)
        reply = self.intercept(call) if self.intercept else None
        return reply or self._api(request, call)

    def _exposed(self, request: Request) -> bool:
        secrets = {*map(credential, _SECRETS)}
        return any(
            name == "authtoken" or value in secrets or self._tokens.valid(value)
            for name, value in request.query.items()
        )

    def _api(self, request: Request, call: Call) -> Reply:
        endpoint = ENDPOINTS.get(call.endpoint) or WRITES.get(call.endpoint)
        if endpoint is None or (call.version == "1" and not endpoint.v1):
            return Reply(200, wrong_url(request.path), {"Content-Type": XML})
        if request.method not in endpoint.methods:
            return _not_allowed(*endpoint.methods)
        uri, as_json = endpoint.uri or request.path, endpoint.wants_json(call.params)
        kind = {"Content-Type": JSON if as_json else XML}
        refused = self._refused(request, call, endpoint)
        if refused is not None:
            status = 401 if refused is Code.UNAUTHORIZED else 200
            return Reply(status, refusal(uri, refused, as_json=as_json), kind)
        if not self._quota.admit(endpoint.counted(request.path)):
            return self._locked(uri, as_json=as_json)
        endpoints = replace(
            self._endpoints, clamp=self.clamp, echo_clamped=self.echo_clamped
        )
        body = endpoint.reply(endpoints, uri, call.params)
        if call.endpoint in self.headless:
            body = without_head(body, as_json=as_json)
        return Reply(200, body, kind)

    def _refused(self, request: Request, call: Call, endpoint: Endpoint) -> Code | None:
        if call.version == "1":
            scope, token = (call.params.get(one, "") for one in ("scope", "authtoken"))
            known = hmac.compare_digest(
                token.encode(), self.config_v1["auth_token"].encode()
            )
            if not known or scope not in {"", _SCOPE_V1}:
                return Code.UNAUTHORIZED
            return None if scope else Code.MISSING
        scheme, _, token = request.authorization.partition(" ")
        known = scheme in _SCHEMES and self._tokens.valid(token)
        # No public source shows a call beyond the scopes; the gateway says one thing
        # of all tokens that it does not like.
        return None if known and endpoint.admits(self.scopes) else Code.UNAUTHORIZED

    def _locked(self, uri: str, *, as_json: bool) -> Reply:
        lock = Lock(
            self.lock_form, self.quota_calls, self.quota_seconds, self.lock_seconds
        )
        return lock.reply(uri, as_json=as_json)


def _not_allowed(*methods: str) -> Reply:
    return Reply(405, b"", {"Allow": ", ".join(methods)})
