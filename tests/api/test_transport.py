"""A call ends after `request_timeout`, however slow the answer, in little memory."""

from __future__ import annotations

import gzip
import itertools
import json
import resource
import socket
import ssl
import subprocess
import sys
import threading
import typing as t
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from urllib3.response import DeflateDecoder, HTTPResponse

from tap_zohocampaigns.api.errors import FatalError
from tests.support.calls import LISTS
from tests.support.certificates import CERTIFICATE, PRIVATE_KEY
from tests.support.timed_call import call
from tests.support.zoho import Answer, Clock, Request, Zoho

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Talk: t.TypeAlias = Callable[["Slow"], None]

# Longer than a busy machine needs; nobody waits for it where all is well.
PATIENCE = 120.0
TOKEN = json.dumps({"access_token": "planted", "expires_in": 3600}).encode()
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"


class Slow:
    """One connection of a server that takes its time."""

    def __init__(self, made: socket.socket, over: threading.Event) -> None:
        self.made = made
        self.over = over

    def say(self, words: bytes) -> None:
        """Send at once."""
        self.made.sendall(words)

    def hear(self) -> None:
        """Read a request, with its body."""
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += self._more()
        head, _, body = heard.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        while len(body) < int(length.split(b"\r\n")[0] or 0):
            body += self._more()

    def _more(self) -> bytes:
        if not (more := self.made.recv(1 << 16)):
            raise ConnectionError
        return more

    def trickle(self, words: bytes) -> None:
        """Send these again and again, byte by byte, until somebody ends it."""
        for byte in itertools.cycle(words):
            if self.over.wait(0.01):
                return
            self.say(bytes([byte]))


@contextmanager
def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on a free port, each connection by `talk`; end it if it takes too long."""
    over, late = threading.Event(), threading.Event()

    def serve(made: socket.socket) -> None:
        with suppress(OSError), made:
            if tls:
                with tls.wrap_socket(made, server_side=True) as wrapped:
                    talk(Slow(wrapped, over))
            else:
                talk(Slow(made, over))

    def accept() -> None:
        with suppress(OSError):
            while True:
                made, _ = listening.accept()
                handles.append(made.dup())
                threads.append(threading.Thread(target=serve, args=(made,)))
                threads[-1].start()

    def give_up() -> None:
        late.set()
        over.set()

    listening = socket.create_server(("127.0.0.1", 0))
    handles = [listening]
    threads = [threading.Thread(target=accept)]
    threads[0].start()
    watchdog = threading.Timer(PATIENCE, give_up)
    watchdog.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}"
        assert not late.is_set()
    finally:
        watchdog.cancel()
        over.set()
        for handle in handles:
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()
        for thread in threads:
            thread.join()


def status_line(slow: Slow) -> None:
    slow.trickle(b"HTTP/1.1 200 " + b"O" * 60_000)


def headers(slow: Slow) -> None:
    slow.say(OK)
    slow.trickle(b"X-Header: some words\r\n")


def hundred_continue(slow: Slow) -> None:
    slow.trickle(b"HTTP/1.1 100 Continue\r\n\r\n")


def many_hundred_continues(slow: Slow) -> None:
    while not slow.over.is_set():
        slow.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def body(slow: Slow) -> None:
    slow.say(OK + b"Content-Length: 1000000\r\n\r\n")
    slow.trickle(b" ")


def body_without_length(slow: Slow) -> None:
    slow.say(OK + b"\r\n")
    slow.trickle(b" ")


def compressed_body(slow: Slow) -> None:
    slow.say(OK + b"Content-Encoding: deflate\r\n\r\n" + b"\x78\x9c")
    slow.trickle(b"\x00\x00\x00\xff\xff")


def chunk_head(slow: Slow) -> None:
    slow.say(CHUNKED + b"\r\n")
    slow.trickle(b"0")


def chunk_extension(slow: Slow) -> None:
    slow.say(CHUNKED + b"\r\n1;")
    slow.trickle(b"x")


def chunks(slow: Slow) -> None:
    slow.say(CHUNKED + b"\r\n")
    slow.trickle(b"1\r\n \r\n")


def trailers(slow: Slow) -> None:
    slow.say(CHUNKED + b"\r\n2\r\n{}\r\n0\r\n")
    slow.trickle(b"X-Trailer: some words\r\n")


def redirect_body(slow: Slow) -> None:
    slow.say(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
    slow.trickle(b" ")


def nothing(slow: Slow) -> None:
    slow.over.wait(2 * PATIENCE)


TRICKLES = [
    *(status_line, headers, hundred_continue, many_hundred_continues),
    *(body, body_without_length, compressed_body, redirect_body, nothing),
    *(chunk_head, chunk_extension, chunks, trailers),
]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return what serves with a certificate that is trusted."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(PRIVATE_KEY)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("trickle", TRICKLES)
def test_a_slow_answer_ends_after_request_timeout(
    trickle: Talk,
    tls: ssl.SSLContext,
    *,
    secure: bool,
) -> None:
    def talk(slow: Slow) -> None:
        slow.hear()
        trickle(slow)

    with (
        serving(talk, tls if secure else None) as url,
        pytest.raises(FatalError, match=r"no whole answer .*Timeout.*`accounts_url`"),
    ):
        call(url)


@pytest.mark.parametrize("trickle", [status_line, headers, trailers])
def test_the_second_call_of_a_connection_has_a_timeout_too(trickle: Talk) -> None:
    def talk(slow: Slow) -> None:
        slow.hear()
        slow.say(OK + b"Content-Length: %d\r\n\r\n" % len(TOKEN) + TOKEN)
        slow.hear()
        trickle(slow)

    with (
        serving(talk) as url,
        pytest.raises(FatalError, match=r"no whole answer .*Timeout.*`api_url`"),
    ):
        call(url)


def test_each_call_of_a_connection_has_the_whole_timeout() -> None:
    def talk(slow: Slow) -> None:
        for _ in range(5):
            slow.hear()
            slow.over.wait(0.2)
            slow.say(OK + b"Content-Length: %d\r\n\r\n" % len(TOKEN) + TOKEN)

    with serving(talk) as url, pytest.raises(FatalError, match="`api_url`"):
        # An answer without data is retried.
        call(url, request_timeout=5, retry_max_seconds=1)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_slow_proxy_ends_after_request_timeout(
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    *,
    secure: bool,
) -> None:
    def talk(slow: Slow) -> None:
        slow.hear()
        headers(slow)

    with serving(talk, tls if secure else None) as url:
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(FatalError, match=r"no whole answer .*`accounts_url`"):
            call("https://zoho.example")


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_a_slow_handshake_ends_after_request_timeout(
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    *,
    secure: bool,
    proxied: bool,
) -> None:
    def talk(slow: Slow) -> None:
        if proxied:
            slow.hear()
            slow.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        slow.say(b"\x16\x03\x03\x40\x00")
        slow.trickle(b"\x02")

    with serving(talk, tls if secure and proxied else None) as url:
        monkeypatch.setenv("https_proxy", url)
        zoho = "https://zoho.example" if proxied else url.replace("http:", "https:")
        with pytest.raises(FatalError, match=r"no whole answer .*`accounts_url`"):
            call(zoho)


def test_a_slow_look_up_ends_after_request_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> t.NoReturn:
        asked.append(host)
        over.wait(PATIENCE)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        for _ in range(3):
            with pytest.raises(FatalError, match=r"no whole answer .*Timeout"):
                call("https://slow.example")
        # There is one look-up at a time.
        assert asked == ["slow.example"]
    finally:
        assert not over.is_set()
        over.set()


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def talk(slow: Slow) -> None:
        slow.hear()
        slow.say(OK + b"Content-Length: 2\r\n\r\n{}")

    # Its queue is full, so it does not answer.
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),
        serving(talk) as url,
    ):
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(full.getsockname())
        port = int(url.rpartition(":")[2])
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        addresses = [(*kind, full.getsockname()), (*kind, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        with pytest.raises(FatalError, match="token") as caught:
            call(f"http://localhost:{port}", request_timeout=2)
        assert "Timeout" not in str(caught.value)
        for filler in fillers:
            filler.close()


# A program that may use little memory, and makes one call.
READER = """
import re, sys
sys.path[:0] = [{root!r}]
from tests.support.timed_call import call
from tap_zohocampaigns.api.errors import FatalError
try:
    call("http://127.0.0.1:1", sys.argv[1], request_timeout=60)
