"""Config, catalog and state files: each problem is one error message."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tap_zohocampaigns.airbyte.catalog import read_states
from tap_zohocampaigns.airbyte.source import run as run_source
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.commands.test_plan import run_plan
from tests.support.tap_command import error_messages, run_tap_command

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

SANDBOX = {"data_center": "sandbox"}
STATE = {
    "bookmarks": {
        "segment_contacts": {
            "replication_key": "added_time",
            "replication_key_value": "2026-01-31T00:00:00.000Z",
            "parts": {"1": {"rows": 1}},
            "selection": "a",
        },
        "gone": {"replication_key": "x"},
    }
}
NAMES = ("config", "catalog", "state")


def make_bad_file(folder: Path, kind: str) -> Path:
    """Make a file that can't be used, and return its path."""
    path = folder / "given.json"
    if kind == "is a directory":
        path.mkdir()
    elif kind != "is missing":
        path.write_bytes(
            {
                "is empty": b" \n",
                "is not JSON": b"{not json",
                "is not UTF-8": b'{"a": "\xff"}',
                "is too deep": b"[" * 100_000,
            }[kind]
        )
    return path


MESSAGES = {
    "is missing": "is missing",
    "is a directory": "can't be read (Is a directory)",
    "is empty": "is empty",
    "is not JSON": "is not JSON",
    "is not UTF-8": "is not JSON",
    "is too deep": "is not JSON",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", MESSAGES)
def test_error_names_the_file_and_the_problem(
    tmp_path: Path, kind: str, name: str
) -> None:
    path = make_bad_file(tmp_path, kind)
    with pytest.raises(SettingError) as raised:
        files.load(name, str(path))
    message = str(raised.value)
    assert message.startswith(f"The {name} file given as --{name} {MESSAGES[kind]}")
    assert message.endswith(str(path))


@pytest.mark.parametrize("path", ["", "\0", "a" * 5000])
def test_invalid_path_is_an_error(path: str) -> None:
    with pytest.raises(SettingError, match="state file given as --state"):
        files.load("state", path)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["is missing", "is not JSON"])
