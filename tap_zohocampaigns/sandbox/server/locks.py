"""What a locked endpoint answers. Zoho does not document it, so there are forms."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.bodies.envelope import encode, error
from tap_zohocampaigns.sandbox.server.http import Reply

JSON: t.Final = "application/json;charset=UTF-8"
XML: t.Final = "text/xml;charset=UTF-8"

LockForm = t.Literal["Z101", "Z101-400", "429", "2008", "projects"]
"""The forms: codes with HTTP 200, 400 or 429, or what Zoho Projects answers."""

_CODES: t.Final = {
    "Z101": (200, "Z101", ""),
    "Z101-400": (400, "Z101", ""),
    "429": (429, "429", "Too many requests."),
    "2008": (200, "2008", "API calls limit exceeded."),
}


class Lock(t.NamedTuple):
    """The lock of an endpoint.

    Attributes:
        form: What it answers.
        calls: Calls that were allowed,
        seconds: in this time.
        lock_seconds: How long the lock lasts.
    """

    form: LockForm
    calls: int
    seconds: float
    lock_seconds: float

    def reply(self, uri: str, *, as_json: bool) -> Reply:
        """Return the answer to a call."""
        if self.form == "projects":
            return self._as_projects()
        status, code, message = _CODES[self.form]
        kind = {"Content-Type": JSON if as_json else XML}
        return Reply(status, error(uri, code, message, as_json=as_json), kind)

    def _as_projects(self) -> Reply:
        message = (
            f"Cannot execute more than {self.calls} requests per API "
            f"in {round(self.seconds / 60)} minutes. "
            f"Try again after {round(self.lock_seconds / 60)} minutes."
        )
        fault = {
            "status_code": "400",
            "title": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
            "details": {"message": message},
        }
        return Reply(400, encode({"error": fault}), {"Content-Type": JSON})
