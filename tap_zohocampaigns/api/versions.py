"""Version of the API -> where it is, who may call it, and what it has."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.auth import Authenticator, AuthToken
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.scopes import WRITES

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping


# The format of these calls stands in their path, and so that of `contactinfo`.
_FORMAT_IN_PATH = ("listsubscribe", "listunsubscribe", "contactdonotmail")


class Version(t.NamedTuple):
    """One line of the table.

    Attributes:
        path: What comes before the name of a call.
        credentials: The settings that it needs.
        signer: Makes of them what a call carries.
        posted: The calls whose parameters go in the body. None: all.
        calls: The calls that it has, each with the parameters that it does not take
            and the one value for which it answers all the same. None: all.
    """

    path: str
    credentials: tuple[str, ...]
    signer: type[Authenticator | AuthToken]
    posted: Collection[str] | None = None
    calls: Mapping[str, Mapping[str, str]] | None = None

    def method(self, endpoint: str) -> str:
        """Return how an endpoint is called."""
        return "POST" if self.posted is None or endpoint in self.posted else "GET"

    def address(self, endpoint: str, form: str) -> str:
        """Return the path of an endpoint; `form` is `json` or `xml`."""
        folder = f"{form}/" if endpoint in _FORMAT_IN_PATH else ""
        return f"{self.path}{folder}{endpoint}"

    def reads(self, endpoint: str, params: Mapping[str, t.Any] | None = None) -> bool:
        """Return whether a call with these parameters can be made, or none has to."""
        if self.calls is None or not endpoint:
            return True
        asked, only = params or {}, self.calls.get(endpoint)
        return only is not None and all(
            asked.get(name, value) == value for name, value in only.items()
        )

    def form(self, endpoint: str, params: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the parameters that are sent with a call.

        Raises:
            SettingError: The version has no such call.
        """
        if not self.reads(endpoint, params):
            msg = (
                f"This version of Zoho's API has no such call of {endpoint}: it needs "
                f"`api_version` {LATEST}."
            )
            raise SettingError(msg)
        implied = (self.calls or {}).get(endpoint, {})
        return {name: told for name, told in params.items() if name not in implied}


LATEST = "1.1"
VERSIONS = {
    LATEST: Version(
        path="/api/v1.1/",
        credentials=("client_id", "client_secret", "refresh_token"),
        signer=Authenticator,
        # Zoho documents it as POST only; it answers GET too, but that is no promise.
        posted=("getcampaignrecipientsdata", *WRITES),
    ),
    # A token in a URL would be in the logs of all who pass it on, so nothing is in one.
    "1": Version(
        path="/api/",
        credentials=("auth_token",),
        signer=AuthToken,
        calls={
            "getmailinglists": {},
            # It counts subscribers: who has left or bounced is none any more.
            "listsubscriberscount": {"status": "active"},
            "getsegmentdetails": {},
            "getsegmentcontacts": {},
            "recentcampaigns": {},
            "getcampaignrecipientsdata": {},
            "listsubscribe": {},
            "listunsubscribe": {},
        },
    ),
}


def find(config: Mapping[str, t.Any]) -> Version:
    """Return the configured version of the API."""
    # Settings are checked later: it may be anything.
    return VERSIONS.get(str(config["api_version"]), VERSIONS[LATEST])
