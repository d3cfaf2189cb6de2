"""Stands before a Redis server: with TLS, as a slow network, or to lead to another."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import typing as t
from contextlib import suppress

from tests.support.certificates import CERTIFICATE, PRIVATE_KEY

if t.TYPE_CHECKING:
    from pathlib import Path


class Front:
    """Relays connections to a port of this machine.

    Attributes:
        target: The port that new connections lead to.
        port: Where it listens.
    """

    def __init__(
        self, target: int, *, tls: Path | None = None, delay: float = 0.0
    ) -> None:
        """Listen on a free port.

        Args:
            target: Port of the server.
            tls: Folder for a certificate; clients then have to use TLS.
            delay: Seconds that the way takes, in each direction.
        """
        self.target = target
        self._delay = delay
        self._tls = with_certificate(tls) if tls else None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in `accept` would keep the port open.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.cut()

    def cut(self) -> None:
        """Cut all connections."""
        for each in tuple(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(
                    target=self._relay, args=(client,), daemon=True
                ).start()

    def _relay(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", self.target))
            with client, server:
                ends = {client, server}
                self._open |= ends
                back = threading.Thread(
                    target=self._copy, args=(server, client), daemon=True
                )
                back.start()
                self._copy(client, server)
                back.join()
                self._open -= ends

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(self._delay)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


def with_certificate(folder: Path) -> ssl.SSLContext:
    """Return the TLS of a server; its certificate is `ca.pem` in the folder."""
    (folder / "ca.pem").write_text(CERTIFICATE)
    (folder / "key.pem").write_text(PRIVATE_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context