except FatalError as error:
    print(error)
# Unlike `ru_maxrss`, it is not that of the process that started this one.
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""
GIB = 1 << 30
HEADS = {"deflate": b"\x78\x9c", "raw": b""}


def bomb(encoding: str) -> bytes:
    """Return a body that becomes 10 GiB of zeros when it is decoded."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # It can be repeated, since nothing refers to what lies before it.
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = HEADS.get(encoding, b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
    packed = head + 10_240 * block + packer.flush()
    for _ in range(encoding.count(",")):
        packed = gzip.compress(packed)
    return packed


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 302, 401])
@pytest.mark.parametrize(
    "encoding", ["gzip", "x-gzip", "deflate", "raw", "gzip, gzip", "gzip, gzip, gzip"]
)
def test_a_decompression_bomb_needs_little_memory(encoding: str, status: int) -> None:
    root = str(Path(__file__).parents[2])
    packed = bomb(encoding)
    name = encoding.replace("raw", "deflate")

    def talk(slow: Slow) -> None:
        slow.hear()
        head = f"HTTP/1.1 {status} OK\r\nContent-Encoding: {name}\r\nLocation: /\r\n"
        slow.say(f"{head}Content-Length: {len(packed)}\r\n\r\n".encode() + packed)

    with serving(talk) as url:
        done = subprocess.run(
            [sys.executable, "-c", READER.format(root=root), url],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB)),
        )
    assert done.returncode == 0, done.stderr
    *errors, most = done.stdout.splitlines()
    assert len(errors) == 1
    assert int(most) < 400 << 10


def test_only_requested_encodings_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    # As with an old package for Brotli, which has no limit.
    decoders = [*HTTPResponse.CONTENT_DECODERS, "br"]
    monkeypatch.setattr(HTTPResponse, "CONTENT_DECODERS", decoders)
    decoded: list[bytes] = []
    monkeypatch.setattr(
        DeflateDecoder, "decompress", lambda _, data, **__: decoded.append(data)
    )
    accepted: list[str] = []

    def answer(asked: Request) -> Answer:
        accepted.append(asked.headers["Accept-Encoding"])
        return Answer(b"{}", headers={"Content-Encoding": "br, gzip"})

    with Zoho(answer, token=answer) as zoho, pytest.raises(FatalError):
        zoho.client(Clock(), retry_max_seconds=0).call(LISTS, {})
    assert accepted == ["gzip, deflate"]
    assert decoded == []
