"""Pages of topics, products and workflows."""

from __future__ import annotations

import json
import re
import typing as t
from itertools import cycle

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.reference import (
    FIRST_INEXACT_INTEGER,
    answer,
    params_of_calls,
    topics,
)

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Output, Record, Sync


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_every_page_size_reads_every_row_once(
    sync: Sync, service: Service, output: Output, size: int
) -> None:
    names = ("topics", "products", "workflows")
    records = sync(*names, page_size=size).records
    for name in names:
        assert records[name] == output.records[name]
    assert params_of_calls(service, "topics")[0]["details"] == (
        f"{{from_index:0,range:{min(size, 200)}}}"
    )
    assert len(params_of_calls(service, "topics")) == {1: 4, 2: 3, 3: 2, 500: 2}[size]
    details = [
        json.loads(params["details"]) for params in params_of_calls(service, "workflow")
    ]
    # Each page starts where the one before ends; the last one starts after all rows.
    starts = [
        (int(detail.pop("page")) - 1) * int(detail["limit"]) for detail in details
    ]
    total = len(records["workflows"])
    assert starts == [*range(0, total, min(size, 200)), total]
    assert details[0] == {
        "limit": str(min(size, 200)),
        "sort_order": "asc",
        "user": "all",
        "trigger_type": "open",
    }


@pytest.mark.parametrize(("count", "size"), [(25, 500), (3, 1), (201, 500)])
def test_topics_sent_in_one_answer_are_read_once(
    sync: Sync, service: Service, count: int, size: int
) -> None:
    answer(service, "topics", topics(count))
    records = sync("topics", page_size=size).records["topics"]
    assert [row["topic_id"] for row in records] == [
        str(FIRST_INEXACT_INTEGER + n) for n in range(count)
    ]
    assert len(params_of_calls(service, "topics")) == 2


def test_a_repeated_full_page_fails_the_stream(sync: Sync, service: Service) -> None:
    answer(service, "topics", topics(200))
    with pytest.raises(FatalError, match="repeats the same page of topics"):
        sync("topics")


def serve_in_pages(
    service: Service, endpoint: str, rows: list[Record], caps: list[int]
) -> None:
    """Make an endpoint return pages, each at most as long as the next cap."""
    lengths = cycle(caps)

    def intercept(call: Call) -> Reply | None:
        if call.endpoint != endpoint:
            return None
        numbers = [int(n) for n in re.findall(r"\d+", call.params["details"])]
        first, size = numbers[:2]
        if endpoint == "workflow":
            first = (first - 1) * size
        assert len(service.calls) < 200
        page = rows[first : first + min(size, next(lengths))]
        name = {"workflow": "workflows", "topics": "topicDetails"}[endpoint]
        body = {"code": "200", "message": "Success", name: page}
        return Reply(200, json.dumps(body).encode())

    service.intercept = intercept


@pytest.mark.quick_cases(10)
@pytest.mark.parametrize(
    "caps", [[200], [1], [7], [20], [100], [100, 50], [20, 7, 1, 30]]
)
@pytest.mark.parametrize("endpoint", ["topics", "workflow"])
@pytest.mark.parametrize("count", [5, 40, 230])
def test_pages_shorter_than_requested_lose_no_row(
    sync: Sync, service: Service, endpoint: str, count: int, caps: list[int]
) -> None:
    if count > 40 and min(caps) < 20:
        count = 41
    rows = [
        {
            "topicId": str(FIRST_INEXACT_INTEGER + n),
            "topicName": "a",
            "workflow_key": str(FIRST_INEXACT_INTEGER + n),
        }
        for n in range(count)
    ]
    serve_in_pages(service, endpoint, rows, caps)
    stream = {"topics": "topics", "workflow": "workflows"}[endpoint]
    key = {"topics": "topic_id", "workflow": "workflow_key"}[endpoint]
    keys = [row[key] for row in sync(stream).records[stream]]
    assert sorted(keys) == [str(FIRST_INEXACT_INTEGER + n) for n in range(count)]


def test_rows_inserted_between_pages_do_not_fail_the_stream(
    sync: Sync, service: Service
) -> None:
    rows = topics(450)["topicDetails"]
    serve_in_pages(service, "topics", rows, [200])
    serve_page = service.intercept

    def intercept(call: Call) -> Reply | None:
        if call.endpoint == "topics" and len(params_of_calls(service, "topics")) == 2:
            rows[:0] = [{"topicId": str(n), "topicName": "new"} for n in range(200)]
        return serve_page(call) if serve_page else None

    service.intercept = intercept
    topic_ids = {row["topic_id"] for row in sync("topics").records["topics"]}
    assert topic_ids >= {str(FIRST_INEXACT_INTEGER + n) for n in range(450)}


@pytest.mark.parametrize("empty", [None, "", "null"])
def test_rows_without_key_are_skipped_with_a_warning(
    sync: Sync,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    empty: str | None,
) -> None:
    body = topics(25)
    body["topicDetails"][3]["topicId"] = body["topicDetails"][9]["topicId"] = empty
    answer(service, "topics", body)
    rows = sync("topics").records["topics"]
    assert len(rows) == 23
    warnings = [
        record.getMessage()
        for record in caplog.records
        if "without their key" in record.message
    ]
    assert warnings == ["Left out 2 rows of topics without their key."]


def test_an_empty_product_row_does_not_fail_the_stream(
    sync: Sync, service: Service
) -> None:
    answer(service, "topics/products", {"code": "200", "products": [{}]})
    assert sync("products").records["products"] == []
