"""Pages of topics, products and workflows."""

from __future__ import annotations

import json
import re
import typing as t
from itertools import cycle

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.reference import EXACT, answer, asked, topics

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Output, Record, Sync


@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_pages_of_any_size_give_every_row_once(
    sync: Sync, service: Service, output: Output, size: int
) -> None:
    names = ("topics", "products", "workflows")
    found = sync(*names, page_size=size).records
    for name in names:
        assert found[name] == output.records[name]
    assert asked(service, "topics")[0]["details"] == (
        f"{{from_index:0,range:{min(size, 200)}}}"
    )
    assert len(asked(service, "topics")) == {1: 4, 2: 3, 3: 2, 500: 2}[size]
    details = [json.loads(each["details"]) for each in asked(service, "workflow")]
    # Each page begins right behind the one before, the last behind all rows.
    begin = [(int(each.pop("page")) - 1) * int(each["limit"]) for each in details]
    total = len(found["workflows"])
    assert begin == [*range(0, total, min(size, 200)), total]
    assert details[0] == {
        "limit": str(min(size, 200)),
        "sort_order": "asc",
        "user": "all",
        "trigger_type": "open",
    }


@pytest.mark.parametrize(("rows", "size"), [(25, 500), (3, 1), (201, 500)])
def test_topics_that_come_all_at_once_are_read_once(
    sync: Sync, service: Service, rows: int, size: int
) -> None:
    answer(service, "topics", topics(rows))
    found = sync("topics", page_size=size).records["topics"]
    assert [row["topic_id"] for row in found] == [str(EXACT + n) for n in range(rows)]
    assert len(asked(service, "topics")) == 2


def test_a_full_page_that_comes_again_is_not_taken_for_all(
    sync: Sync, service: Service
) -> None:
    answer(service, "topics", topics(200))
    with pytest.raises(FatalError, match="repeats the same page of topics"):
        sync("topics")


def in_pages(
    service: Service, endpoint: str, rows: list[Record], caps: list[int]
) -> None:
    """Let an endpoint give pages, at most as long as the next cap."""
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


@pytest.mark.parametrize(
    "caps", [[200], [1], [7], [20], [100], [100, 50], [20, 7, 1, 30]]
)
@pytest.mark.parametrize("endpoint", ["topics", "workflow"])
@pytest.mark.parametrize("number", [5, 40, 230])
def test_pages_shorter_than_asked_lose_no_row(
    sync: Sync, service: Service, endpoint: str, number: int, caps: list[int]
) -> None:
    if number > 40 and min(caps) < 20:
        number = 41
    rows = [
        {"topicId": str(EXACT + n), "topicName": "a", "workflow_key": str(EXACT + n)}
        for n in range(number)
    ]
    in_pages(service, endpoint, rows, caps)
    stream = {"topics": "topics", "workflow": "workflows"}[endpoint]
    key = {"topics": "topic_id", "workflow": "workflow_key"}[endpoint]
    found = [row[key] for row in sync(stream).records[stream]]
    assert sorted(found) == [str(EXACT + n) for n in range(number)]


def test_a_burst_that_makes_a_page_come_again_is_no_failure(
    sync: Sync, service: Service
) -> None:
    rows = topics(450)["topicDetails"]
    in_pages(service, "topics", rows, [200])
    pages = service.intercept

    def intercept(call: Call) -> Reply | None:
        if call.endpoint == "topics" and len(asked(service, "topics")) == 2:
            rows[:0] = [{"topicId": str(n), "topicName": "new"} for n in range(200)]
        return pages(call) if pages else None

    service.intercept = intercept
    found = {row["topic_id"] for row in sync("topics").records["topics"]}
    assert found >= {str(EXACT + n) for n in range(450)}


@pytest.mark.parametrize("none", [None, "", "null"])
def test_a_row_without_its_key_is_left_out_with_a_warning(
    sync: Sync,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    none: str | None,
) -> None:
    body = topics(25)
    body["topicDetails"][3]["topicId"] = body["topicDetails"][9]["topicId"] = none
    answer(service, "topics", body)
    found = sync("topics").records["topics"]
    assert len(found) == 23
    told = [r.getMessage() for r in caplog.records if "without their key" in r.message]
    assert told == ["Left out 2 rows of topics without their key."]


def test_rows_that_all_lack_their_key_are_no_failure(
    sync: Sync, service: Service
) -> None:
    answer(service, "topics/products", {"code": "200", "products": [{}]})
    assert sync("products").records["products"] == []
