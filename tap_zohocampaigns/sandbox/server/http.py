"""An HTTP server on a port of this machine. It knows nothing of Zoho."""

from __future__ import annotations

import socket
import socketserver
import sys
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST: t.Final = "127.0.0.1"

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; with `cut` the connection breaks before the end."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; `params` are those of the query and of a form."""

    method: str
    path: str
    query: dict[str, str]
    params: dict[str, str]
    authorization: str


class Listener(ThreadingHTTPServer):
    """Answers each connection in a thread of its own."""

    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        """Bind the port (0: any); `serve_forever` starts to answer."""
        self.answer = answer
        self._open: set[socket.socket] = set()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking for the name of the host."""
        # HTTPServer asks a name server, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def server_close(self) -> None:
        """Stop listening, and end the connections that clients keep."""
        super().server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def enter(self, connection: socket.socket) -> None:
        """Remember a connection."""
        self._open.add(connection)

    def leave(self, connection: socket.socket) -> None:
        """Forget a connection."""
        self._open.discard(connection)

    def handle_error(
        self,
        request: socket.socket | tuple[bytes, socket.socket],
        client_address: object,
    ) -> None:
        """Ignore clients that hang up; log other errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.server.enter(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.leave(self.connection)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._serve("")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # Zoho reads parameters only from forms, so a JSON body is ignored.
        is_form = self.headers.get_content_type() == _FORM
        self._serve(body.decode(errors="replace") if is_form else "")

    def __getattr__(self, name: str) -> Callable[[], None]:
        # Without this, other methods would get status 501.
        if name.startswith("do_"):
            return self.do_POST
        raise AttributeError(name)

    def _serve(self, form: str) -> None:
        parts = urlsplit(self.path)
        query, body = (
            dict(parse_qsl(text, keep_blank_values=True))
            for text in (parts.query, form)
        )
        reply = self.server.answer(
            Request(
                method=self.command,
                path=parts.path,
                query=query,
                params=query | body,
                authorization=self.headers.get("Authorization", ""),
            )
        )
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) + reply.cut
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.close_connection |= reply.cut
