"""The table of Zoho's codes: what the caller has to do for each.

The codes are from Zoho's page of error codes and from the page of each endpoint. Where
the two contradict each other, the endpoint's own page wins, then the message:
https://www.zoho.com/campaigns/help/developers/error-codes.html
"""

from __future__ import annotations

import enum
import re
import typing as t


class Action(enum.Enum):
    """What an answer asks the caller to do."""

    SUCCESS = enum.auto()
    EMPTY = enum.auto()
    ALREADY_DONE = enum.auto()
    REJECT = enum.auto()
    SKIP = enum.auto()
    SMALLER_PAGE = enum.auto()
    RETRY = enum.auto()
    REFRESH_TOKEN = enum.auto()
    LOCKED = enum.auto()
    FORBID = enum.auto()
    MISSING_SCOPE = enum.auto()
    FAIL = enum.auto()


class Rule(t.NamedTuple):
    """One line of the table. It applies if everything it names fits the answer."""

    codes: str
    """Codes, separated by spaces; `*` is any code."""
    action: Action
    endpoint: str = ""
    """Name of the call; empty for all."""
    message: str = ""
    """Text that the message contains, in small letters."""
    check: str = ""
    """What the user should check or do."""


_CONTACT_SCOPE = (
    "check that `refresh_token` has the scope ZohoCampaigns.contact.READ and that its "
    "user may see contacts"
)
_CAMPAIGN_SCOPE = (
    "check that `refresh_token` has the scope ZohoCampaigns.campaign.READ and that its "
    "user may see campaigns"
)
_WORKFLOW_SCOPE = (
    "check that `refresh_token` has the scope ZohoCampaigns.workflow.READ and that its "
    "user may see workflows"
)
_ACCOUNT = (
    "check that the user of `refresh_token` or `auth_token` belongs to an active "
    "account"
)
_CREDENTIALS = "check `refresh_token` and `data_center`"
_SCOPES = "check the scopes of `refresh_token`"
_URL = "check `data_center`, and `api_url` or `api_version` if they are set"
_LISTS = "check `list_keys`"
_SEGMENTS = "check `cvids`"
_CAMPAIGNS = "check `campaign_keys`"
_LIST = "check `list_key`, of the settings or of the record"
_ROOM = "the account has no room for more contacts: delete some, or get a larger plan"
_WRITING = ("listsubscribe", "listunsubscribe", "contactdonotmail")
_BULK = "addlistsubscribersinbulk"
_WRITE_SCOPE = (
    "check `refresh_token` and `data_center`, and that its scopes are "
    "ZohoCampaigns.contact.UPDATE and ZohoCampaigns.contact.CREATE"
)
_WRITE_RIGHT = "check that the user may change contacts"
_REPORT = (
    "Zoho does not accept this call of the tap: update the tap, and report the code if "
    "it stays"
)

