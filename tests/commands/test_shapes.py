"""A shape report has the form of all answers, and nothing of what they say."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import typing as t
from collections import Counter
from pathlib import Path

import pytest

from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.commands.checks import Check, Result, worst
from tap_zohocampaigns.commands.doctor import examine
from tap_zohocampaigns.commands.shape_report import NO_KEY
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.sandbox.bodies.envelope import encode, error
from tap_zohocampaigns.sandbox.server.routes import SCOPES
from tests.support.fixed_account import FixedAccount
from tests.support.shape_answers import ShapeAnswers, is_part
from tests.support.stream_cases import FORMATS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
# An example, and the reports that users have sent.
REPORTS = sorted((Path(__file__).parents[1] / "shapes").glob("*.json"))
ENDPOINTS = {
    "mailing_lists": "getmailinglists",
    "campaigns": "recentcampaigns",
    "contact_fields": "contact/allfields",
    "topics": "topics",
    "products": "topics/products",
    "workflows": "workflow",
    "tags": "tag/getalltags",
}
LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":""}')
NO_LISTS = Reply(200, error("", "2401", "There are no lists.", as_json=True))
NO_CAMPAIGNS = Reply(200, error("", "6101", "There are none.", as_json=True))


class Outcome(t.NamedTuple):
    """What `doctor --shapes` wrote and said."""

    report: dict[str, t.Any]
    checks: list[Check]

    def check(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)


def shapes_of(service: Service, folder: Path, **settings: t.Any) -> Outcome:
    path = folder / "shapes.json"
    config = settings.pop("config", service.config)
    checks = [*examine({**config, **settings}, shapes=str(path))]
    return Outcome(json.loads(path.read_text()), checks)


def instead(endpoint: str, body: object, status: int = 200) -> t.Any:
    """Return an intercept that answers one endpoint with a body of its own."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = Reply(status, content)
    return lambda call: reply if call.endpoint == endpoint else None


@pytest.mark.parametrize("data_format", FORMATS)
def test_each_endpoint_is_called_once_and_nothing_is_new(
    account: LivingAccount, tmp_path: Path, data_format: str
) -> None:
    with Service(account) as service:
        outcome = shapes_of(service, tmp_path, response_format=data_format)
        calls = Counter(call.endpoint for call in service.calls)
    assert calls == dict.fromkeys(READS, 1)
    report = outcome.report
    assert report["calls"] == len(READS)
    assert report["new"] == []
    assert report["endpoints"].keys() == READS.keys()
    assert worst(outcome.checks) is Result.OK
    assert f"{len(READS)} calls" in outcome.check("shapes").text
    known = {"report", "form", "tap", "api_version", "response_format", "calls", "new"}
    assert report.keys() == known | {"endpoints"}
    assert report["response_format"] == data_format
    assert {entry["http_status"] for entry in report["endpoints"].values()} == {200}


@pytest.mark.parametrize(
    "forms",
    [
        {"segments_form": "objects", "segments_info_form": "object"},
        {"segments_form": "list", "places_form": "map_text"},
        {"segments_form": "map_text", "fields_form": "fieldname"},
    ],
)
@pytest.mark.parametrize("data_format", FORMATS)
def test_no_form_of_the_sandbox_is_new(
    tmp_path: Path, forms: dict[str, t.Any], data_format: str
) -> None:
    with Service(FixedAccount(), **forms) as service:
        outcome = shapes_of(service, tmp_path, response_format=data_format)
    assert outcome.report["new"] == []


