"""HTTP: sends a call and returns the status and the body of the answer."""

from __future__ import annotations

import typing as t
from importlib.metadata import PackageNotFoundError, version

import requests
import urllib3

from tap_zohocampaigns.api import wire
from tap_zohocampaigns.api.errors import Failed, Transient

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.api.hosts import Hosts

TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 (a path)
_PIECE = 1 << 20
_REDIRECT, _CLIENT_ERROR = 300, 400


class Reply(t.NamedTuple):
    """What came back: the status of HTTP and the body."""

    status: int
    content: bytes


class Transport:
    """The connections that all calls share."""

    def __init__(
        self,
        hosts: Hosts,
        timeout: float,
        connections: int,
        clock: Callable[[], float],
    ) -> None:
        """Prepare a session; nothing is opened yet.

        Args:
            hosts: Where calls go.
            timeout: Seconds for a whole call.
            connections: How many calls are underway at once.
            clock: Seconds on a clock that never steps.
        """
        self._timeout = timeout
        self._clock = clock
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=connections)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        # What the environment says of proxies and certificates, asked once, not for
        # each call; and no credentials from a ~/.netrc.
        self._routes = {
            host: self._session.merge_environment_settings(host, {}, None, None, None)
            for host in hosts
        }
        self._session.trust_env = False
        self._session.headers["User-Agent"] = f"tap-zohocampaigns/{_version()}"

    def send(
        self,
        method: str,
        host: str,
        path: str,
        form: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a call once and return the answer, whatever its status.

        Raises:
            Transient: There was no whole answer in time.
            Failed: The certificates can't be read, or Zoho redirects.
        """
        setting = "`accounts_url`" if path == TOKEN_PATH else "`api_url`"
        check = f"check the network, and `data_center` or {setting}"
        ends = self._clock() + self._timeout
        content = bytearray()
        try:
            with self._session.request(
                method,
                host + path,
                params=form if method == "GET" else None,
                data=None if method == "GET" else form,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                **self._routes[host] | {"stream": True},
            ) as response:
                status = response.status_code
                # The timeout of requests is for each piece; a trickle has no end.
                while piece := response.raw.read1(_PIECE, decode_content=True):
                    content += piece
                    if self._clock() > ends:
                        raise requests.Timeout
                    if len(content) > wire.MAX_BYTES:
                        break
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The error's own text has the URL in it.
            msg = f"no whole answer ({type(error).__name__}): {check}"
            raise Transient(msg) from None
        except OSError as error:
            msg = (
                "The certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE of the "
                f"environment names can't be read ({type(error).__name__})."
            )
            raise Failed(msg) from None
        if _REDIRECT <= status < _CLIENT_ERROR:
            msg = (
                "Zoho redirects to another address, which is never followed with "
                f"credentials: {check}."
            )
            raise Failed(msg)
        return Reply(status, bytes(content))


def _version() -> str:
    try:
        return version("tap-zohocampaigns")
    except PackageNotFoundError:
        return "0"
