"""Readings that fork: threads go on side by side, and nobody sees a difference."""

from __future__ import annotations

import threading
import time
import typing as t
from collections import Counter
from contextvars import copy_context
from copy import deepcopy
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.sandbox import Reply
from tap_zohocampaigns.sync.notes import LineNote
from tap_zohocampaigns.sync.prefetch import Prefetch
from tap_zohocampaigns.sync.units import Batch, Fork
from tap_zohocampaigns.sync.workers import Workers, begin, current_workers
from tests.support.taps import run_tap
from tests.support.threads import PATIENCE, eventually, reading_threads
from tests.sync.test_prefetch import BrokenError, collect, rows

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, LivingAccount, Service
    from tap_zohocampaigns.sync.units import Steps
    from tests.support.taps import Output


class Forked(t.NamedTuple):
    """A fork of a reading, and whether the reading handles its error."""

    plans: list[t.Any]
    handles: bool


FAILURE = "failure"

Plan: t.TypeAlias = "list[int | str | Forked]"

PLANS: st.SearchStrategy[Plan] = st.recursive(
    st.lists(st.integers(0, 3) | st.just(FAILURE), max_size=3),
    lambda plans: st.lists(
        st.integers(0, 3)
        | st.builds(Forked, st.lists(plans, max_size=3), st.booleans()),
        max_size=3,
    ),
    max_leaves=12,
)


def carry_out(plan: Plan, name: str) -> Steps:
    for number, step in enumerate(plan):
        place = f"{name}.{number}"
        if isinstance(step, int):
            yield Batch(rows(step, place))
        elif isinstance(step, str):
            raise BrokenError(place)
        else:
            try:
                yield Fork(
                    [carry_out(p, f"{place}.{i}") for i, p in enumerate(step.plans)]
                )
            except BrokenError as error:
                if not step.handles:
                    raise
                yield Batch([], LineNote({"error": str(error)}))


@given(
    st.lists(PLANS, max_size=4),
    st.frozensets(st.integers(0, 3)),
    st.sampled_from([2, 3, 8]),
    st.sampled_from([1, 4, 10_000]),
)
def test_forks_change_no_batch_and_no_error(
    plans: list[Plan], skipped: frozenset[int], threads: int, room: int
) -> None:
    def read(item: int) -> Steps:
        return carry_out(plans[item], str(item))

    def items() -> Iterator[int]:
        yield from range(len(plans))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tap_zohocampaigns.sync.room._ROOM", room)
        expected = collect(Prefetch(items, read, 1), skipped)
        reading = Prefetch(items, read, threads)
        assert collect(reading, skipped) == expected
        reading.close()
        assert eventually(lambda: not reading_threads())


def test_what_an_item_forks_into_is_read_at_once() -> None:
    barrier = threading.Barrier(4)

    def meet(number: int) -> Steps:
        barrier.wait(PATIENCE)
        yield Batch(rows(number))

    def read(_: int) -> Steps:
        yield Fork([*map(meet, range(4))])

    reading = Prefetch(lambda: range(1), read, 4)
    assert [len(b.rows) for _, batches in reading for b in batches] == [0, 1, 2, 3]


def test_an_error_waits_for_nothing_behind_it() -> None:
    released, begun = threading.Event(), threading.Event()

    def fail() -> Steps:
        yield Batch(rows(2))
        assert begun.wait(PATIENCE)
        raise BrokenError

    def wait() -> Steps:
        begun.set()
        released.wait(PATIENCE)
        yield Batch(rows(3))

    def read(_: int) -> Steps:
        yield Batch(rows(1))
        yield Fork([fail(), wait(), wait()])

    taken = []
    reading = Prefetch(lambda: range(1), read, 3)
    with pytest.raises(BrokenError):
        taken += [len(b.rows) for _, batches in reading for b in batches]
    assert taken == []
    assert not released.is_set()
    reading.close()
    released.set()
    assert eventually(lambda: not reading_threads())


