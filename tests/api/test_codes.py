"""The table of codes."""

from __future__ import annotations

import typing as t
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.codes import UNKNOWN, Action, find_rule
from tap_zohocampaigns.api.endpoints import ENDPOINTS, WRITES
from tests.support.zoho import ENDPOINT_NAMES

if t.TYPE_CHECKING:
    from collections.abc import Iterable

LISTS, MEMBERS, SEGMENT, COUNT, CAMPAIGNS, RECIPIENTS, DETAILS = ENDPOINT_NAMES
A = Action

# Every code that Zoho publishes, or was seen to send.
_CODES = (
    "0 200 400 401 404 500 901 902 903 910 914 916 917 991 992 993 994 995 "
    "996 1001 1002 1003 1004 1005 1006 1007 2001 2002 2003 2004 2005 2006 2007 2008 "
    "2020 2021 2101 2102 2103 2104 2201 2202 2203 2204 2205 2206 2301 2302 2401 2402 "
    "2501 2502 2601 2602 2603 2604 2701 2704 2706 2707 3001 4010 4011 4012 4013 4014 "
    "4015 4016 4017 4018 4019 6001 6002 6101 6301 6302 6303 6304 6305 6306 6307 6501 "
    "6502 6503 6600 6601 6603 6604 6605 6606 6607 6608 6609 6610 6611 7001 7002 7003 "
    "9000 9001 9002 9003 9004 9005 9006 9007 9008 Z101"
)
PUBLISHED = _CODES.split()

# The meaning of codes for all endpoints; all others are failures.
EVERYWHERE = {
    A.SUCCESS: "0 200",
    A.RETRY: "500 996 2101 2601",
    A.REFRESH_TOKEN: "401 1007",
    A.LOCKED: "Z101 2008",
    A.SMALLER_PAGE: "6502",
    A.FORBID: "2701 2704 6304 6601 6607",
}
# Their meaning on the page of an endpoint.
HERE: dict[str, dict[Action, str]] = {
    LISTS: {A.EMPTY: "2401 995", A.RETRY: "2402", A.FORBID: "2706"},
    MEMBERS: {A.EMPTY: "2604", A.SKIP: "2202", A.RETRY: "2603"},
    SEGMENT: {A.SKIP: "2202 2501 2602", A.RETRY: "2601 2603"},
    COUNT: {A.SKIP: "2202 2206 2501 2707", A.RETRY: "2201"},
    CAMPAIGNS: {A.EMPTY: "6101 994"},
    RECIPIENTS: {A.EMPTY: "6303", A.SKIP: "6002 6503"},
    DETAILS: {A.EMPTY: "6002 6302", A.SKIP: "2206 6301 6503", A.RETRY: "6001"},
}
# Codes that mean "no rows" if the message says so.
NONE_IF_SAID = {
    MEMBERS: "2706 993 6501",
    RECIPIENTS: "6302 2203 2502 2604 2706 993 6501",
}
NO_CONTACTS = "Yet,There are no contacts in this list."


def meaning(endpoint: str, code: str) -> Action:
    for table in (HERE[endpoint], EVERYWHERE):
        for action, codes in table.items():
            if code in codes.split():
                return action
    return A.FAIL


def empty_codes(endpoint: str) -> Iterable[str]:
    return HERE[endpoint].get(A.EMPTY, "").split()


@pytest.mark.parametrize("code", PUBLISHED)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_each_published_code_has_the_action_of_the_pages(
    endpoint: str, code: str
) -> None:
    expected = meaning(endpoint, code)
    assert find_rule(endpoint, code, "").action is expected
    if expected is not A.LOCKED:
        expected = A.RETRY
    assert find_rule(endpoint, code, "Please try after sometime.").action is expected


