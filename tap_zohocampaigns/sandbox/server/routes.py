"""The endpoints of the API: parameters, scope, and the function that answers."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.sandbox.bodies import reference
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

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


CONTACT: t.Final = "ZohoCampaigns.contact.READ"
CAMPAIGN: t.Final = "ZohoCampaigns.campaign.READ"
TAGS: t.Final = "ZohoCampaigns.contact.UPDATE"
WORKFLOW: t.Final = "ZohoCampaigns.workflow.READ"
CREATE: t.Final = "ZohoCampaigns.contact.CREATE"
UPDATE: t.Final = "ZohoCampaigns.contact.UPDATE"
SCOPES: t.Final = (CONTACT, CAMPAIGN, TAGS, WORKFLOW, CREATE)
"""All scopes of the tap and the target. Tags need the scope to change contacts."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the API.

    Attributes:
        answer: Returns the body.
        scope: The scope that a token needs.
        params: Its parameters, without the format.
        format_param: The parameter that names the format; without one it is JSON.
        format: The format, if the path names it.
        methods: HTTP methods. A POST to some other endpoints would change data.
        v1: Whether version 1 of the API has it too.
        uri: Its name in answers, if that is not the path.
    """

    answer: Callable[[Endpoints, Question], bytes]
    scope: str
    params: tuple[Param, ...] = ()
    format_param: t.Literal["resfmt", "type", ""] = "resfmt"
    format: t.Literal["json", "xml", ""] = ""
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
        """Return the body for a call that passed the checks."""
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
_REPORT = Endpoint(Endpoints.report, CAMPAIGN, (_CAMPAIGN,))

ENDPOINTS: t.Final[Mapping[str, Endpoint]] = {
    "getmailinglists": Endpoint(
        Endpoints.lists,
        CONTACT,
        (_SORT, *_PAGE),
        v1=True,
    ),
    "getlistadvanceddetails": Endpoint(
        Endpoints.list_details,
        CONTACT,
        (_LIST, Param("filtertype", "Which campaigns", words=(*FILTERS,)), *_PAGE),
    ),
    "getlistsubscribers": Endpoint(
        Endpoints.subscribers,
        CONTACT,
        (_LIST, Param("status", "Which contacts", words=FEED_STATUSES), _SORT, *_PAGE),
    ),
    "listsubscriberscount": Endpoint(
        Endpoints.count,
        CONTACT,
        (_LIST, Param("status", "Which", words=STATUSES, code=Code.STATUS)),
        v1=True,
    ),
    "getsegmentdetails": Endpoint(
        Endpoints.segment_details,
        CONTACT,
        (_LIST, _SEGMENT),
        v1=True,
    ),
    "getsegmentcontacts": Endpoint(
        Endpoints.segment_contacts,
        CONTACT,
        (_SEGMENT, *_PAGE),
        v1=True,
    ),
    "recentcampaigns": Endpoint(
        Endpoints.campaigns,
        CAMPAIGN,
        (Param("status", "Words such as all, or sent|drafts"), _SORT, *_PAGE),
        v1=True,
    ),
    "getcampaigndetails": Endpoint(
        Endpoints.details,
        CAMPAIGN,
        (
            _CAMPAIGN,
            Param("campaigntype", "Its own type", words=("normal", "abtesting")),
        ),
    ),
    "campaignreports": _REPORT,
    "getcampaignreports": _REPORT,
    "getcampaignrecipientsdata": Endpoint(
        Endpoints.recipients,
        CAMPAIGN,
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
        CONTACT,
        (Param("type", "The format", required=True, words=("json", "xml"), code=None),),
        format_param="type",
        methods=("GET",),
    ),
    "tag/getalltags": Endpoint(
        Endpoints.tags,
        TAGS,
        format_param="",
        methods=("GET",),
        uri=reference.TAGS_URI,
    ),
    "topics": Endpoint(
        Endpoints.topics,
        CONTACT,
        (Param("details", "Such as {from_index:0,range:20}"),),
        format_param="",
        methods=("GET",),
    ),
    "topics/products": Endpoint(
        Endpoints.products,
        CONTACT,
        (Param("details", "Such as {from_index:0,range:20}"),),
        format_param="",
        methods=("GET",),
    ),
    "workflow": Endpoint(
        Endpoints.workflows,
        WORKFLOW,
        (Param("details", 'Such as {"page":1,"limit":20,"trigger_type":"open"}'),),
        format_param="",
        methods=("GET",),
    ),
}
"""All endpoints by what comes after `/api/v1.1/`."""


def _write(
    answer: Callable[[Endpoints, Question], bytes],
    *more: Param,
    v1: bool = False,
) -> dict[t.Literal["json", "xml"], Endpoint]:
    forms: tuple[t.Literal["json", "xml"], ...] = ("json", "xml")
    return {
        form: Endpoint(
            answer,
            UPDATE,
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
    "listsubscribe": _write(writes.subscribe, _LIST, _TOPIC, _SOURCE, v1=True),
    "listunsubscribe": _write(writes.unsubscribe, _LIST, _TOPIC, v1=True),
    "contactdonotmail": _write(writes.do_not_mail),
}
WRITES: t.Final[Mapping[str, Endpoint]] = {
    f"{form}/{name}": endpoint
    for name, forms in _CHANGES.items()
    for form, endpoint in forms.items()
} | {
    writes.BULK: Endpoint(
        writes.add_contacts,
        CREATE,
        (_LIST, Param("emailids", "At most ten, with commas", required=True)),
        methods=("POST",),
    )
}
"""The endpoints that change contacts."""
