"""From a client to a refresh token: the requests, and what Zoho answers, as values.

There are three ways: a code of a self client, the consent page for a server-based
client, and a code on the screen for machines without a browser.

* https://www.zoho.com/accounts/protocol/oauth/self-client/authorization-code-flow.html
* https://www.zoho.com/accounts/protocol/oauth/web-apps/authorization.html
* https://www.zoho.com/accounts/protocol/oauth/devices/initiation-request.html
"""

from __future__ import annotations

import math
import typing as t
from urllib.parse import urlencode, urlsplit

import msgspec

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.errors import FatalError, SettingError, Transient
from tap_zohocampaigns.api.oauth_refusals import refusal
from tap_zohocampaigns.api.tokens.entry import is_sound

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

CONSENT_PATH = "/oauth/v2/auth"
_DEVICE = "/oauth/v3/device"
DEVICE_CODE_PATH = f"{_DEVICE}/code"
DEVICE_TOKEN_PATH = f"{_DEVICE}/token"

# Zoho wants no more than one poll in 30 seconds, whatever the answer says.
_POLL_SECONDS, _LIFETIME = 30.0, 300.0
# No interval and no lifetime is this long, so larger numbers are milliseconds. Zoho's
# older page gives milliseconds, its newer one gives no unit.
_MOST_SECONDS = 3_600.0
_SERVER_ERROR, _TOO_MANY = 500, 429


class Grant(t.NamedTuple):
    """What Zoho has granted.

    Attributes:
        refresh_token: The token that is kept.
        scopes: What it is for; empty if Zoho did not say it.
    """

    refresh_token: str
    scopes: frozenset[str]


class Device(t.NamedTuple):
    """The start of a login without a browser.

    Attributes:
        user_code: What the user enters.
        url: The page on which it is entered.
        direct_url: A page that knows the code already; None if Zoho names none.
        code: What is polled with. It is secret.
        interval: Seconds between two polls.
        lifetime: Seconds after which the codes expire.
    """

    user_code: str
    url: str
    direct_url: str | None
    code: str
    interval: float
    lifetime: float


class Pending(t.NamedTuple):
    """The user has not decided yet.

    Attributes:
        data_center: Where to poll from now on; None if it stays the same.
    """

    data_center: str | None = None


def code_form(
    client: Mapping[str, str], code: str, redirect_uri: str | None = None
) -> dict[str, str]:
    """Return the form that exchanges a code for a refresh token.

    Args:
        client: `client_id` and `client_secret`.
        code: What the API console or the redirect gave.
        redirect_uri: The address of the redirect; None for a self client.
    """
    form = {"grant_type": "authorization_code", "code": code, **client}
    return form | ({"redirect_uri": redirect_uri} if redirect_uri else {})


def device_form(client_id: str, scopes: Iterable[str]) -> dict[str, str]:
    """Return the form that asks for the code of a device."""
    return {
        "client_id": client_id,
        "grant_type": "device_request",
        "scope": ",".join(scopes),
        "access_type": "offline",
        # Without it Zoho gives a refresh token the first time only.
        "prompt": "consent",
    }


def poll_form(client: Mapping[str, str], code: str) -> dict[str, str]:
    """Return the form that asks whether the user has decided."""
    return {"grant_type": "device_token", "code": code, **client}


def consent_url(
    accounts: str, client_id: str, scopes: Iterable[str], redirect_uri: str, state: str
) -> str:
    """Return the address of Zoho's consent page. It holds no secret."""
    query = {
        "client_id": client_id,
        "response_type": "code",
        "scope": ",".join(scopes),
        "redirect_uri": redirect_uri,
        "access_type": "offline",
        "prompt": "consent",
        "state": state,
    }
    return f"{accounts}{CONSENT_PATH}?{urlencode(query)}"


def read_redirect(query: Mapping[str, str], state: str) -> str | None:
    """Return the code of a redirect; None if it is not the answer to our request.

    Args:
        query: The parameters of the redirect.
        state: What was sent to the consent page.

    Raises:
        SettingError: The user denied consent, or Zoho refused.
    """
    if query.get("state") != state:
        return None
    if error := query.get("error"):
        raise refusal(error)
    return query.get("code") or None