# The first line that fits counts. A code without a line is a failure, unless the
# message asks to try again later. Such a message also overrules lines that name none.
RULES = (
    # The text of the lock overrules every code.
    Rule("*", Action.LOCKED, message="throttles"),
    Rule("Z101 2008 409909", Action.LOCKED),
    # Each endpoint's own page.
    Rule("2401 995", Action.EMPTY, "getmailinglists"),
    Rule("2402", Action.RETRY, "getmailinglists"),
    Rule("2706", Action.FORBID, "getmailinglists", check=_CONTACT_SCOPE),
    Rule("2604", Action.EMPTY, "getsegmentcontacts"),
    Rule("2706 993 6501", Action.EMPTY, "getsegmentcontacts", "no contacts"),
    Rule("2202", Action.SKIP, "getsegmentcontacts", check=_SEGMENTS),
    Rule("2603", Action.RETRY, "getsegmentcontacts", check=_SEGMENTS),
    Rule("2602", Action.SKIP, "getsegmentdetails"),
    Rule("2202 2501", Action.SKIP, "getsegmentdetails", check=_LISTS),
    Rule("2601 2603", Action.RETRY, "getsegmentdetails", check=_SEGMENTS),
    Rule("2202 2707 2206 2501", Action.SKIP, "listsubscriberscount", check=_LISTS),
    Rule("2201", Action.RETRY, "listsubscriberscount"),
    Rule("2701 2704", Action.FORBID, "listsubscriberscount", check=_CONTACT_SCOPE),
    # "Yet,There are no contacts in this list.": the page gives the code otherwise.
    Rule("2502 2203 993 6501", Action.EMPTY, "getlistsubscribers", "no contacts"),
    Rule("2502", Action.RETRY, "getlistsubscribers"),
    Rule("2203 2501", Action.SKIP, "getlistsubscribers", check=_LISTS),
    Rule("2701 2704", Action.FORBID, "getlistsubscribers", check=_CONTACT_SCOPE),
    Rule("6101 994", Action.EMPTY, "recentcampaigns"),
    Rule("6601", Action.FORBID, "recentcampaigns", check=_CAMPAIGN_SCOPE),
    Rule("6303", Action.EMPTY, "getcampaignrecipientsdata"),
    Rule(
        "6302 2203 2502 2604 2706 993 6501",
        Action.EMPTY,
        "getcampaignrecipientsdata",
        "no contacts",
    ),
    Rule("6002 6503", Action.SKIP, "getcampaignrecipientsdata", check=_CAMPAIGNS),
    Rule("6601", Action.SKIP, "getcampaignrecipientsdata", "recipients"),
    Rule(
        "6601 6607", Action.FORBID, "getcampaignrecipientsdata", check=_CAMPAIGN_SCOPE
    ),
    Rule("991 992 6305 6306 6307", Action.EMPTY, "campaignreports"),
    Rule("2206 3001 6002 6301 6302 6503", Action.SKIP, "campaignreports"),
    Rule("6001", Action.RETRY, "campaignreports"),
    # A draft has no details.
    Rule("6302 6002", Action.EMPTY, "getcampaigndetails"),
    Rule("2206 6301 6503", Action.SKIP, "getcampaigndetails"),
    Rule("6001", Action.RETRY, "getcampaigndetails"),
    Rule("6304", Action.FORBID, "getcampaigndetails", check=_CAMPAIGN_SCOPE),
    Rule("2204", Action.EMPTY, "getlistadvanceddetails"),
    Rule("2202 2206 2501 2707", Action.SKIP, "getlistadvanceddetails", check=_LISTS),
    Rule("910", Action.EMPTY, "contact/allfields"),
    Rule("992", Action.EMPTY, "tag/getalltags"),
    Rule("4016", Action.EMPTY, "topics"),
    Rule("4010", Action.FORBID, "topics", check=_CONTACT_SCOPE),
    # Not every account has products, and only Marketing Automation has a page of them:
    # https://www.zoho.com/marketingautomation/help/developers/get-product.html
    Rule("4015 4016", Action.EMPTY, "topics/products"),
    # Zoho documents it for a sister product. If it is missing, only its stream stops.
    Rule("1004 404", Action.FORBID, "topics/products", check="deselect `products`"),
    Rule("4010", Action.FORBID, "topics/products", check=_CONTACT_SCOPE),
    Rule("9001", Action.EMPTY, "workflow"),
    Rule("9008", Action.FORBID, "workflow", check=_WORKFLOW_SCOPE),
    # Writes. If a change was already in effect, that is a success.
    Rule("2003", Action.ALREADY_DONE, "listsubscribe"),
    Rule("*", Action.ALREADY_DONE, "listsubscribe", "already in the list"),
    *(
        Rule("2001", Action.RETRY, endpoint, message)
        for endpoint in ("listsubscribe", _BULK)
        for message in ("retry", "sometime", "some time")
    ),
    # Zoho answered 2007 for an address that it considered invalid.
    Rule("2001 2004 2005 2007", Action.REJECT, "listsubscribe"),
    Rule("2103", Action.ALREADY_DONE, "listunsubscribe"),
    Rule("2101", Action.RETRY, "listunsubscribe"),
    Rule("2004 2005 2007", Action.REJECT, "listunsubscribe"),
    Rule("*", Action.ALREADY_DONE, "contactdonotmail", "already in do-not-mail"),
    Rule("2104", Action.RETRY, "contactdonotmail"),
    Rule("2004 2005 2007", Action.REJECT, "contactdonotmail"),
    # Each address is then sent alone, which shows the wrong one.
    Rule("2001 2004 2005 2007", Action.REJECT, _BULK),
    *(
        rule
        for endpoint in (*_WRITING, _BULK)
        for rule in (
            Rule("1001 1005", Action.REJECT, endpoint),
            Rule("2002 2102 2202 2206 2501", Action.FAIL, endpoint, check=_LIST),
            Rule("914 2302", Action.FAIL, endpoint, check=_ROOM),
            Rule("2701 2704 2706", Action.FORBID, endpoint, check=_WRITE_RIGHT),
            Rule("401 1007", Action.REFRESH_TOKEN, endpoint, check=_WRITE_SCOPE),
        )
    ),
    # The general table.
    Rule("0 200 3023 6201", Action.SUCCESS),
    Rule("6502", Action.SMALLER_PAGE, check="lower `page_size`"),
    Rule("500 996 2101 2601", Action.RETRY),
    # Other services of Zoho have words as codes.
    Rule("INVALID_TOKEN INVALID_OAUTHTOKEN", Action.REFRESH_TOKEN, check=_CREDENTIALS),
    Rule(
        "OAUTH_SCOPE_MISMATCH INVALID_OAUTHSCOPE", Action.MISSING_SCOPE, check=_SCOPES
    ),
    Rule("401 1007", Action.REFRESH_TOKEN, check=_CREDENTIALS),
    Rule("901 902", Action.FAIL, check=_ACCOUNT),
    Rule("1004 404", Action.FAIL, check=_URL),
    Rule("400 903 1001 1002 1003 1005 1006", Action.FAIL, check=_REPORT),
    Rule("2701 2704", Action.FORBID, check=_CONTACT_SCOPE),
    Rule("6304 6601 6607", Action.FORBID, check=_CAMPAIGN_SCOPE),
    Rule("2001 2002 2202 2501", Action.FAIL, check=_LISTS),
    Rule("6002 6301 6503", Action.FAIL, check=_CAMPAIGNS),
)