def test_every_command_reports_a_bad_file_in_one_line(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = str(make_bad_file(tmp_path, kind))
    message = f"The {name} file given as --{name} {MESSAGES[kind]}"
    stdout, stderr = run_tap_command(tmp_path, SANDBOX, f"--{name}", path, status=1)
    assert not stdout
    (line,) = error_messages(stderr)
    assert line.startswith(message)
    plan = run_plan("--config", str(tmp_path / "config.json"), f"--{name}", path)
    assert plan.returncode == 1
    assert [line.startswith(message) for line in error_messages(plan.stderr)] == [True]
    paths = {option: str(tmp_path / f"{option}.json") for option in NAMES}
    (tmp_path / "catalog.json").write_text('{"streams": []}')
    (tmp_path / "state.json").write_text("[]")
    assert message in failing_read(paths | {name: path})


def failing_read(paths: dict[str, str]) -> str:
    """Run a failing read of the Airbyte source; return its output."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        options = [word for name, path in paths.items() for word in (f"--{name}", path)]
        assert run_source(["read", *options]) == 1
    written.seek(0)
    return written.read()


def test_file_without_read_permission_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> t.NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingError, match=r"can't be read \(Permission denied\)"):
        files.load("state", str(tmp_path))


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("content", ["[]", '"text"', "1", "null", "true"])
def test_config_must_be_an_object(tmp_path: Path, content: str) -> None:
    _, stderr = run_tap_command(tmp_path, content, status=1)
    (line,) = error_messages(stderr)
    assert line.startswith("The config is ")


# States.


@pytest.mark.parametrize(
    "wrapped",
    [
        STATE,
        {"type": "STATE", "value": STATE},
        {"singer_state": STATE},
        {"type": "STATE", "value": {"singer_state": STATE}},
        {"singer_state": {"type": "STATE", "value": STATE}},
        {"singer_state": {"singer_state": STATE}, "completed": 1},
    ],
)
def test_state_is_unwrapped(
    wrapped: dict[str, t.Any],
) -> None:
    tap = TapZohoCampaigns(config=dict(SANDBOX), state=wrapped)
    assert tap.state["bookmarks"] == STATE["bookmarks"]


@pytest.mark.parametrize(
    "state",
    [{}, {"bookmarks": {}}, {"singer_state": {}}, {"currently_syncing": None}],
)
def test_empty_state_has_no_bookmarks(state: dict[str, t.Any]) -> None:
    assert not TapZohoCampaigns(config=dict(SANDBOX), state=state).state.get(
        "bookmarks"
    )


NOT_TEXTS: list[t.Any] = ["text", 1, [], {}, True, ""]
NOT_OBJECTS: list[t.Any] = [[], "text", 1, None, True]
MALFORMED_STATES: list[t.Any] = [
    *([], "text", 1, True, None, [STATE], {"client_id": "x"}, {"singer_state": None}),
    *({"type": "STATE", "value": []}, {"type": "RECORD", "value": STATE}),
    *({"bookmarks": odd} for odd in NOT_OBJECTS),
    *({"bookmarks": {"campaigns": odd}} for odd in NOT_OBJECTS),
    *({"bookmarks": {"gone": odd}} for odd in NOT_OBJECTS),
    *(
        {"bookmarks": {"campaign_recipients": {"replication_key": odd}}}
        for odd in NOT_TEXTS
    ),
    *(
        {"bookmarks": {"segment_contacts": {"replication_key_value": odd}}}
        for odd in NOT_TEXTS
    ),
    {"bookmarks": {"campaigns": {"replication_key": "no_such_field"}}},
    {"bookmarks": {"campaigns": {"partitions": {}}}},
    {"bookmarks": {"campaigns": {"progress_markers": []}}},
]


@pytest.mark.parametrize("state", MALFORMED_STATES)
def test_malformed_state_is_an_error_before_the_run(state: t.Any) -> None:
    with pytest.raises(SettingError) as raised:
        TapZohoCampaigns(config=dict(SANDBOX), state=files.as_state(state))
    assert str(raised.value).startswith("The state ")
    assert str(raised.value).endswith("or none to read everything.")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("state", [[], {"bookmarks": None}])
def test_every_command_reports_a_malformed_state_in_one_line(
    service: Service, tmp_path: Path, state: t.Any
) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(state))
    for command in ((), ("plan",)):
        stdout, stderr = run_tap_command(
            tmp_path, service.config, *command, "--state", str(path), status=1
        )
        assert not stdout
        (line,) = error_messages(stderr)
        assert line.startswith("The state ")
    assert not service.calls


def airbyte_state(content: t.Any) -> list[t.Any]:
    stream = {"stream_descriptor": {"name": "campaigns"}, "stream_state": content}
    return [{"type": "STREAM", "stream": stream}]


@pytest.mark.parametrize("content", [[], "text", 1, True])
def test_airbyte_state_must_be_an_object(content: t.Any) -> None:
    with pytest.raises(SettingError, match="The state of campaigns"):
        read_states(airbyte_state(content))
    assert read_states(airbyte_state(None)) == {"campaigns": {}}
    assert read_states(airbyte_state({"a": 1})) == {"campaigns": {"a": 1}}


# Catalogs.


def catalog_of(*names: str) -> dict[str, t.Any]:
    """Return a catalog that selects some streams."""
    catalog = TapZohoCampaigns(config=dict(SANDBOX)).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in names
    return t.cast("dict[str, t.Any]", catalog)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("catalog", [{"streams": []}, None])
def test_catalog_without_selected_streams_is_reported_in_one_line(
    service: Service, tmp_path: Path, catalog: t.Any
) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog or catalog_of()))
    stdout, stderr = run_tap_command(tmp_path, service.config, "--catalog", str(path))
    assert not stdout
    assert stderr.count("The catalog selects no stream of this tap") == 1
    assert not service.calls


ENTRY: dict[str, t.Any] = {"tap_stream_id": "campaigns", "schema": {"properties": {}}}
ODD_VALUES: list[t.Any] = [[], {}, "text", 1, None, True]


@pytest.mark.parametrize(
    "catalog",
    [
        *([], "text", 1, None, True, {}, {"stream": []}),
        *({"streams": odd} for odd in ODD_VALUES if odd != []),
        *({"streams": [odd]} for odd in ODD_VALUES),
        *(
            {"streams": [ENTRY | {"tap_stream_id": odd}]}
            for odd in ODD_VALUES
            if odd != "text"
        ),
        *({"streams": [ENTRY | {"schema": odd}]} for odd in ODD_VALUES),
        *(
            {"streams": [ENTRY | {"schema": {"properties": odd}}]}
            for odd in ODD_VALUES
            if odd != {}
        ),
        *({"streams": [ENTRY | {"schema": {"properties": {"a": 1}}}]},),
        *({"streams": [ENTRY | {"metadata": odd}]} for odd in ODD_VALUES if odd != []),
        *({"streams": [ENTRY | {"metadata": [odd]}]} for odd in ODD_VALUES),
        *(
            {"streams": [ENTRY | {"metadata": [{"breadcrumb": [], "metadata": odd}]}]}
            for odd in ODD_VALUES
            if odd != {}
        ),
        *(
            {"streams": [ENTRY | {"metadata": [{"breadcrumb": odd, "metadata": {}}]}]}
            for odd in [[1], [[]], "text", None]
        ),
    ],
)
def test_malformed_catalog_is_an_error(catalog: t.Any) -> None:
    with pytest.raises(SettingError) as raised:
        files.as_catalog(catalog)
    assert str(raised.value).startswith("The catalog ")
    assert str(raised.value).endswith("discover it again.")
    if isinstance(catalog, dict):
        with pytest.raises(SettingError):
            TapZohoCampaigns(config=dict(SANDBOX), catalog=catalog)


def test_discovered_catalog_is_accepted() -> None:
    files.as_catalog(catalog_of("campaigns"))
