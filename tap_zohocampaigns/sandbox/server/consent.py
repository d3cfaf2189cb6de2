"""An imitation of Zoho's consent page, and of logins without a browser.

https://www.zoho.com/accounts/protocol/oauth/web-apps/authorization.html
https://www.zoho.com/accounts/protocol/oauth/devices/initiation-request.html
"""

from __future__ import annotations

import hmac
import secrets
import threading
import typing as t
from html import escape
from urllib.parse import urlencode

from tap_zohocampaigns.sandbox.bodies.envelope import encode
from tap_zohocampaigns.sandbox.server.accounts import credential
from tap_zohocampaigns.sandbox.server.http import Reply
from tap_zohocampaigns.sandbox.server.locks import JSON

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.sandbox.server.http import Request

CONSENT_PATH: t.Final = "/oauth/v2/auth"
DEVICE_PATH: t.Final = "/oauth/v3/device"
DEVICE_CODE_PATH: t.Final = f"{DEVICE_PATH}/code"
DEVICE_TOKEN_PATH: t.Final = f"{DEVICE_PATH}/token"
_CODE_SECONDS = 180.0
_DEVICE_SECONDS = 300
_POLL_SECONDS = 30
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_PAGE = """<!doctype html>
<html lang="en">
<title>{title}</title>
<style>
html {{ background: #eef1f5 }}
body {{ font: 16px sans-serif; margin: 2em auto; max-width: 34em; padding: 0 1em }}
button {{ font: inherit; margin-right: .5em; padding: .3em 1em }}
</style>
<h1>{title}</h1>
{text}
<form method="post" action="{action}">
{fields}
<button name="decision" value="accept">Accept</button>
<button name="decision" value="reject">Reject</button>
</form>
"""


class _Code(t.NamedTuple):
    redirect_uri: str
    scope: str
    ends: float
    offline: bool


class _Device(t.NamedTuple):
    scope: str
    ends: float
    decision: str
    """`accept`, `reject`, or empty."""