def test_the_report_has_names_types_nesting_and_formats(tmp_path: Path) -> None:
    with Service(FixedAccount()) as service:
        report = shapes_of(service, tmp_path).report
    lists = report["endpoints"]["getmailinglists"]
    assert (lists["outcome"], lists["format"], lists["code"]) == ("read", "json", "0")
    names = lists["body"]["object"]["names"]
    assert names["code"] == {"text": {'"0"': {}}}
    assert names["requestdetails"]["object"]["names"]["range"] == {
        "integer": {"digits(2)": {}}
    }
    rows = names["list_of_details"]["array"]
    assert rows["count"] == ["many"]
    row = rows["items"]["object"]["names"]
    assert row["date"] == {"text": {"dd Mon yyyy, hh:mm AM": {}}}
    assert row["created_time_gmt"] == {"text": {"digits(13)": {}}}
    assert row["listkey"] == {"text": {"3z+hex(64)": {}}}
    assert row["is_public"] == {"text": {"true/false": {}}}
    contacts = report["endpoints"]["getsegmentcontacts"]["body"]["object"]["names"]
    fields = contacts["list_of_details"]["array"]["items"]["object"]
    assert fields["names"]["contact_email"] == {"text": {"email": {}}}
    assert fields["others"].keys() == {"custom field"}
    # The second contact has no custom fields.
    assert "sometimes" not in fields


@pytest.mark.parametrize(
    ("endpoint", "body", "place"),
    [
        (
            "topics",
            {"code": "200", "topicDetails": [{"topicId": "1", "audience_size": 3}]},
            "topicDetails.array.items.object.others.lower_snake(9-16)",
        ),
        (
            "topics",
            {"code": "200", "topicDetails": [{"topicId": {"id": "1"}}]},
            "topicDetails.array.items.object.names.topicId.object",
        ),
        (
            "tag/getalltags",
            {"code": "0", "tags": [{"1": {"tag_created_time": "2026/03/20"}}]},
            "names.tag_created_time.text.9999/99/99",
        ),
        (
            "recentcampaigns",
            {
                "code": "0",
                "recent_campaigns": [
                    {"campaign_key": "3z1", "campaign_status": "Simmering"}
                ],
            },
            "names.campaign_status.text.text(9-16)",
        ),
        (
            "recentcampaigns",
            {"code": "0", "recent_campaigns": [{"sent_date_string": "20.03.26"}]},
            "names.sent_date_string.text.99.99.99",
        ),
        (
            "getmailinglists",
            {"status": "error", "code": "7777", "message": "Odd."},
            'getmailinglists.body.object.names.code.text."7777"',
        ),
        (
            "getmailinglists",
            {"status": "error", "code": "ODD_WORD", "message": "Odd."},
            "names.code.text.text(1-8)",
        ),
        ("workflow", {"code": "200", "flows": []}, "workflow"),
        ("workflow", [1, 2], "workflow"),
        ("workflow", b"<html><body>A page</body></html>", "workflow"),
    ],
)
def test_what_is_not_known_is_marked(
    tmp_path: Path, endpoint: str, body: object, place: str
) -> None:
    with Service(FixedAccount(), intercept=instead(endpoint, body)) as service:
        outcome = shapes_of(service, tmp_path)
    assert all(name.startswith(endpoint) for name in outcome.report["new"])
    assert any(name.endswith(place) for name in outcome.report["new"])
    summary = outcome.check("shapes")
    assert summary.result is Result.WARNING
    assert "CONTRIBUTING.md" in summary.advice


def test_what_is_below_a_new_name_is_not_marked_as_well(tmp_path: Path) -> None:
    body = {"code": "200", "topicDetails": [{"topicId": "1", "more": {"and": {}}}]}
    with Service(FixedAccount(), intercept=instead("topics", body)) as service:
        report = shapes_of(service, tmp_path).report
    assert len(report["new"]) == 1


def test_words_of_codes_and_phrases_of_messages_are_kept(tmp_path: Path) -> None:
    body = {
        "status": "error",
        "code": "INVALID_TOKEN",
        "message": "Try again later, Zoë",
    }
    with Service(FixedAccount(), intercept=instead("topics", body)) as service:
        report = shapes_of(service, tmp_path).report
    entry = report["endpoints"]["topics"]
    assert entry["body"]["object"]["names"]["code"] == {"text": {'"INVALID_TOKEN"': {}}}
    assert entry["message_contains"] == ["try later"]
    assert "Zo" not in json.dumps(entry)
    assert report["new"] == []


