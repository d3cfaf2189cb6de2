"""A service on a real socket with answers from the test, and a clock for tests."""

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
# Short, so that no rule that redacts long keys hides them.
CLIENT_SECRET = "planted-secret"
REFRESH_TOKEN = "planted-refresh"
AUTH_TOKEN = "planted-auth"
ADDRESS = "planted.person+news@example.com"
LONG_KEY = "3z" + "ab01" * 16

ENDPOINT_NAMES = (
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
# Later requests get no answer, so that a test with an endless loop fails.
_MOST_REQUESTS = 500


def parse_envelope(content: bytes) -> Envelope:
    """Return the envelope of a body; raise an error if it is incomplete."""
    return payloads.check(envelope.parse(content))


def rows_or_value_of(name: str, answer: Envelope) -> Json:
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
        """Advance the clock."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Record the wait and advance the clock."""
        self.waits.append(seconds)
        self.now += seconds


def make_call(store: Store | Ledger, endpoint: str) -> Wait | None:
    """Make a call that is answered at once, or return how long to wait for a slot."""
    result = store.enter(endpoint)
    if isinstance(result, Wait):
        return result
    store.done(result)
    return None


def wait_and_call(ledger: Ledger, endpoint: str) -> None:
    """Make a call as soon as the quota allows it."""
    while wait := make_call(ledger, endpoint):
        ledger.wait_out(endpoint, wait)


def wait_near(seconds: float, *, locked: bool, within: float = 1e-5) -> Wait:
    """Return a `Wait` that equals every wait of about so many seconds."""
    return Wait(t.cast("float", pytest.approx(seconds, abs=within)), locked)


class OverlapCounter:
    """A clock that counts how many threads call it at the same time."""

    def __init__(self) -> None:
        self.inside = 0
        self.most_threads = 0

    def __call__(self) -> float:
        """Take long enough that other threads enter, unless a lock keeps them out."""
        self.inside += 1
        for _ in range(2000):
            self.most_threads = max(self.most_threads, self.inside)
        self.inside -= 1
        return 0.0


@contextmanager
def frequent_thread_switches() -> Iterator[None]:
    """Let the interpreter switch threads as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@dataclass(frozen=True)
class Request:
    """A request that the service received."""

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
        """The path without its prefix."""
        return self.path.removeprefix("/api/").removeprefix("v1.1/")

    @property
    def params(self) -> dict[str, str]:
        """The parameters of query and body."""
        return dict(parse_qsl(urlsplit(self.target).query)) | self.form


@dataclass(frozen=True)
class Answer:
    """An answer; with `pieces`, it has no Content-Length."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    missing: int = 0
    """How many bytes more than the body the Content-Length announces."""


class Zoho:
    """Serves on a free port until the end of the context.

    `api` answers calls of the API; None drops the connection. `token` answers requests
    for tokens, by default with a new token each time.
    """

    def __init__(
        self,
        api: Callable[[Request], Answer | None],
        token: Callable[[Request], Answer | None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.limit = _MOST_REQUESTS
        self.closed = threading.Event()
        self.api = api
        self.token = token or self._new_token
        self._server = _Server(self)
        port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        if tls:
            plain = self._server.socket
            self._server.socket = tls.wrap_socket(plain, server_side=True)
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
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def calls(self) -> list[Request]:
        """The calls of the API so far, without requests for tokens."""
        return [request for request in self.requests if request.path != _TOKEN]

    @property
    def tokens(self) -> int:
        """How many tokens were requested so far."""
        # A copy, because the server's threads append to the list.
        return sum(request.path == _TOKEN for request in [*self.requests])

    def client(self, clock: Clock, **settings: object) -> Client:
        """Connect to this service."""
        urls = {"api_url": self.url, "accounts_url": self.url}
        return connect(
            CONFIG | urls | settings, clock=clock, wall=clock, sleep=clock.sleep
        )

    def answer(self, request: Request) -> Answer | None:
        """Record a request and answer it."""
        self.requests.append(request)
        if len(self.requests) > self.limit:
            return None
        return self.token(request) if request.path == _TOKEN else self.api(request)

    def _new_token(self, _: Request) -> Answer:
        return token(f"access-{self.tokens}")


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, zoho: Zoho) -> None:
        self.zoho = zoho
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # Skip the look-up of the host name in HTTPServer, which can take seconds.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, *_: object) -> None:
        """Print no traceback: clients of these tests close connections early."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Log nothing."""

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
        request = Request(self.command, self.path, form, headers)
        answer = self.server.zoho.answer(request)
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
    """Return a success with content for every endpoint."""
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
    """Return the body of an error, as Zoho sends it with HTTP status 200."""
    if form == "json":
        body = {"status": "error", "code": code, "message": message, "uri": "/api"}
        return json.dumps(body).encode()
    return (
        f'<response uri="/api" version="1.1"><status>error</status>'
        f"<code>{code}</code><message>{escape(message)}</message></response>"
    ).encode()
