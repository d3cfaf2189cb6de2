"""The versions of Zoho's API: their paths, credentials and endpoints."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.auth import Authenticator, AuthToken
from tap_zohocampaigns.api.endpoints import ENDPOINTS
from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class Version(t.NamedTuple):
    """A version of the API."""

    path: str
    """The path before the name of a call."""
    credentials: tuple[str, ...]
    """The settings that it needs."""
    signer: type[Authenticator | AuthToken]
    """Turns the credentials into headers or parameters of a call."""
    is_latest: bool

    def method(self, endpoint: str) -> str:
        """Return the HTTP method of a call."""
        # Version 1 has its token among the parameters. A token in a URL would be in the
        # logs of every server on the way.
        return "POST" if not self.is_latest or ENDPOINTS[endpoint].post else "GET"

    def address(self, endpoint: str, data_format: str) -> str:
        """Return the path of a call; `data_format` is `json` or `xml`."""
        folder = f"{data_format}/" if ENDPOINTS[endpoint].format_in_path else ""
        return f"{self.path}{folder}{endpoint}"

    def has_call(
        self, endpoint: str, params: Mapping[str, t.Any] | None = None
    ) -> bool:
        """Return whether the version has a call with these parameters.

        Args:
            endpoint: Name of the call; empty for streams that need none.
            params: Its parameters.
        """
        if self.is_latest or not endpoint:
            return True
        params, only = params or {}, ENDPOINTS[endpoint].v1
        return only is not None and all(
            params.get(name, value) == value for name, value in only.items()
        )

    def parameters(
        self, endpoint: str, params: Mapping[str, t.Any]
    ) -> dict[str, t.Any]:
        """Return the parameters that are sent with a call.

        Raises:
            SettingError: The version has no such call.
        """
        if not self.has_call(endpoint, params):
            msg = (
                f"This version of Zoho's API has no such call of {endpoint}: it needs "
                f"`api_version` {LATEST}."
            )
            raise SettingError(msg)
        implied = {} if self.is_latest else ENDPOINTS[endpoint].v1 or {}
        return {name: value for name, value in params.items() if name not in implied}


LATEST = "1.1"
VERSIONS = {
    LATEST: Version(
        path="/api/v1.1/",
        credentials=("client_id", "client_secret", "refresh_token"),
        signer=Authenticator,
        is_latest=True,
    ),
    "1": Version(
        path="/api/", credentials=("auth_token",), signer=AuthToken, is_latest=False
    ),
}


def find(config: Mapping[str, t.Any]) -> Version:
    """Return the configured version of the API."""
    # Settings are checked later, so the value may be anything.
    return VERSIONS.get(str(config["api_version"]), VERSIONS[LATEST])