@pytest.mark.parametrize("threads", [2, 8])
def test_the_rows_of_forks_that_wait_are_limited(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 50)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 0)
    counting = threading.Lock()
    count = Counter[str]()
    most = 0

    def read_child(name: str) -> Steps:
        nonlocal most
        for number in range(20):
            with counting:
                count["read"] += 10
                most = max(most, count["read"] - count["taken"])
            yield Batch(rows(10, f"{name}-{number}"))

    def read(item: int) -> Steps:
        yield Fork([read_child(f"{item}-{child}") for child in range(6)])

    for item, batches in Prefetch(lambda: range(3), read, threads):
        for number, batch in enumerate(batches):
            place = f"{item}-{number // 20}-{number % 20}"
            assert batch.rows == rows(10, place)
            with counting:
                count["taken"] += 10
    assert count == {"read": 3600, "taken": 3600}
    # Each thread has a batch that is being read, and may leave one that waits.
    assert most <= 60 + 2 * 10 * (threads + 1)


def test_another_thread_takes_the_place_of_one_that_waits() -> None:
    barrier, begun, last_begun = (
        threading.Barrier(2),
        threading.Event(),
        threading.Event(),
    )

    def meet() -> bool:
        begun.set()
        return barrier.wait(PATIENCE) >= 0

    def run() -> None:
        current_workers.set(Workers(1))
        waited_for, queued = begin(meet), begin(meet)
        assert begun.wait(PATIENCE)
        # The one thread is busy until somebody else does what is queued.
        assert waited_for.result(PATIENCE)
        assert queued.result(PATIENCE)
        # Then there is one thread again.
        alone = begin(lambda: not last_begun.wait(0.05))
        last = begin(last_begun.set)
        assert eventually(last_begun.is_set)
        assert alone.result(PATIENCE)
        last.result(PATIENCE)

    copy_context().run(run)
    assert eventually(lambda: not reading_threads())


def test_closing_drops_the_pages_that_were_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 1)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 0)
    released, asked = threading.Event(), list[int]()

    def read(_: int) -> Steps:
        first = begin(partial(released.wait, PATIENCE))
        others = [begin(partial(asked.append, 1)) for _ in range(3)]
        yield Batch(rows(1))
        yield Batch(rows(1))
        assert [first, *others]

    reading = Prefetch(lambda: range(1), read, 2, Workers(1))
    reading.start()
    room = reading._backlog.room  # noqa: SLF001
    assert eventually(lambda: room.crowded)
    time.sleep(0.01)
    reading.close()
    assert eventually(lambda: len(reading_threads()) == 1)
    released.set()
    assert eventually(lambda: not reading_threads())
    assert asked == []


def without_clock(output: Output) -> list[dict[str, t.Any]]:
    """Return the messages without the times that the SDK takes from the real clock."""
    for message in output.messages:
        message.pop("time_extracted", None)
        for bookmark in message.get("value", {}).get("bookmarks", {}).values():
            bookmark.pop("replication_key_signpost", None)
    return output.messages


@pytest.mark.parametrize("stream", ["campaign_recipients", "recipient_events"])
def test_threads_change_no_message_and_no_call(
    service: Service, account: LivingAccount, stream: str
) -> None:
    sent = [campaign for campaign in account.campaigns() if campaign.sent]
    with_tests = next(campaign for campaign in sent if campaign.children)
    gone, other = [campaign for campaign in sent if not campaign.children][:2]
    missing = {gone.key, with_tests.children[0]}

    def intercept(call: Call) -> Reply | None:
        key = call.params.get("campaignkey")
        if call.endpoint != "getcampaignrecipientsdata" or key not in missing:
            return None
        return Reply(200, b'{"status":"error","code":"6002","message":"Not found."}')

    def run(concurrency: int, state: dict[str, t.Any] | None) -> Output:
        service.calls.clear()
        return run_tap(
            service,
            stream,
            "snapshots",
            state=deepcopy(state),
            concurrency=concurrency,
            page_size=50,
            campaign_keys=[gone.key, with_tests.key, other.key],
        )

    def calls() -> Counter[str]:
        return Counter(
            repr((c.endpoint, sorted(c.params.items()))) for c in service.calls
        )

    service.intercept = intercept
    state = None
    for _ in range(2):
        expected, expected_calls = run(1, state), calls()
        assert without_clock(run(8, state)) == without_clock(expected)
        assert calls() == expected_calls
        state = expected.state
    assert expected_calls