UNKNOWN: t.Final = Rule(
    "*", Action.FAIL, check="the tap does not know this code and stops"
)
_LATER = Rule("*", Action.RETRY)

# How many characters of a message, or of a web page, are searched.
_ENOUGH = 100_000
# A verb and a time: the name of a campaign may contain one of them.
_ASKS_FOR_PATIENCE = re.compile(
    r"\b(?:re)?(?:try|attempt|wait|come back|check back)(?:ing)?\b"
    r"[^.!?]{0,80}(?:\b(?:later|after|some\s?time|moments?|in an? |in \d)|a while\b)"
)
# This is enough for a code that no line has.
_HINTS_AT_LATER = re.compile(r"\b(?:try(?:ing)? again|retry|later|some\s?time)\b")


def asks_for_patience(message: str) -> bool:
    """Return whether a message asks to try again later."""
    return bool(_ASKS_FOR_PATIENCE.search(message[:_ENOUGH].casefold()))


def knows_code(endpoint: str, code: str) -> bool:
    """Return whether a line of the table names a code for an endpoint."""
    return any(
        code in rule.codes.split() and rule.endpoint in {"", endpoint} for rule in RULES
    )


def find_rule(endpoint: str, code: str, message: str) -> Rule:
    """Return the line of the table for an answer.

    Args:
        endpoint: Name of the call, such as `getmailinglists`.
        code: Zoho's code, as text.
        message: Zoho's message, in any case.
    """
    message = message[:_ENOUGH].casefold()
    for rule in RULES:
        if (
            (rule.codes == "*" or code in rule.codes.split())
            and rule.endpoint in {"", endpoint}
            and rule.message in message
        ):
            if rule.message or rule.action is Action.LOCKED:
                return rule
            if asks_for_patience(message):
                return _LATER._replace(check=rule.check)
            return rule
    hinted = asks_for_patience(message) or _HINTS_AT_LATER.search(message)
    return _LATER if hinted else UNKNOWN
