"""A service on a real socket whose answers a test sets, and a clock for tests."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

import pytest

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.endpoints import ENDPOINTS
from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.wire import envelope, payloads

if t.TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.quota.ledger import Ledger, Store
    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Json

CLIENT_ID = "1000.CLIENTID"
# Short ones, which no rule about long keys hides.
CLIENT_SECRET = "planted-secret"
REFRESH_TOKEN = "planted-refresh"
AUTH_TOKEN = "planted-auth"
ADDRESS = "planted.person+news@example.com"
LONG_KEY = "3z" + "ab01" * 16

NAMES = (
    "getmailinglists",
    "getsegmentcontacts",
    "getsegmentdetails",
    "listsubscriberscount",
    "recentcampaigns",
    "getcampaignrecipientsdata",
    "getcampaigndetails",
)
ROWS = {name: row.rows for name, row in ENDPOINTS.items() if row.rows}
VALUES = {name: row.value for name, row in ENDPOINTS.items() if row.value}
_TOKEN = "/oauth/v2/token"
# After so many requests there is no answer, so that the test of an endless loop fails.
_PATIENCE = 500


def read(content: bytes) -> Envelope:
    """Return the envelope of a body, if it is whole."""
    return payloads.check(envelope.parse(content))


def payload(name: str, answer: Envelope) -> Json:
    """Return the rows or the value of an answer."""
    return payloads.payload(ENDPOINTS[name], answer)


class Clock:
    """A clock that moves when a test advances it or a client sleeps."""

    def __init__(self) -> None:
        self.now = 5000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Note the wait and let it pass."""
        self.waits.append(seconds)
        self.now += seconds


def make_call(store: Store | Ledger, endpoint: str) -> Wait | None:
    """Make a call that is answered at once, or return how long it has to wait."""
    result = store.enter(endpoint)
    if isinstance(result, Wait):
        return result
    store.done(result)
    return None


def wait_and_call(ledger: Ledger, endpoint: str) -> None:
    """Make a call as soon as it may be sent."""
    while wait := make_call(ledger, endpoint):
        ledger.wait_out(endpoint, wait)


def wait_near(seconds: float, *, locked: bool, within: float = 1e-5) -> Wait:
    """Return a value that equals waits of about so many seconds."""
    return Wait(t.cast("float", pytest.approx(seconds, abs=within)), locked)


class OverlapCounter:
    """Counts how many threads are in a call of it at the same time."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0

    def __call__(self) -> float:
        """Take so long that other threads enter if nothing stops them."""
        self.inside += 1
        for _ in range(2000):
            self.most = max(self.most, self.inside)
        self.inside -= 1
        return 0.0


@contextmanager
def switching_often() -> Iterator[None]:
    """Let the interpreter switch threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    target: str
    form: dict[str, str]
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def endpoint(self) -> str:
        """The name of the call."""
        return self.path.removeprefix("/api/").removeprefix("v1.1/")

    @property
    def params(self) -> dict[str, str]:
        """The parameters of query and body."""
        return dict(parse_qsl(urlsplit(self.target).query)) | self.form


@dataclass(frozen=True)
class Answer:
    """An answer; with `pieces` the body has no announced length."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    missing: int = 0
    """How many more bytes are announced than sent."""


class Zoho:
    """Serves on a free port until the end of the context.

    `api` answers a call; None drops the connection. `token` answers the token service:
    by default a fresh token each time.
    """

    def __init__(
        self,
        api: Callable[[Request], Answer | None],
        token: Callable[[Request], Answer | None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.over = threading.Event()
        self.api = api
        self.token = token or self._fresh
        self._server = _Server(self)
        port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        if tls:
            listening = self._server.socket
            self._server.socket = tls.wrap_socket(listening, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> t.Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def calls(self) -> list[Request]:
        """The calls of the API so far."""
        return [request for request in self.requests if request.path != _TOKEN]

    @property
    def tokens(self) -> int:
        """How many tokens were requested so far."""
        # One copy: the server's threads go on adding.
        return sum(request.path == _TOKEN for request in [*self.requests])

    def client(self, clock: Clock, **settings: object) -> Client:
        """Connect to this service."""
        urls = {"api_url": self.url, "accounts_url": self.url}
        return connect(
            CONFIG | urls | settings, clock=clock, wall=clock, sleep=clock.sleep
        )

    def answer(self, asked: Request) -> Answer | None:
        """Answer a request."""
        self.requests.append(asked)
        if len(self.requests) > _PATIENCE:
            return None
        return self.token(asked) if asked.path == _TOKEN else self.api(asked)

    def _fresh(self, _: Request) -> Answer:
        return token(f"access-{self.tokens}")


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, zoho: Zoho) -> None:
        self.zoho = zoho
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks up the name of the host, which can take seconds.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of these tests hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_CONNECT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = dict(parse_qsl(body.decode()))
        headers = {name.title(): value for name, value in self.headers.items()}
        asked = Request(self.command, self.path, form, headers)
        answer = self.server.zoho.answer(asked)
        if answer is None:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.pieces is None:
            length = len(answer.body) + answer.missing
            self.send_header("Content-Length", str(length))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(answer.body)
            for piece in answer.pieces or ():
                self.wfile.write(piece)


CONFIG: dict[str, t.Any] = {
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
    "data_center": "us",
    "api_version": "1.1",
    "response_format": "json",
    "page_size": 500,
    "rate_limit_calls": 490,
    "rate_limit_seconds": 300,
    "rate_limit_lock_seconds": 1800,
    "rate_limit_on_lock": "wait",
    "rate_limit_ledger": "memory",
    "concurrency": 1,
    "request_timeout": 60,
    "retry_max_seconds": 180,
}
OAUTH = ("client_id", "client_secret", "refresh_token")
V1: dict[str, t.Any] = {
    **{name: value for name, value in CONFIG.items() if name not in OAUTH},
    "api_version": "1",
    "auth_token": AUTH_TOKEN,
}


def token(access_token: object, **more: object) -> Answer:
    """Return an answer of the token service."""
    return as_json({"access_token": access_token, "expires_in": 3600, **more})


def as_json(body: object, status: int = 200) -> Answer:
    """Return an answer in JSON."""
    kind = {"Content-Type": "application/json;charset=UTF-8"}
    return Answer(json.dumps(body).encode(), status, kind)


def success(**more: object) -> Answer:
    """Return a success that holds something for whatever endpoint was called."""
    return as_json(
        {
            "status": "success",
            "code": "0",
            "list_of_details": [{"listkey": "3z"}],
            "recent_campaigns": [{"campaign_key": "3z"}],
            "campaign-details": [{}],
            "segments_details": "{}",
            "no_of_contacts": 1,
            **more,
        }
    )


def error(code: str, message: str = "", *, form: str = "json") -> bytes:
    """Return the body of an error, as Zoho's business answers have it."""
    if form == "json":
        body = {"status": "error", "code": code, "message": message, "uri": "/api"}
        return json.dumps(body).encode()
    return (
        f'<response uri="/api" version="1.1"><status>error</status>'
        f"<code>{code}</code><message>{escape(message)}</message></response>"
    ).encode()