WORDS_FOR_LATER = (
    "Error in getting details. Please try after sometime.",
    "Error in displaying. PLEASE TRY AGAIN LATER!",
    "Service is busy, kindly retry after 5 minutes.",
    "Please wait for some time.",
    "Try again in 3 minutes",
    "Please come back in a few minutes.",
)
EVERY_CALL = tuple(ENDPOINTS)


@pytest.mark.parametrize("message", WORDS_FOR_LATER)
@pytest.mark.parametrize("endpoint", EVERY_CALL)
def test_a_message_that_asks_to_try_later_is_retried_with_any_code(
    endpoint: str, message: str
) -> None:
    for code in ("2603", "77777", "X", "0"):
        assert find_rule(endpoint, code, message).action is A.RETRY
    assert find_rule(endpoint, "Z101", message).action is A.LOCKED


@pytest.mark.parametrize("message", ["Please try again.", "Retry", "Not now, later."])
def test_a_hint_is_enough_to_retry_an_unknown_code(message: str) -> None:
    for endpoint in EVERY_CALL:
        assert find_rule(endpoint, "77777", message).action is A.RETRY
    assert find_rule(RECIPIENTS, "6303", message).action is A.EMPTY


@pytest.mark.parametrize(
    "message",
    [
        "",
        "An error.",
        "The campaign Sooner or Later is gone.",
        "Waiting list",
        "industry",
        "You have tried your luck.",
    ],
)
def test_other_messages_do_not_ask_to_try_later(message: str) -> None:
    assert find_rule(DETAILS, "6301", message).action is A.SKIP


@pytest.mark.parametrize(
    "message",
    ["", "An error.", "translated", "Trying", "try " * 10**6, "wait" * 10**6],
    ids=count(),
)
def test_an_unknown_code_is_a_failure(message: str) -> None:
    for endpoint in EVERY_CALL:
        assert find_rule(endpoint, "77777", message) is UNKNOWN


def test_lines_with_a_message_overrule_a_request_to_try_later() -> None:
    message = f"{NO_CONTACTS} Please try again later."
    assert find_rule("getlistsubscribers", "2502", message).action is A.EMPTY
    assert find_rule(MEMBERS, "2706", message).action is A.EMPTY
    known = "Already in the list, try again later."
    assert find_rule("listsubscribe", "1", known).action is A.ALREADY_DONE


@pytest.mark.parametrize(
    "endpoint",
    ["getlistadvanceddetails", "getlistsubscribers", COUNT, SEGMENT],
)
def test_an_unknown_list_key_is_skipped(endpoint: str) -> None:
    rule = find_rule(endpoint, "2501", "Invalid list key.")
    assert rule.action is A.SKIP
    assert "`list_keys`" in rule.check


@pytest.mark.parametrize("endpoint", [*WRITES])
def test_an_invalid_address_is_rejected(endpoint: str) -> None:
    for code in ("2004", "2005", "2007"):
        assert find_rule(endpoint, code, "Invalid.").action is A.REJECT


@pytest.mark.parametrize("code", ["3023", "6201"])
def test_the_other_success_codes_of_the_general_table(code: str) -> None:
    for endpoint in ENDPOINT_NAMES:
        assert find_rule(endpoint, code, "").action is A.SUCCESS


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_message_counts_only_where_no_page_gives_the_code(endpoint: str) -> None:
    for code in PUBLISHED:
        if code in NONE_IF_SAID.get(endpoint, "").split():
            expected = A.EMPTY
        else:
            expected = meaning(endpoint, code)
        for message in (NO_CONTACTS, NO_CONTACTS.upper()):
            assert find_rule(endpoint, code, message).action is expected, code


