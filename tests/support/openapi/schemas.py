"""The bodies of successes in JSON, as JSON Schema."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    Schema = dict[str, t.Any]

_TEXT: t.Final[Schema] = {"type": "string"}
_DIGITS: t.Final[Schema] = {"type": "string", "pattern": "^[0-9]+$"}
_NUMBER: t.Final[Schema] = {"type": "integer"}
_FLAG: t.Final[Schema] = {"type": "boolean"}
_ANY_FORM: t.Final[Schema] = {"type": ["object", "array", "string"]}


def _object(extra: Schema | None = None, **fields: Schema) -> Schema:
    """Describe an object with these fields, all required; others must match `extra`."""
    return {
        "type": "object",
        "properties": fields,
        "required": [*fields],
        "additionalProperties": extra or False,
    }


def _texts(*names: str, extra: Schema | None = None, **more: Schema) -> Schema:
    return _object(extra, **dict.fromkeys(names, _TEXT), **more)


def _list(item: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": item} | ({"maxItems": most} if most else {})


def _success(**more: Schema) -> Schema:
    return _object(
        status={"const": "success"},
        code={"const": "0"},
        uri=_TEXT,
        version={"enum": ["1", "1.1"]},
        **more,
    )


def _found(**more: Schema) -> Schema:
    return _object(code={"const": "200"}, uri=_TEXT, **more)


def _epochs(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _DIGITS)


_KEY: t.Final[Schema] = {"type": "string", "pattern": "^(3z)?[0-9a-f]+$"}
_REPORT = _texts(
    *("autoreply_count", "bounces_count", "complaints_count", "delivered_count"),
    *("emails_sent_count", "forwards_count", "hardbounce_count", "opens_count"),
    *("softbounce_count", "spams_count", "unique_clicks_count", "unopened"),
    *("unsent_count", "unsub_count", "bounce_percent", "clicksperopenrate"),
    *("complaints_percent", "delivered_percent", "forward_percent", "open_percent"),
    *("spam_percent", "unique_clicked_percent", "unopened_percent"),
    *("unsent_percent", "unsubscribe_percent"),
)
_NAMED_REPORT = _texts(*_REPORT["required"], "campaign_name")
_REACH = _object(
    **_epochs(
        *("emails", "facebook", "gplus", "linkedin", "other", "pinterest", "total"),
        *("tumblr", "twitter"),
    )
)
_PLACES: t.Final[Schema] = {
    "type": ["object", "string"],
    "additionalProperties": _NUMBER,
}
_CAMPAIGN = _texts(
    *("advanceTypeString", "campaign_key", "campaign_name", "campaign_preview"),
    *("campaigntype", "created_date_string", "created_time", "created_time_gmt"),
    *("email_from", "email_options", "email_subject", "email_type", "encodeName"),
    *("folder_id", "isGAConfig", "isReplyTrackingEnabled", "isToNameConfig"),
    *("isWistia", "is_advance", "is_hybrid", "modified_time", "modified_time_gmt"),
    *("modifieddate", "preheader", "reply_to", "schedule_type", "sender_name"),
    *("sent_date_string", "sent_time", "sent_time_gmt", "sent_time_zone"),
    *("sent_time_zone_short", "topic_id", "topic_name", "updated_time"),
    *("updated_time_gmt", "updated_date_string", "webAutoStatus", "zuid"),
)
_PARTS = {
    "campaign-by-loaction": _PLACES,
    "campaign-reach": _list(_REACH, 1),
    "campaign-details": _list(_CAMPAIGN, 1),
}

LISTS: t.Final = _success(
    requestdetails=_object(
        fromindex=_NUMBER, range=_NUMBER, total_list_count=_NUMBER, sort=_TEXT
    ),
    list_of_details=_list(
        _texts(
            *("listname", "listdesc", "listtype", "servicetype", "sno", "date"),
            *("list_created_time", "list_created_date", "owner", "lockstatus"),
            *("is_public", "issmart", "editable", "deletable", "otherslist"),
            *("listdgs", "listnotifications", "zx"),
            listkey=_KEY,
            segments=_ANY_FORM,
            **_epochs(
                *("noofcontacts", "noofunsubcnt", "noofbouncecnt", "sentcnt"),
                *("list_campaigns_count", "listunino", "zuid", "created_time"),
                *("created_time_gmt", "updated_time_gmt"),
            ),
        )
    ),
)
LIST_DETAILS: t.Final = _success(
    requestdetails=_object(range=_NUMBER, filtertype=_TEXT, fromindex=_NUMBER),
    local_subscribers=_object(_DIGITS),
    list_details=_texts("ispublic", "noofcontacts", "listname"),
    list_dashboard_data=_object(
        contact_stats=_object(
            **_epochs(
                *("no_of_bounce", "no_of_active", "sent_count", "no_of_unsub"),
                "schedule_count",
            )
        )
    ),
)
LIST_DETAILS["additionalProperties"] = _list(_object(_TEXT))
SUBSCRIBERS: t.Final = _success(
    requestdetails=_object(sort=_TEXT, range=_NUMBER, status=_TEXT, fromindex=_NUMBER),
    list_of_details=_list(
        _texts(
            *("contact_email", "firstname", "lastname", "phone", "companyname"),
            *("zuid", "added_time"),
            extra=_TEXT,
        )
    ),
)
COUNT: t.Final = _success(no_of_contacts=_NUMBER)
SEGMENT: t.Final = _success(segments_details=_TEXT)
MEMBERS: t.Final = _success(
    requestdetails=_object(range=_NUMBER, cvid=_NUMBER, fromindex=_NUMBER),
    list_of_details=_list(
        _texts(
            *("contact_email", "firstname", "lastname", "companyname"),
            *("added_time", "phone"),
            extra=_TEXT,
        )
    ),
)
CAMPAIGNS: t.Final = _success(
    requestdetails=_TEXT,
    recent_campaigns=_list(
        _texts(
            *("campaignId", "campaign_name", "subject", "from_email", "reply_to"),
            *("campaign_status", "campaigntype", "folder_id", "is_hybrid", "zuid"),
            *("campaign_preview", "created_date_string", "updated_date_string"),
            extra=_TEXT,
            campaign_key=_KEY,
            **_epochs(
                *("created_time", "created_time_gmt"),
                *("updated_time", "updated_time_gmt"),
            ),
        )
    ),
    **_epochs("fromindex", "range", "total_record_count", "campaign_count"),
)
DETAILS: t.Final = _success(
    associated_mailing_lists=_list(
        _texts("listkey", "listname", "liststatus", "contactscount")
    ),
    segments_info=_ANY_FORM,
    total_subscribers_count=_NUMBER,
    campaign_status=_TEXT,
    **_PARTS,
    **{"campaign-reports": _list(_REPORT, 1)},
)
DETAILS["properties"] = DETAILS["properties"] | {
    "AB-split-details": _list(
        _texts(
            *("a_child_campaignkey", "a_open_count", "a_click_count"),
            *("b_child_campaignkey", "b_open_count", "b_click_count"),
        )
    )
}
REPORT: t.Final = _success(
    message=_TEXT, **_PARTS, **{"campaign-reports": _list(_NAMED_REPORT, 1)}
)
RECIPIENTS: t.Final = _success(
    requestdetails=_object(range=_NUMBER, action=_TEXT, fromindex=_NUMBER),
    list_of_details=_list(
        _texts(
            *("contactid", "contactemailaddress", "contactstatus", "contactfn"),
            *("contactln", "companyname", "phone", "sentdate", "timezone", "mobile"),
            *("jobtitle", "title", "address", "city", "state", "country", "zipcode"),
            *("website", "note", "secondary_email", "facebook_handle"),
            *("twitter_handle", "linkedin_handle"),
            extra={"type": ["string", "array", "object"]},
            sent_time=_DIGITS,
        )
    ),
)
_FIELD = _list(
    _texts(
        *("FIELD_NAME", "FIELD_DISPLAY_NAME", "DISPLAY_NAME", "BLOCK_LABEL"),
        *("UITYPE", "TYPE"),
        IS_MANDATORY=_FLAG,
        is_otheruser_field=_FLAG,
        **dict.fromkeys(
            ("no", "FIELD_ID", "SEQUENCE", "block_sequence", "MAXLENGTH"), _NUMBER
        ),
    )
)
FIELDS: t.Final = _object(
    response={
        "type": "object",
        "properties": {
            "message": _TEXT,
            "code": {"const": "0"},
            "uri": _TEXT,
            "version": _TEXT,
            "fieldname": _FIELD,
            "fieldnames": _object(fieldname=_FIELD),
        },
        "required": ["message", "code", "uri", "version"],
        "oneOf": [{"required": ["fieldname"]}, {"required": ["fieldnames"]}],
        "additionalProperties": False,
    }
)
TAGS: t.Final = _success(
    requestdetails=_TEXT,
    tags=_list(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "propertyNames": {"pattern": "^[0-9]{17,19}$"},
            "additionalProperties": _texts(
                *("tagowner", "tag_created_time", "tag_modified_time", "tag_name"),
                *("tag_color", "tag_desc", "tagged_contact_count", "is_crm_tag"),
                "zuid",
            ),
        }
    ),
)
TOPICS: t.Final = _found(
    message=_TEXT,
    topicDetails=_list(
        _texts("topicName", "topicDesc", topicId=_DIGITS, primaryList=_NUMBER)
    ),
)
PRODUCTS: t.Final = _found(
    message=_TEXT, products=_list(_texts("product_name", product_id=_DIGITS))
)
_WORKFLOW = _texts("created_time", "workflow_name", workflow_key=_KEY)
_WORKFLOW["properties"] |= {"trigger_key": _KEY, "triggerkey": _KEY}
_WORKFLOW["oneOf"] = [{"required": ["trigger_key"]}, {"required": ["triggerkey"]}]
WORKFLOWS: t.Final = _found(limit=_NUMBER, sortorder=_TEXT, workflows=_list(_WORKFLOW))
ERROR: t.Final = _texts(
    "code", "message", "uri", status={"const": "error"}, version=_TEXT
)
GATEWAY_ERROR: t.Final = _texts(
    "Code", "message", "URI", status={"const": "error"}, version=_TEXT
)
WRITTEN: t.Final = _success(message=_TEXT)
ADDED: t.Final = _success(message=_TEXT, listkey=_KEY, listname=_TEXT)
