"""Reads the same rows with a stream as the template of the SDK has it, not tuned."""

from __future__ import annotations

import typing as t

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseOffsetPaginator

if t.TYPE_CHECKING:
    import requests
    from singer_sdk.helpers.types import Context

PAGE = 500
NAMES = (
    "contactid",
    "contactemailaddress",
    "contactfn",
    "contactln",
    "companyname",
    "phone",
    "contactstatus",
    "sent_time",
    "sentdate",
    "timezone",
    "city",
    "country",
)


class _Pages(BaseOffsetPaginator):
    def has_more(self, response: requests.Response) -> bool:
        return bool(response.json().get("list_of_details"))


class Recipients(RESTStream[int]):
    """The recipients; every field is a string."""

    name = "recipients"
    path = "/api/v1.1/getcampaignrecipientsdata"
    primary_keys = ("contactid",)
    records_jsonpath = "$.list_of_details[*]"
    schema = th.PropertiesList(
        *(th.Property(name, th.StringType) for name in NAMES)
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The URL of the server."""
        return str(self.config["api_url"])

    def get_new_paginator(self) -> _Pages:
        """Return a paginator that counts rows from one."""
        return _Pages(start_value=1, page_size=PAGE)

    def get_url_params(
        self,
        context: Context | None,  # noqa: ARG002
        next_page_token: int | None,
    ) -> dict[str, t.Any]:
        """Return the parameters of a page."""
        return {"resfmt": "JSON", "fromindex": next_page_token, "range": PAGE}


class BareTap(Tap):
    """A tap with one stream."""

    name = "tap-bare"
    config_jsonschema: t.ClassVar = th.PropertiesList(
        th.Property("api_url", th.StringType)
    ).to_dict()

    def discover_streams(self) -> list[Recipients]:
        """Return the stream."""
        return [Recipients(self)]


if __name__ == "__main__":
    BareTap.cli()