@pytest.mark.parametrize(
    ("endpoint", "message", "expected"),
    [
        (RECIPIENTS, "AB campaign cannot be sent to less than 4 recipients.", A.SKIP),
        (RECIPIENTS, "Insufficient privileges to perform this action.", A.FORBID),
        (RECIPIENTS, "", A.FORBID),
        (CAMPAIGNS, "AB campaign cannot be sent to less than 4 recipients.", A.FORBID),
    ],
)
def test_6601_means_missing_privileges_except_for_a_small_ab_test(
    endpoint: str, message: str, expected: Action
) -> None:
    assert find_rule(endpoint, "6601", message).action is expected


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_message_about_throttles_is_a_lock_with_any_code(
    endpoint: str,
) -> None:
    for code in (*PUBLISHED, "400", "X"):
        message = "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"
        assert find_rule(endpoint, code, message).action is A.LOCKED


# Codes that were seen, or that other products of Zoho have.
SEEN = {
    *("409909", "3023", "6201", "INVALID_TOKEN", "INVALID_OAUTHTOKEN"),
    *("INVALID_OAUTHSCOPE", "OAUTH_SCOPE_MISMATCH"),
}
WORDS = st.sampled_from([NO_CONTACTS, "no list", "recipients", "success", "none"])


@example(ENDPOINT_NAMES[0], "OAUTH_SCOPE_MISMATCH", "none")
@given(st.sampled_from(ENDPOINT_NAMES), st.text() | st.integers().map(str), WORDS)
def test_only_the_documented_codes_of_an_endpoint_mean_no_rows(
    endpoint: str, code: str, message: str
) -> None:
    rule = find_rule(endpoint, code, message)
    if rule.action is A.EMPTY:
        by_sentence = NONE_IF_SAID.get(endpoint, "").split()
        by_message_and_code = message == NO_CONTACTS and code in by_sentence
        assert code in empty_codes(endpoint) or by_message_and_code
    if code not in {*PUBLISHED, *SEEN}:
        assert rule.action is A.FAIL


@pytest.mark.parametrize("code", ["", " ", "*", "0000", "00", "2603 ", "2401 995"])
@pytest.mark.parametrize("endpoint", [*ENDPOINT_NAMES, "newendpoint"])
def test_an_unpublished_code_is_a_failure(endpoint: str, code: str) -> None:
    assert find_rule(endpoint, code, "There are no contacts").action is A.FAIL


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_final_failures_have_advice(endpoint: str) -> None:
    for code in PUBLISHED:
        rule = find_rule(endpoint, code, "")
        if rule.action in {A.FAIL, A.FORBID, A.SMALLER_PAGE, A.REFRESH_TOKEN}:
            assert rule.check, code


@pytest.mark.parametrize(
    ("endpoint", "code", "settings"),
    [
        (LISTS, "1007", ("`refresh_token`", "`data_center`")),
        (LISTS, "2706", ("`refresh_token`", "ZohoCampaigns.contact.READ")),
        (CAMPAIGNS, "6601", ("`refresh_token`", "ZohoCampaigns.campaign.READ")),
        (LISTS, "1004", ("`data_center`", "`api_url`")),
        (RECIPIENTS, "6002", ("`campaign_keys`",)),
        (MEMBERS, "2202", ("`cvids`",)),
        (COUNT, "2202", ("`list_keys`",)),
        (LISTS, "6502", ("`page_size`",)),
    ],
)
def test_the_advice_names_the_setting(
    endpoint: str, code: str, settings: tuple[str, ...]
) -> None:
    check = find_rule(endpoint, code, "").check
    assert all(name in check for name in settings)


@pytest.mark.parametrize("code", ["2502", "2203", "993", "6501"])
def test_a_list_without_contacts_is_not_a_deleted_list(code: str) -> None:
    assert find_rule("getlistsubscribers", code, NO_CONTACTS).action is A.EMPTY
    deleted = find_rule("getlistsubscribers", code, "This list has been deleted.")
    assert deleted.action is not A.EMPTY


@pytest.mark.parametrize("code", ["991", "992", "6305", "6306", "6307"])
def test_codes_that_mean_an_empty_report(code: str) -> None:
    assert find_rule("campaignreports", code, "").action is A.EMPTY
