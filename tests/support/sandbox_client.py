"""An HTTP client for tests of the sandbox. It uses no code of the tap."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from tap_zohocampaigns.sandbox import Service

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> dict[str, t.Any]:
        """The body as JSON."""
        body: dict[str, t.Any] = json.loads(self.body)
        return body

    @property
    def xml(self) -> ET.Element:
        """The body as XML."""
        return parse(self.body)


@dataclass
class Client:
    """One keep-alive connection. After `sign`, requests carry a token."""

    service: Service
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = HTTPConnection("127.0.0.1", self.service.port, timeout=60)

    def __enter__(self) -> t.Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def send(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request without changes."""
        all_headers = {**self.headers, **(headers or {})}
        self._connection.request(method, path, body, all_headers)
        response = self._connection.getresponse()
        kind = response.headers.get("Content-Type", "")
        return Answer(response.status, kind, response.read())

    def token(self, **changed: str) -> Answer:
        """Ask for an access token; an empty value leaves a parameter out."""
        names = ("client_id", "client_secret", "refresh_token")
        params = {name: self.service.config[name] for name in names}
        params |= {"grant_type": "refresh_token", **changed}
        form = {name: value for name, value in params.items() if value}
        return self.send("POST", "/oauth/v2/token", urlencode(form), FORM)

    def sign(self) -> t.Self:
        """Get a token and send it with all later requests."""
        token = self.token().json["access_token"]
        self.headers["Authorization"] = f"Zoho-oauthtoken {token}"
        return self

    def get(self, endpoint: str, **params: object) -> Answer:
        """Call an endpoint; without `resfmt` the answer is XML."""
        return self.send("GET", f"/api/v1.1/{endpoint}?{urlencode(params)}")

    def json(self, endpoint: str, **params: object) -> dict[str, t.Any]:
        """Call an endpoint; return its answer as JSON."""
        return self.get(endpoint, resfmt="JSON", **params).json

    def xml(self, endpoint: str, **params: object) -> ET.Element:
        """Call an endpoint; return its answer as XML."""
        return self.get(endpoint, resfmt="XML", **params).xml


def parse(document: str | bytes) -> ET.Element:
    """Parse an XML document of the sandbox or of a sample."""
    return ET.fromstring(document)  # noqa: S314


def fields(element: ET.Element | None) -> dict[str, str]:
    """Return the `fl` elements of an element by their names."""
    assert element is not None
    return {one.attrib["val"]: one.text or "" for one in element.findall("fl")}