def data_center_of(query: Mapping[str, str], default: str) -> str:
    """Return the data center that a redirect or an answer names.

    Args:
        query: Parameters that may hold `location` (a data center), or
            `accounts-server` (the address of its token service).
        default: What it is if they hold neither, or one that is not known.
    """
    server = urlsplit(query.get("accounts-server", "")).hostname
    for name, host in hosts.DATA_CENTERS.items():
        if server and server == urlsplit(host.accounts).hostname:
            return name
    location = query.get("location", "").casefold()
    return location if location in hosts.DATA_CENTERS else default


def read_grant(status: int, content: bytes, secrets: Collection[str]) -> Grant:
    """Return what Zoho has granted.

    Args:
        status: HTTP status.
        content: Body.
        secrets: Texts that must not appear in an error.

    Raises:
        SettingError: Zoho refuses, for a reason that the user can act on.
        FatalError: It refuses for a reason that is not known.
        Transient: It may answer otherwise later.
    """
    answer = _decoded(status, content)
    if error := answer.get("error"):
        raise refusal(str(error), status, answer, secrets)
    token = answer.get("refresh_token")
    if not is_sound(token):
        if is_sound(answer.get("access_token")):
            msg = (
                "Zoho gave no refresh token, since consent was given before: remove "
                "the app under *Connected apps* of the Zoho account, or generate the "
                "code again, and run `login` once more."
            )
            raise SettingError(msg)
        msg = f"Zoho gave no refresh token (HTTP {status}): try again later."
        raise FatalError(msg)
    return Grant(token, frozenset(read_scopes(status, content, secrets)))


def read_scopes(status: int, content: bytes, secrets: Collection[str]) -> list[str]:
    """Return the scopes that an answer with an access token names; none if it does not.

    Raises:
        SettingError: Zoho does not accept the refresh token.
        FatalError: It refuses for a reason that is not known.
        Transient: It may answer otherwise later.
    """
    answer = _decoded(status, content)
    if error := answer.get("error"):
        raise refusal(str(error), status, answer, secrets)
    return str(answer.get("scope") or "").replace(",", " ").split()


def read_device(status: int, content: bytes) -> Device:
    """Return the start of a login without a browser.

    Raises:
        SettingError: Zoho refuses, for a reason that the user can act on.
        FatalError: It refuses for a reason that is not known.
        Transient: It may answer otherwise later.
    """
    answer = _decoded(status, content)
    if error := answer.get("error"):
        raise refusal(str(error), status, answer)
    texts = [answer.get(name) for name in ("user_code", "device_code")]
    url = answer.get("verification_url") or answer.get("verification_uri")
    direct = answer.get("verification_uri_complete")
    if not all(isinstance(text, str) and text for text in (*texts, url)):
        msg = "Zoho gave no code for this machine: use `login --code` instead."
        raise FatalError(msg)
    user_code, code = map(str, texts)
    return Device(
        user_code,
        str(url),
        str(direct) if direct else None,
        code,
        max(_seconds(answer.get("interval"), _POLL_SECONDS), _POLL_SECONDS),
        _seconds(answer.get("expires_in"), _LIFETIME),
    )


def read_poll(status: int, content: bytes, secrets: Collection[str]) -> Grant | Pending:
    """Return what Zoho has granted, or that the user has not decided yet.

    Raises:
        SettingError: The user denied consent, the code expired, or Zoho refuses.
        FatalError: It refuses for a reason that is not known.
        Transient: It may answer otherwise later.
    """
    answer = _decoded(status, content)
    error = str(answer.get("error") or "").casefold()
    if error in {"authorization_pending", "slow_down"}:
        return Pending()
    if error == "other_dc":
        location = str(answer.get("user_location") or "").casefold()
        if location not in hosts.DATA_CENTERS:
            msg = (
                "The account is in another data center than the client, and Zoho does "
                "not say which: set `data_center` to that of the account."
            )
            raise SettingError(msg)
        return Pending(location)
    return read_grant(status, content, secrets)


def _decoded(status: int, content: bytes) -> dict[str, t.Any]:
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        msg = f"Zoho's token service answers HTTP {status}: run `login` again later."
        raise Transient(msg)
    if not isinstance(answer, dict):
        msg = (
            f"Zoho's token service answered HTTP {status} without JSON: check "
            "`data_center` or `accounts_url`."
        )
        raise SettingError(msg)
    return answer


def _seconds(value: object, default: float) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        return default
    if not (math.isfinite(seconds) and seconds > 0):
        return default
    return seconds / 1000 if seconds > _MOST_SECONDS else seconds
