"""HTTP: sends a call, and returns the status and the body of the answer.

No other module imports `requests`.
"""

from __future__ import annotations

import typing as t
from importlib.metadata import PackageNotFoundError, version

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError

from tap_zohocampaigns.api import deadlines, hosts
from tap_zohocampaigns.api.causes import cause_of, find_cause
from tap_zohocampaigns.api.errors import FatalError, Redirected, Transient, Unanswered
from tap_zohocampaigns.api.wire.envelope import MAX_BYTES

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3.poolmanager import ProxyManager

_OAUTH = "/oauth/"
TOKEN_PATH = f"{_OAUTH}v2/token"
_PIECE = 1 << 20
_REDIRECT, _CLIENT_ERROR = 300, 400
# The connection was open, and no whole answer came in time.
_LATE = (requests.ReadTimeout, ReadTimeoutError, TimeoutError)
# Old packages decode other encodings without a limit on the size.
_ENCODINGS = {"gzip", "x-gzip", "deflate"}


class Reply(t.NamedTuple):
    """An answer: HTTP status, body, and the header `Date`."""

    status: int
    content: bytes
    date: str = ""


class _Adapter(HTTPAdapter):
    """Opens connections with deadlines, directly and through proxies."""

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = deadlines.POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> ProxyManager:
        if not proxy.lower().startswith("socks"):
            kwargs["proxy_ssl_context"] = deadlines.tls_context()
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = deadlines.POOLS
        return manager


class Transport:
    """The connections that all calls share."""

    def __init__(
        self,
        service: hosts.Hosts,
        timeout: float,
        connections: int,
        clock: Callable[[], float],
    ) -> None:
        """Prepare a session; nothing is opened yet.

        Args:
            service: The hosts that calls go to.
            timeout: Seconds for a whole call, from the look-up of the host's address
                to the last byte.
            connections: How many calls are underway at once.
            clock: Returns the seconds of a monotonic clock.
        """
        self._timeout = timeout
        self._clock = clock
        self._adapter = _Adapter(pool_maxsize=connections)
        self._session = requests.Session()
        # Proxies and certificates of the environment are looked up once, not for each
        # call. Credentials of a ~/.netrc are never used.
        self._routes = {host: self._route(host) for host in service}
        self._session.trust_env = False
        self._session.headers["User-Agent"] = f"tap-zohocampaigns/{_version()}"
        self._session.headers["Accept-Encoding"] = "gzip, deflate"

    def _route(self, host: str) -> dict[str, t.Any]:
        settings = self._session.merge_environment_settings(host, {}, None, None, None)
        # Calls to this machine, with their credentials, never go through a proxy.
        proxies = {} if hosts.is_local(host) else settings["proxies"]
        return {
            "verify": settings["verify"],
            "cert": settings["cert"],
            "proxies": proxies,
        }

    def uses_proxy(self, host: str) -> bool:
        """Return whether calls to a host go through a proxy of the environment."""
        return bool(requests.utils.select_proxy(host, self._routes[host]["proxies"]))

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
            Transient: There was no whole answer in time; `Unanswered` if Zoho may have
                carried out the call.
            FatalError: The certificates can't be read, or Zoho redirects.
        """
        setting = "`accounts_url`" if path.startswith(_OAUTH) else "`api_url`"
        check = f"check the network, and `data_center` or {setting}"
        request = self._session.prepare_request(
            requests.Request(
                method,
                host + path,
                params=form if method == "GET" else None,
                data=None if method == "GET" else form,
                headers=headers,
            )
        )
        deadline = deadlines.Deadline(self._clock() + self._timeout, self._clock)
        try:
            with deadlines.until(deadline):
                reply = self._exchange(request, self._routes[host])
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            TimeoutError,
        ) as error:
            # The error's own text contains the URL.
            msg = f"{cause_of(error)}: {check}"
            outage = (Unanswered if isinstance(error, _LATE) else Transient)(msg)
            outage.cause = find_cause(error)
            raise outage from None
        except OSError as error:
            msg = (
                "The certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE of the "
                f"environment names can't be read ({type(error).__name__})."
            )
            raise FatalError(msg) from None
        if _REDIRECT <= reply.status < _CLIENT_ERROR:
            msg = (
                "Zoho redirects to another address, which is never followed with "
                f"credentials: {check}."
            )
            raise Redirected(msg)
        return reply

    def _exchange(
        self, request: requests.PreparedRequest, route: dict[str, t.Any]
    ) -> Reply:
        content = bytearray()
        # Not `session.send`, which reads the whole body of a redirect.
        with self._adapter.send(
            request, stream=True, timeout=self._timeout, **route
        ) as response:
            encodings = response.headers.get("Content-Encoding", "").lower().split(",")
            decodes = {encoding.strip() for encoding in encodings} <= _ENCODINGS
            while piece := response.raw.read1(_PIECE, decode_content=decodes):
                content += piece
                deadlines.remaining()
                if len(content) > MAX_BYTES:
                    break
            date = response.headers.get("Date", "")
            return Reply(response.status_code, bytes(content), date)


def _version() -> str:
    try:
        return version("tap-zohocampaigns")
    except PackageNotFoundError:
        return "0"