class Consent:
    """The codes of an account that wait for consent or for their exchange."""

    def __init__(self, clock: Callable[[], float], location: str = "us") -> None:
        """Start without codes.

        Args:
            clock: Returns the seconds of a monotonic clock.
            location: The data center that redirects name.
        """
        self.location = location
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}
        self._user_codes: dict[str, str] = {}
        self._polled: dict[str, float] = {}
        self._lock = threading.Lock()

    def new_code(self, scope: str = "", redirect_uri: str = "") -> str:
        """Return a code, as the API console generates it for a self client."""
        return self._new_code(redirect_uri, scope, offline=True)

    def _new_code(self, redirect_uri: str, scope: str, *, offline: bool) -> str:
        code = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        ends = self._clock() + _CODE_SECONDS
        with self._lock:
            self._codes[code] = _Code(redirect_uri, scope, ends, offline)
        return code

    def answer(self, request: Request, server: str) -> Reply | None:
        """Return the answer to a request; None if it is for another page.

        Args:
            request: The request.
            server: The address of this server.
        """
        pages = {
            ("GET", CONSENT_PATH): self._consent_page,
            ("POST", CONSENT_PATH): self._redirect,
            ("POST", DEVICE_CODE_PATH): self._device_code,
            ("GET", DEVICE_PATH): self._device_page,
            ("POST", DEVICE_PATH): self._decide,
            ("POST", DEVICE_TOKEN_PATH): self._device_token,
        }
        page = pages.get((request.method, request.path))
        return page(request.params, server) if page else None

    def _consent_page(self, params: Mapping[str, str], _: str) -> Reply:
        if params.get("client_id") != credential("client_id"):
            return Reply(200, b"Error: invalid_client", _HTML)
        if not params.get("redirect_uri", "").startswith("http://localhost:"):
            return Reply(200, b"Error: invalid_redirect_uri", _HTML)
        names = ("redirect_uri", "scope", "state", "access_type")
        hidden = {name: params.get(name, "") for name in names}
        scopes = escape(hidden["scope"]).replace(",", "\n<li>")
        text = f"<p>The app wants to access:\n<ul>\n<li>{scopes}\n</ul>"
        return _page("Sandbox consent", text, CONSENT_PATH, _hidden(hidden))

    def _redirect(self, params: Mapping[str, str], server: str) -> Reply:
        query = {"state": params.get("state", "")}
        if params.get("decision") == "accept":
            query["code"] = self._new_code(
                params["redirect_uri"],
                params.get("scope", ""),
                offline=params.get("access_type") == "offline",
            )
            query |= {"location": self.location, "accounts-server": server}
        else:
            query["error"] = "access_denied"
        return Reply(
            302, b"", {"Location": f"{params['redirect_uri']}?{urlencode(query)}"}
        )

    def exchange(self, params: Mapping[str, str]) -> dict[str, str] | str:
        """Return what is granted for a code, or the error.

        A code can be used once, and within its minutes.
        """
        if error := _wrong_client(params):
            return error
        with self._lock:
            code = self._codes.pop(params.get("code", ""), None)
        if code is None or self._clock() > code.ends:
            return "invalid_code"
        if code.redirect_uri != params.get("redirect_uri", ""):
            return "invalid_redirect_uri"
        return _granted(code.scope, offline=code.offline)

    def _device_code(self, params: Mapping[str, str], server: str) -> Reply:
        if params.get("client_id") != credential("client_id"):
            return _json({"error": "invalid_client"})
        device, user = secrets.token_hex(16), secrets.token_hex(4).upper()
        ends = self._clock() + _DEVICE_SECONDS
        with self._lock:
            self._devices[device] = _Device(params.get("scope", ""), ends, "")
            self._user_codes[user] = device
        url = f"{server}{DEVICE_PATH}"
        return _json(
            {
                "user_code": user,
                "device_code": device,
                "interval": _POLL_SECONDS * 1000,
                "expires_in": _DEVICE_SECONDS * 1000,
                "verification_url": url,
                "verification_uri_complete": f"{url}?user_code={user}",
            }
        )

    def _device_page(self, params: Mapping[str, str], _: str) -> Reply:
        code = escape(params.get("user_code", ""), quote=True)
        field = f'<label>Code <input name="user_code" value="{code}"></label>'
        return _page("Sandbox device", "<p>Enter the code.", DEVICE_PATH, field)

    def _decide(self, params: Mapping[str, str], _: str) -> Reply:
        with self._lock:
            name = self._user_codes.pop(params.get("user_code", ""), "")
            if name not in self._devices:
                return Reply(200, b"Error: invalid_code", _HTML)
            decision = params.get("decision", "reject")
            self._devices[name] = self._devices[name]._replace(decision=decision)
        return Reply(200, b"Done. Go back to the other machine.", _HTML)

    def _device_token(self, params: Mapping[str, str], _: str) -> Reply:
        error = _wrong_client(params) or self._poll_error(params.get("code", ""))
        if error:
            return _json({"error": error})
        with self._lock:
            device = self._devices.pop(params["code"])
        return _json(_granted(device.scope, offline=True))

    def _poll_error(self, name: str) -> str:
        """Return why a device gets no token yet; empty if it gets one."""
        now = self._clock()
        with self._lock:
            device = self._devices.get(name)
            last = self._polled.get(name, -float("inf"))
            self._polled[name] = now
        if device is None:
            return "invalid_code"
        if now - last < _POLL_SECONDS:
            return "slow_down"
        if now > device.ends:
            return "expired"
        decisions = {"": "authorization_pending", "reject": "access_denied"}
        return decisions.get(device.decision, "")


def _wrong_client(params: Mapping[str, str]) -> str:
    for name in ("client_id", "client_secret"):
        given = params.get(name, "").encode()
        if not hmac.compare_digest(given, credential(name).encode()):
            return "invalid_client" if name == "client_id" else "invalid_client_secret"
    return ""


def _granted(scope: str, *, offline: bool) -> dict[str, str]:
    granted = {"scope": scope.replace(",", " "), "token_type": "Bearer"}
    return granted | ({"refresh_token": credential("refresh_token")} if offline else {})


def _hidden(values: Mapping[str, str]) -> str:
    return "\n".join(
        f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">'
        for name, value in values.items()
    )


def _page(title: str, text: str, action: str, fields: str) -> Reply:
    page = _PAGE.format(title=title, text=text, action=action, fields=fields)
    return Reply(200, page.encode(), _HTML)


def _json(body: Mapping[str, object]) -> Reply:
    return Reply(200, encode(dict(body)), {"Content-Type": JSON})