@pytest.mark.parametrize(
    ("answers", "without_key"),
    [
        ({"getmailinglists": NO_LISTS}, 5),
        ({"recentcampaigns": NO_CAMPAIGNS}, 3),
        ({"getmailinglists": NO_LISTS, "recentcampaigns": NO_CAMPAIGNS}, 8),
    ],
)
def test_without_a_key_an_endpoint_is_not_called(
    tmp_path: Path, answers: dict[str, Reply], without_key: int
) -> None:
    with Service(
        FixedAccount(), intercept=lambda call: answers.get(call.endpoint)
    ) as service:
        outcome = shapes_of(service, tmp_path)
        assert len(service.calls) == len(READS) - without_key
    entries = outcome.report["endpoints"]
    assert entries.keys() == READS.keys()
    not_called = [entry for entry in entries.values() if "not_called" in entry]
    assert not_called == [{"not_called": NO_KEY}] * without_key
    assert entries[next(iter(answers))]["outcome"] == "no rows"
    assert worst(outcome.checks) is Result.OK


def test_a_missing_scope_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    scopes = [scope for scope in SCOPES if "workflow" not in scope]
    with Service(FixedAccount(), scopes=scopes) as service:
        outcome = shapes_of(service, tmp_path)
        calls = Counter(call.endpoint for call in service.calls)
    assert calls == dict.fromkeys(READS, 1)
    entry = outcome.report["endpoints"]["workflow"]
    assert (entry["http_status"], entry["outcome"]) == (401, "token not accepted")
    assert outcome.check("answer of workflow").result is Result.WARNING
    assert outcome.report["endpoints"]["tag/getalltags"]["outcome"] == "read"


def test_a_token_that_no_endpoint_accepts_is_a_failure(tmp_path: Path) -> None:
    with Service(FixedAccount(), scopes=()) as service:
        outcome = shapes_of(service, tmp_path)
    summary = outcome.check("shapes")
    assert summary.result is Result.FAILED
    assert "without `--shapes`" in summary.advice


def test_wrong_credentials_end_the_report(tmp_path: Path) -> None:
    path = tmp_path / "shapes.json"
    with Service(FixedAccount()) as service:
        config = service.config | {"client_secret": "planted"}
        checks = [*examine(config, shapes=str(path))]
        assert service.calls == []
    assert checks[-1].name == "credentials"
    assert checks[-1].result is Result.FAILED
    assert "planted" not in checks[-1].text
    assert not path.exists()


def test_a_lock_is_kept_by_the_next_run(tmp_path: Path) -> None:
    def lock(call: Call) -> Reply | None:
        return LOCKED if call.endpoint == "topics" else None

    with Service(FixedAccount(), intercept=lock) as service:
        first = shapes_of(service, tmp_path).report["endpoints"]["topics"]
        calls = len(service.calls)
        second = shapes_of(service, tmp_path).report["endpoints"]["topics"]
        assert len(service.calls) == 2 * calls - 1
    assert first["outcome"] == "locked"
    assert second == {"not_called": "its quota is used up"}


def test_a_host_that_does_not_answer_is_not_asked_on_and_on(tmp_path: Path) -> None:
    with Service(FixedAccount()) as service:
        # It refuses connections.
        nowhere = "http://127.0.0.1:9"
        outcome = shapes_of(service, tmp_path, api_url=nowhere, request_timeout=2)
    assert outcome.report["calls"] == 3
    entries = [*outcome.report["endpoints"].values()]
    assert entries[:3] == [{"outcome": "no answer"}] * 3
    assert outcome.check("shapes").result is Result.FAILED


def test_version_1_has_fewer_endpoints(tmp_path: Path) -> None:
    with Service(FixedAccount()) as service:
        outcome = shapes_of(service, tmp_path, config=service.config_v1)
        called = {call.endpoint for call in service.calls}
    assert called == {name for name, row in READS.items() if row.v1 is not None}
    assert outcome.report["api_version"] == "1"
    # It does not list custom fields, so they can't be told from new ones.
    assert all("list_of_details" in place for place in outcome.report["new"])
    assert worst(outcome.checks) is Result.WARNING


