"""No spooled page is lost if the disk is full."""

from __future__ import annotations

import resource
import tempfile
import typing as t
from contextlib import closing, contextmanager

import pytest

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.sync import room, spool
from tap_zohocampaigns.sync.notes import LineNote
from tap_zohocampaigns.sync.prefetch import Prefetch
from tap_zohocampaigns.sync.spool import Spool
from tap_zohocampaigns.sync.units import Batch

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.taps import Sync

PAGES = [[{"row": f"{page}-{row}"} for row in range(500)] for page in range(40)]


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Limit the size of files; with 0, no temporary folder is usable."""
    previous_limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous_tempdir, tempfile.tempdir = tempfile.tempdir, None
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, previous_limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous_limits)
        tempfile.tempdir = previous_tempdir


@pytest.mark.parametrize("size", [0, 100, 20_000, 1 << 20])
def test_pages_are_loaded_unchanged_however_many_fit_on_disk(size: int) -> None:
    with limit_file_size(size), closing(Spool()) as pages:
        places = [pages.write(rows) for rows in PAGES]
        assert pages.size <= size
        assert [pages.load(place) for place in places] == PAGES
        assert [pages.load(place) for place in places[::-1]] == PAGES[::-1]


@pytest.mark.parametrize(("size", "reason"), [(0, "ENOENT"), (20_000, "EFBIG")])
def test_an_error_names_tmpdir_when_disk_and_memory_are_full(
    size: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "_MEMORY", 100_000)
    with (
        limit_file_size(size),
        closing(Spool()) as pages,
        pytest.raises(SettingError, match=f"{reason}.*TMPDIR") as raised,
    ):
        [pages.write(rows) for rows in PAGES]
    assert "/" not in str(raised.value)


@pytest.mark.parametrize("size", [0, 20_000])
def test_prefetch_waits_if_the_disk_is_full(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_ROOM", 1000)

    def read(item: int) -> Iterator[Batch]:
        yield from (Batch(rows, LineNote({"item": item})) for rows in PAGES)

    with limit_file_size(size):
        reading = Prefetch(lambda: range(3), read, 4)
        reading.start()
        batches_read = [
            (item, batch.rows, batch.note)
            for item, batches in reading
            for batch in batches
        ]
    assert batches_read == [
        (item, rows, LineNote({"item": item})) for item in range(3) for rows in PAGES
    ]


def test_a_run_needs_no_temporary_folder(sync: Sync) -> None:
    state = sync("segment_contacts").state
    settings: dict[str, t.Any] = {"state": state, "concurrency": 1}
    expected = sync("segment_contacts", **settings)
    with limit_file_size(0):
        assert sync("segment_contacts", **settings).state == expected.state


def test_a_run_without_a_temporary_folder_fails_naming_tmpdir(
    sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = sync("segment_contacts").state
    monkeypatch.setattr(spool, "_MEMORY", 1000)
    with limit_file_size(0), pytest.raises(SettingError, match="TMPDIR"):
        sync("segment_contacts", state=state)
