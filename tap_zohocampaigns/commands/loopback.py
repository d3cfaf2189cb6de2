"""Waits for the redirect of a browser on a port of this machine."""

from __future__ import annotations

import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tap_zohocampaigns.api.errors import FatalError, SettingError

if t.TYPE_CHECKING:
    from types import TracebackType

    Query: t.TypeAlias = dict[str, str]

_DONE = b"<!doctype html><title>Done</title><p>You can close this window."
_OTHER = b"<!doctype html><title>Not here</title><p>This is not the expected redirect."
_IDLE_SECONDS = 10.0


class _Server(ThreadingHTTPServer):
    """A thread for each connection: browsers open some that they do not use."""

    def handle_error(self, *_: object) -> None:
        """Ignore browsers that hang up."""


class Loopback:
    """A server for one redirect; use it as a context."""

    def __init__(self, port: int) -> None:
        """Bind the port of 127.0.0.1.

        Raises:
            SettingError: The port is in use.
        """
        self._queries: list[Query] = []
        self._came = threading.Event()
        try:
            self._server = _Server(("127.0.0.1", port), self._handler())
        except OSError as error:
            msg = (
                f"Port {port} can't be used ({type(error).__name__}): choose another "
                "with `--port`, and add its address to the client."
            )
            raise SettingError(msg) from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            daemon=True,
        )

    @property
    def url(self) -> str:
        """The redirect address, as it has to be registered for the client."""
        return f"http://localhost:{self.port}"

    def __enter__(self) -> t.Self:
        """Start to listen."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, state: str, seconds: float) -> Query:
        """Return the parameters of the redirect with a `state`.

        Args:
            state: What was sent to the consent page. Other requests are ignored.
            seconds: How long to wait.

        Raises:
            FatalError: No redirect came.
        """
        ends = time.monotonic() + seconds
        while self._came.wait(max(ends - time.monotonic(), 0)):
            self._came.clear()
            for query in self._queries:
                if query.get("state") == state:
                    return query
        msg = f"No redirect came within {seconds:.0f} s: run `login` again."
        raise FatalError(msg)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _IDLE_SECONDS

            def do_GET(self) -> None:
                query = dict(parse_qsl(urlsplit(self.path).query))
                known = "state" in query
                try:
                    self.send_response(200 if known else 404)
                    self.send_header("Content-Type", "text/html; charset=utf-8")
                    self.end_headers()
                    self.wfile.write(_DONE if known else _OTHER)
                finally:
                    # A browser that is closed at once has brought the code too.
                    if known:
                        loopback.note(query)

            def log_message(self, *_: object) -> None:
                """Log nothing: the path holds the code."""

        return Handler

    def note(self, query: Query) -> None:
        """Keep the parameters of a request."""
        self._queries.append(query)
        self._came.set()
