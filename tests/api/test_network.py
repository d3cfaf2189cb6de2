"""Redirects, proxies, certificates and hosts."""

from __future__ import annotations

import socket
import ssl
import typing as t

import pytest

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import (
    FatalError,
    ZohoError,
)
from tests.support.calls import (
    LISTS,
    answers_in_order,
)
from tests.support.certificates import CERTIFICATE, PRIVATE_KEY
from tests.support.zoho import (
    CONFIG,
    ENDPOINT_NAMES,
    Answer,
    Clock,
    Zoho,
    success,
)

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("at", [*ENDPOINT_NAMES, "token"])
def test_a_redirect_is_an_error_and_not_followed(
    at: str, status: int, clock: Clock
) -> None:
    with Zoho(answers_in_order(success())) as target:
        away = Answer(b"", status, {"Location": f"{target.url}/oauth/v2/token"})
        tokens = answers_in_order(away) if at == "token" else None
        with Zoho(answers_in_order(away), token=tokens) as zoho:
            setting = "`accounts_url`" if at == "token" else "`api_url`"
            endpoint = LISTS if at == "token" else at
            with pytest.raises(FatalError, match=f"redirects.*{setting}"):
                zoho.client(clock).call(endpoint, {})
            assert len(zoho.requests) == (1 if at == "token" else 2)
        assert target.requests == []
    assert clock.waits == []


def test_the_proxy_of_the_environment_is_used(
    environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    far = {"api_url": "https://api.example", "accounts_url": "https://zoho.example"}
    with Zoho(answers_in_order(Answer(status=502))) as proxy:
        environment.setenv("https_proxy", proxy.url)
        client = proxy.client(clock, retry_max_seconds=0, **far)
        with pytest.raises(FatalError, match="ProxyError"):
            client.call(LISTS, {})
        (asked,) = proxy.requests
    assert (asked.method, asked.target) == ("CONNECT", "zoho.example:443")


def test_no_proxy_is_used_for_hosts_in_no_proxy(
    environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    far = {"api_url": "https://api.invalid", "accounts_url": "https://zoho.invalid"}
    with Zoho(answers_in_order(success())) as proxy:
        environment.setenv("https_proxy", proxy.url)
        environment.setenv("no_proxy", "zoho.invalid")
        with pytest.raises(FatalError, match=r"ConnectionError.*`accounts_url`"):
            proxy.client(clock, retry_max_seconds=0, **far).call(LISTS, {})
        assert proxy.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST"])
@pytest.mark.parametrize(
    "variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
)
def test_calls_to_this_machine_use_no_proxy(
    host: str, variable: str, environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    with (
        Zoho(answers_in_order(success())) as proxy,
        Zoho(answers_in_order(success())) as zoho,
    ):
        environment.setenv(variable, proxy.url)
        url = zoho.url.replace("127.0.0.1", host)
        client = zoho.client(clock, api_url=url, accounts_url=url)
        # The addresses of a machine that listens at one of them alone.
        environment.setattr(socket, "getaddrinfo", at_one_address)
        assert client.call(LISTS, {}) is not None
        assert len(zoho.requests) == 2
        assert proxy.requests == []


def at_one_address(_: str, port: int, **__: object) -> list[tuple[object, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("https://127.255.255.254", True),
        ("https://[::1]:443", True),
        ("https://[::ffff:127.0.0.1]", True),
        ("https://Localhost/x", True),
        ("https://localhost.example", False),
        ("https://128.0.0.1", False),
        ("https://10.0.0.1", False),
        ("https://[::2]", False),
        ("https://campaigns.zoho.com", False),
    ],
)
def test_is_local_recognizes_loopback_addresses(
    url: str,
    *,
    local: bool,
) -> None:
    assert hosts.is_local(url) is local


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_only_certificates_of_the_environment_are_trusted(
    variable: str, environment: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(PRIVATE_KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Zoho(answers_in_order(success()), tls=tls) as zoho:
        with pytest.raises(FatalError, match="SSLError"):
            zoho.client(clock, retry_max_seconds=0).call(LISTS, {})
        assert zoho.requests == []
        environment.setenv(variable, str(certificate))
        assert zoho.client(clock).call(LISTS, {}) is not None


def test_missing_certificates_are_an_error_with_one_sentence(
    environment: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    environment.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    urls = {"api_url": "https://127.0.0.1:1", "accounts_url": "https://127.0.0.1:1"}
    client = connect(
        CONFIG | urls | {"retry_max_seconds": 0}, clock=clock, sleep=clock.sleep
    )
    with pytest.raises(ZohoError):
        client.call(LISTS, {})


def test_credentials_of_a_netrc_are_never_sent(
    environment: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    for name in (".netrc", "_netrc"):
        netrc = tmp_path / name
        netrc.write_text("machine 127.0.0.1 login me password planted\n")
        netrc.chmod(0o600)
    environment.setenv("HOME", str(tmp_path))
    environment.setenv("NETRC", str(tmp_path / ".netrc"))
    with Zoho(answers_in_order(success())) as zoho:
        zoho.client(clock).call(LISTS, {})
        token_call, call = zoho.requests
    assert "Authorization" not in token_call.headers
    assert call.headers["Authorization"] == "Zoho-oauthtoken access-1"