@pytest.mark.parametrize(
    ("name", "why"),
    [(".", "is a folder"), ("missing/shapes.json", "is missing"), ("pipe", "a pipe")],
)
def test_a_file_that_cannot_be_written_is_named_before_any_call(
    tmp_path: Path, name: str, why: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with Service(FixedAccount()) as service:
        with pytest.raises(SettingError, match="--shapes") as raised:
            [*examine(dict(service.config), shapes=str(tmp_path / name))]
        assert service.calls == []
    assert why in str(raised.value)


def test_a_failure_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shapes.json"
    path.write_text("{}")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left")

    with Service(FixedAccount()) as service:
        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(SettingError, match="--shapes"):
            shapes_of(service, tmp_path)
    assert path.read_text() == "{}"
    assert [*tmp_path.glob(".*")] == []


def rows_read(folder: Path, service: Service, data_format: str) -> Counter[str]:
    """Run the tap until it ends well; return how many rows each stream has."""
    settings = {
        "response_format": data_format,
        "timezone": "UTC",
        "actions": ["sentcontacts", "openedcontacts"],
        "rate_limit_ledger": "memory",
    }
    config = folder / "config.json"
    config.write_text(json.dumps(service.config | settings))
    done = subprocess.run(
        [TAP, f"--config={config}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    messages = map(json.loads, done.stdout.splitlines())
    return Counter(m["stream"] for m in messages if m["type"] == "RECORD")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("data_format", FORMATS)
def test_the_tap_reads_answers_that_a_report_describes(
    tmp_path: Path, data_format: str
) -> None:
    with Service(FixedAccount()) as service:
        report = shapes_of(service, tmp_path, response_format=data_format).report
    answers = ShapeAnswers(report)
    with Service(FixedAccount(), intercept=answers) as service:
        again = shapes_of(service, tmp_path, response_format=data_format).report
        rows = rows_read(tmp_path, service, data_format)
    for stream, endpoint in ENDPOINTS.items():
        assert rows[stream] == answers.count(endpoint) > 1, stream
    assert rows["campaign_details"] == rows["campaigns"]
    contacts = answers.count("getsegmentcontacts")
    assert rows["segment_contacts"] == rows["segments"] * contacts > 0
    # One of the made-up campaigns was sent.
    assert rows["campaign_recipients"] == 2 * answers.count("getcampaignrecipientsdata")
    assert rows["list_subscriber_counts"] == 4 * rows["mailing_lists"]
    # What was made up has the shapes that it was made from.
    assert again["new"] == []
    for endpoint, entry in again["endpoints"].items():
        assert is_part(entry["body"], report["endpoints"][endpoint]["body"]), endpoint


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_the_tap_reads_answers_like_those_of_a_kept_report(
    tmp_path: Path, path: Path
) -> None:
    report = json.loads(path.read_text())
    answers = ShapeAnswers(report)
    with Service(FixedAccount(), intercept=answers) as service:
        rows = rows_read(tmp_path, service, report["response_format"])
    for stream, endpoint in ENDPOINTS.items():
        assert rows[stream] == answers.count(endpoint), stream


def test_the_command_writes_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path, config = tmp_path / "shapes.json", tmp_path / "config.json"
    with Service(FixedAccount()) as service:
        config.write_text(json.dumps(service.config))
        done = subprocess.run(
            [
                *(TAP, "doctor", f"--config={config}", f"--shapes={path}"),
                "--format=json",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[-1]["name"] == "shapes"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["report"] == "shapes"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_unknown_names_are_shown_on_a_terminal_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_terminal: bool,  # noqa: FBT001 (a case)
) -> None:
    names = ("audience_size", "jo@example.com", "\x1b[31mred", "Jo Public")
    row = {"topicId": "1", **dict.fromkeys(names, "1")}
    body = encode({"code": "200", "topicDetails": [row]})
    with Service(FixedAccount(), intercept=instead("topics", body)) as service:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
        report = shapes_of(service, tmp_path).report
    shown = capsys.readouterr().err
    assert ("topics: lower_snake(9-16) is audience_size" in shown) is is_terminal
    for name in names[1:]:
        assert name not in shown
    assert "audience" not in json.dumps(report)
