"""The page reader keeps its promises; the adversary finds each known fault of it."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync import reading
from tap_zohocampaigns.sync.pagination import Answer
from tap_zohocampaigns.sync.reading import Reading
from tests.proof.pages import PROOF, SMALLEST
from tests.proof.proof import BrokenPromise

ACCOUNTS = 3000
# Each fault must be detected within this many accounts.
ACCOUNTS_PER_FAULT = 15_000


def check_accounts(seeds: range) -> None:
    with PROOF.open() as play:
        for seed in seeds:
            play(seed)


def test_no_row_is_lost_to_an_adversary() -> None:
    check_accounts(range(ACCOUNTS))


# Faults of earlier readers. The adversary must detect each of them.


def _remembered(self: Reading, answer: t.Any) -> bool:
    """Assume that a page shorter than an earlier one is the last."""
    rows, longest = len(answer.keys), getattr(self._paginator, "longest", 0)
    self._paginator.longest = max(rows, longest)  # type: ignore[attr-defined]
    return rows < longest


def _lowest_match(self: Reading, answer: t.Any) -> t.Any:
    """Skip all rows before the last old row of a page."""
    accepted = JUDGE(self, answer)
    if not accepted or accepted.first == 1:
        return accepted
    old_positions = [
        position for position, key in enumerate(accepted.keys) if key in self._window
    ]
    return accepted._replace(skip=max(old_positions, default=-1) + 1)


def _repeated(self: Reading, answer: t.Any) -> None:
    """Assume that a repeated page means that `fromindex` is ignored."""
    first, keys = self._index._last  # noqa: SLF001 (removed from the reader)
    if first != answer.first and keys == answer.keys:
        if len(keys) >= SMALLEST:
            msg = "Zoho repeats the same page."
            raise FatalError(msg)
        self._ended = True


def _against_counter(_: Reading, answer: t.Any) -> bool:
    """Assume that a page with room for more is the last, whatever counters say."""
    return bool(answer.aligned and answer.had_room)


def _round(self: Reading, answer: t.Any) -> bool:
    """Assume that a page of a round length is the last if a counter agrees."""
    return bool(answer.had_room and self._is_as_reported(answer))


def _first_sight(self: Reading, *_: object) -> None:
    """Assume that no rows follow a page with only old rows."""
    self._ended = self.proved = True


def _any_page(self: Reading, answer: t.Any) -> t.Any:
    """Accept any page, whether it connects to the rows before or not."""
    return JUDGE(self, answer) or (answer if answer.keys and not self._ended else None)


def _nothing(self: Reading, *_: object) -> None:
    """Assume that an empty page is the end."""
    self._ended = self.proved = True


def _as_long_as_its_echo(answer: t.Any) -> bool:
    """Assume that the page had room for more, although its echo equals its length."""
    return bool(len(answer.keys) >= answer.size)


JUDGE = Reading._judge  # noqa: SLF001
FAULTS: dict[str, tuple[object, str, object]] = {
    "lengths that are remembered": (Reading, "_is_surely_last", _remembered),
    "a cut at the lowest match": (Reading, "_judge", _lowest_match),
    "a page as long as its echo": (
        Answer,
        "full",
        property(_as_long_as_its_echo),
    ),
    "a repeated page": (Reading, "_check_index", _repeated),
    "an end against a counter": (Reading, "_is_surely_last", _against_counter),
    "a round page": (Reading, "_is_surely_last", _round),
    "a page of old rows": (Reading, "_judge_end", _first_sight),
    "a page that is not connected": (Reading, "_judge", _any_page),
    "one old row": (reading, "_ANCHORS", 1),
    "an empty page": (Reading, "_judge_nothing", _nothing),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_adversary_detects_each_known_fault(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    with pytest.raises(BrokenPromise):
        check_accounts(range(ACCOUNTS_PER_FAULT))
