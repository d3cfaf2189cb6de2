"""The endpoints of the API: what each takes, needs and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tap_zohocampaigns.sandbox.bodies import reference, schemas
from tap_zohocampaigns.sandbox.bodies.subscribers import FILTERS
from tap_zohocampaigns.sandbox.server import writes
from tap_zohocampaigns.sandbox.server.endpoints import Endpoints
from tap_zohocampaigns.sandbox.server.requests import (
    Code,
    Param,
    Question,
    RefusedError,
    refusal,
)
from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    EVENTS,
    FEED_STATUSES,
    STATUSES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tap_zohocampaigns.sandbox.bodies.schemas import Schema

CONTACT: Final = "ZohoCampaigns.contact.READ"
CAMPAIGN: Final = "ZohoCampaigns.campaign.READ"
TAGS: Final = "ZohoCampaigns.contact.UPDATE"
WORKFLOW: Final = "ZohoCampaigns.workflow.READ"
CREATE: Final = "ZohoCampaigns.contact.CREATE"
UPDATE: Final = "ZohoCampaigns.contact.UPDATE"
SCOPES: Final = (CONTACT, CAMPAIGN, TAGS, WORKFLOW, CREATE)
"""All that there is a need for; tags want the scope for changing contacts."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the API.

    Attributes:
        answer: Writes the body.
        summary: What it is for.
        scope: What an access token has to be for.
        schema: The body of a success in JSON.
        params: What it takes, the format aside.
        format_param: The parameter that names the format; without one it is JSON.
        format: The format, where the path names it.
        methods: How it is called; a POST to some others would write.
        v1: Whether version 1 of the API has it too.
        uri: What its answers call it, if not the path.
    """

    answer: Callable[[Endpoints, Question], bytes]
    summary: str
    scope: str
    schema: Schema
    params: tuple[Param, ...] = ()
    format_param: Literal["resfmt", "type", ""] = "resfmt"
    format: Literal["json", "xml", ""] = ""
    methods: tuple[str, ...] = ("GET", "POST")
    v1: bool = False
    uri: str = ""

    def wants_json(self, params: Mapping[str, str]) -> bool:
        """Whether JSON is asked for, in any case of letters; the default is XML."""
        asked = self.format or params.get(self.format_param, "")
        return not self.format_param or asked.lower() == "json"

    def counted(self, path: str) -> str:
        """Return the path that calls are counted for, whatever their format."""
        return path.replace(f"/{self.format}/", "/") if self.format else path

    def admits(self, scopes: Collection[str]) -> bool:
        """Whether one of the scopes covers it."""
        whole = f"{self.scope.rpartition('.')[0]}.ALL"
        return self.scope in scopes or whole in scopes

    def reply(self, endpoints: Endpoints, uri: str, params: Mapping[str, str]) -> bytes:
        """Return the body for a call that came through the gates."""
        question = Question(self.uri or uri, params, self.wants_json(params))
        try:
            question.check(self.params)
            return self.answer(endpoints, question)
        except RefusedError as refused:
            (code,) = refused.args
            return refusal(question.uri, code, as_json=question.as_json)


_PAGE = (
    Param("fromindex", "The first row, counted from one", number=True),
    Param("range", "How many rows", number=True),
)
_SORT = Param("sort", "The order", words=("asc", "desc"), code=None)
_LIST = Param("listkey", "The list", required=True)
_SEGMENT = Param("cvid", "The segment", required=True)
_CAMPAIGN = Param(
    "campaignkey", "The campaign, or a child of an A/B campaign", required=True
)
_REPORT = Endpoint(
    Endpoints.report, "The report of a campaign", CAMPAIGN, schemas.REPORT, (_CAMPAIGN,)
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "getmailinglists": Endpoint(
        Endpoints.lists,
        "The mailing lists and their segments",
        CONTACT,
        schemas.LISTS,
        (_SORT, *_PAGE),
        v1=True,
    ),
    "getlistadvanceddetails": Endpoint(
        Endpoints.list_details,
        "Numbers, places and campaigns of a list",
        CONTACT,
        schemas.LIST_DETAILS,
        (_LIST, Param("filtertype", "Which campaigns", words=(*FILTERS,)), *_PAGE),
    ),
    "getlistsubscribers": Endpoint(
        Endpoints.subscribers,
        "The contacts of a list",
        CONTACT,
        schemas.SUBSCRIBERS,
        (_LIST, Param("status", "Which contacts", words=FEED_STATUSES), _SORT, *_PAGE),
    ),
    "listsubscriberscount": Endpoint(
        Endpoints.count,
        "How many contacts a list has",
        CONTACT,
        schemas.COUNT,
        (_LIST, Param("status", "Which", words=STATUSES, code=Code.STATUS)),
        v1=True,
    ),
    "getsegmentdetails": Endpoint(
        Endpoints.segment_details,
        "The criteria of a segment",
        CONTACT,
        schemas.SEGMENT,
        (_LIST, _SEGMENT),
        v1=True,
    ),
    "getsegmentcontacts": Endpoint(
        Endpoints.segment_contacts,
        "The contacts in a segment",
        CONTACT,
        schemas.MEMBERS,
        (_SEGMENT, *_PAGE),
        v1=True,
    ),
    "recentcampaigns": Endpoint(
        Endpoints.campaigns,
        "The campaigns",
        CAMPAIGN,
        schemas.CAMPAIGNS,
        (Param("status", "Words such as all, or sent|drafts"), _SORT, *_PAGE),
        v1=True,
    ),
    "getcampaigndetails": Endpoint(
        Endpoints.details,
        "A campaign, whom it went to and its report",
        CAMPAIGN,
        schemas.DETAILS,
        (
            _CAMPAIGN,
            Param("campaigntype", "Its own type", words=("normal", "abtesting")),
        ),
    ),
    "campaignreports": _REPORT,
    "getcampaignreports": _REPORT,
    "getcampaignrecipientsdata": Endpoint(
        Endpoints.recipients,
        "The recipients of a campaign who did something",
        CAMPAIGN,
        schemas.RECIPIENTS,
        (
            _CAMPAIGN,
            Param("action", "What they did", required=True, words=ACTIONS),
            Param("type", "When they did", words=(*EVENTS.values(),), code=None),
            *_PAGE,
        ),
        v1=True,
    ),
    "contact/allfields": Endpoint(
        Endpoints.fields,
        "The fields of contacts",
        CONTACT,
        schemas.FIELDS,
        (Param("type", "The format", required=True, words=("json", "xml"), code=None),),
        format_param="type",
        methods=("GET",),
    ),
    "tag/getalltags": Endpoint(
        Endpoints.tags,
        "The tags",
        TAGS,
        schemas.TAGS,
        format_param="",
        methods=("GET",),
        uri=reference.TAGS_URI,
    ),
    "topics": Endpoint(
        Endpoints.topics,
        "The topics that contacts consent to",
        CONTACT,
        schemas.TOPICS,
        (Param("details", "Such as {from_index:0,range:20}"),),
        format_param="",
        methods=("GET",),
    ),
    "topics/products": Endpoint(
        Endpoints.products,
        "The products that topics belong to",
        CONTACT,
        schemas.PRODUCTS,
        (Param("details", "Such as {from_index:0,range:20}"),),
        format_param="",
        methods=("GET",),
    ),
    "workflow": Endpoint(
        Endpoints.workflows,
        "The open custom workflows",
        WORKFLOW,
        schemas.WORKFLOWS,
        (Param("details", 'Such as {"page":1,"limit":20,"trigger_type":"open"}'),),
        format_param="",
        methods=("GET",),
    ),
}
"""All endpoints by what comes after `/api/v1.1/`."""


def _write(
    answer: Callable[[Endpoints, Question], bytes],
    summary: str,
    *more: Param,
    v1: bool = False,
) -> dict[Literal["json", "xml"], Endpoint]:
    forms: tuple[Literal["json", "xml"], ...] = ("json", "xml")
    return {
        form: Endpoint(
            answer,
            summary,
            UPDATE,
            schemas.WRITTEN,
            (*more, Param("contactinfo", "The fields of the contact", required=True)),
            format=form,
            methods=("POST",),
            v1=v1,
        )
        for form in forms
    }


_TOPIC = Param("topic_id", "The topics, with commas", code=None)
_SOURCE = Param("source", "Where the contact is from", code=None)
_CHANGES = {
    "listsubscribe": _write(
        writes.subscribe, "Subscribe a contact", _LIST, _TOPIC, _SOURCE, v1=True
    ),
    "listunsubscribe": _write(
        writes.unsubscribe, "Unsubscribe a contact", _LIST, _TOPIC, v1=True
    ),
    "contactdonotmail": _write(writes.do_not_mail, "Never mail a contact again"),
}
WRITES: Final[Mapping[str, Endpoint]] = {
    f"{form}/{name}": endpoint
    for name, forms in _CHANGES.items()
    for form, endpoint in forms.items()
} | {
    writes.BULK: Endpoint(
        writes.add,
        "Add contacts to a list",
        CREATE,
        schemas.ADDED,
        (_LIST, Param("emailids", "At most ten, with commas", required=True)),
        methods=("POST",),
    )
}
"""The endpoints that change contacts."""
