"""What goes wrong for one contact, for a whole stream, and around the target."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from singer_sdk.exceptions import MappingError

from tap_zohocampaigns.api.errors import FatalError, Outage, SettingError
from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.singer.user_errors import user_message
from tap_zohocampaigns.target.rejects import Reject, RejectFile
from tests.support.taps import ROOT
from tests.support.target import (
    BLOCK,
    BULK,
    FORMATS,
    SUBSCRIBE,
    UNSUBSCRIBE,
    contact,
    endpoints,
    lines,
    open_list,
    record,
    refusal,
    refuse,
    rejected,
    run_target,
    schema,
    small_account,
    state,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply
    from tests.support.target import Message

ANNA, BERT = "planted.anna@example.com", "planted.bert@example.com"
BAD = "planted.bad@example.com"
LATER = "Error in subscription. Please retry after sometime"
ACTIONS = {"subscribe": "2001", "unsubscribe": "2101", "do_not_mail": "2104"}
NAMED = {"first_name": "x"}


@pytest.fixture
def account() -> LivingAccount:
    return small_account()


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    with Service(account) as service:
        yield service


@pytest.fixture
def list_key(account: LivingAccount) -> str:
    return open_list(account)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Look for addresses in all that any test of these logs."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert "planted" not in caplog.text.casefold()


def with_states(records: list[Message]) -> list[Message]:
    return [
        message
        for number, one in enumerate(records)
        for message in (one, state(number))
    ]


# What comes later about a contact waits for what came before.


@pytest.mark.parametrize("boundary", range(1, 9))
@pytest.mark.parametrize("spelling", [str, str.upper, "  {} ".format])
def test_what_waits_in_a_group_is_sent_before_the_same_is_done_again(
    service: Service,
    account: LivingAccount,
    list_key: str,
    boundary: int,
    spelling: t.Callable[[str], str],
) -> None:
    messages = [
        record("do_not_mail", ANNA),
        record("subscribe", BERT),
        record("subscribe", spelling(ANNA)),
        record("do_not_mail", ANNA),
    ]
    # The sandbox subscribes nobody who is blocked; Zoho may.
    account.blocked = Mock(return_value=False)  # type: ignore[method-assign]
    ran = run_target(service, messages, list_key=list_key, most_pending=boundary)
    assert ran.error is None
    assert account.status(ANNA, list_key) == "donotmail"
    assert endpoints(service)[-1] == BLOCK


@pytest.mark.parametrize("boundary", range(1, 9))
def test_a_topic_that_was_left_is_left_again(
    service: Service, list_key: str, boundary: int
) -> None:
    messages = [
        record("unsubscribe", ANNA, topic_id="12"),
        record("subscribe", BERT),
        record("subscribe", ANNA),
        record("unsubscribe", ANNA, topic_id="12"),
    ]
    run_target(service, messages, list_key=list_key, most_pending=boundary)
    assert endpoints(service)[-1] == UNSUBSCRIBE


@pytest.mark.parametrize("boundary", range(1, 9))
def test_another_list_waits_too(
    service: Service, account: LivingAccount, boundary: int
) -> None:
    one, other = [each.key for each in account.lists() if not each.public][:2]
    messages = [
        record("unsubscribe", ANNA, list_key=one, topic_id="12"),
        record("subscribe", ANNA, list_key=other),
        record("subscribe", ANNA.title(), list_key=one),
        record("unsubscribe", ANNA, list_key=one, topic_id="12"),
    ]
    run_target(service, messages, most_pending=boundary)
    assert endpoints(service)[-1] == UNSUBSCRIBE
    assert account.status(ANNA, other) == "active"


def test_what_was_refused_may_have_been_done(service: Service, list_key: str) -> None:
    service.intercept = lambda call: (
        refusal("2005") if call.endpoint.endswith(UNSUBSCRIBE) else None
    )
    joined = record("subscribe", ANNA, **NAMED)
    messages = [joined, record("unsubscribe", ANNA), joined]
    run_target(service, messages, list_key=list_key, most_pending=1)
    assert endpoints(service) == [SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE]


# One contact that is never answered.


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("form", FORMATS)
def test_a_contact_that_is_postponed_for_good_is_rejected_alone(
    service: Service, tmp_path: Path, action: str, position: int, form: str
) -> None:
    refuse(service, ACTIONS[action], LATER, only="planted.bad")
    emails = [ANNA, BERT]
    emails.insert(position, BAD)
    messages = with_states([record(action, one, phone="1") for one in emails])
    path = tmp_path / "rejects"
    ran = run_target(
        service,
        messages,
        list_key=open_list(small_account()),
        reject_file=str(path),
        response_format=form,
    )
    assert (ran.error, ran.status, ran.counts()[2]) == (None, 1, 1)
    assert ran.states[-1] == {"number": 2}
    (line,) = rejected(path)
    assert (line["number"], line["code"]) == (position + 1, ACTIONS[action])
    assert line["reason"] == LATER


@pytest.mark.parametrize("position", range(10))
def test_its_nine_neighbours_go(
    service: Service, account: LivingAccount, list_key: str, position: int
) -> None:
    refuse(service, "2001", LATER, only="planted.bad")
    emails = [f"planted.{number}@example.com" for number in range(9)]
    messages = [record("subscribe", one) for one in emails]
    messages.insert(position, record("subscribe", BAD))
    ran = run_target(service, with_states(messages), list_key=list_key)
    assert (ran.error, ran.counts()) == (None, (9, 0, 1, 0))
    assert ran.states[-1] == {"number": 9}
    active = {one.contact.email for one in account.contacts(list_key, "active")}
    assert {*emails} <= active


def test_all_that_is_to_be_done_with_it_is_rejected_in_order(
    service: Service,
    account: LivingAccount,
    list_key: str,
    logged: pytest.LogCaptureFixture,
) -> None:
    refuse(service, "2001", LATER, only="planted.bad")
    other = [each.key for each in account.lists() if not each.public][1]
    messages = [
        record("subscribe", ANNA, **NAMED),
        record("subscribe", BAD, **NAMED),
        record("subscribe", BAD, list_key=other, **NAMED),
        record("subscribe", BAD, topic_id="12", **NAMED),
        record("subscribe", BERT, **NAMED),
    ]
    ran = run_target(service, with_states(messages), list_key=list_key)
    assert (ran.error, ran.counts()) == (None, (2, 0, 3, 0))
    # Known to be bad, it is asked for once a change.
    assert len(service.calls) == 5
    assert logged.text.count("others are sent meanwhile") == 1


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("answered", [0, 3])
def test_when_all_are_postponed_nobody_is_rejected(
    service: Service, list_key: str, state_folder: Path, answered: int, *, bare: bool
) -> None:
    asked = 0

    def answer(_: Call) -> Reply | None:
        nonlocal asked
        asked += 1
        return refusal("2001", LATER) if asked > answered else None

    service.intercept = answer
    fields = {} if bare else NAMED
    emails = [f"planted.{number}@example.com" for number in range(60)]
    messages = with_states([record("subscribe", one, **fields) for one in emails])
    ran = run_target(service, messages, list_key=list_key)
    assert isinstance(ran.error, Outage)
    assert "2001" in str(ran.error)
    assert "`retry_max_seconds`" in str(ran.error)
    assert ran.counts()[2] == 0
    assert not state_folder.exists()
    # Nor are all of them asked for.
    assert asked < 20


def test_an_endpoint_that_fails_is_not_excused_by_another(
    service: Service, list_key: str
) -> None:
    refuse(service, "2101", LATER, only="unsubscribe")
    service.intercept = lambda call: (
        refusal("2101", LATER) if call.endpoint.endswith(UNSUBSCRIBE) else None
    )
    messages = [
        record(action, f"planted.{number}@example.com", **NAMED)
        for number in range(4)
        for action in ("subscribe", "unsubscribe")
    ]
    ran = run_target(service, with_states(messages), list_key=list_key)
    assert isinstance(ran.error, Outage)
    assert ran.counts()[2] == 0


# Faults that all records of a stream have.


@pytest.mark.parametrize("count", [2, 150])
@pytest.mark.parametrize(
    ("told", "settings", "named"),
    [
        ({"contact_email": ANNA}, {}, "`list_key`"),
        ({"contact_email": ANNA, "list_key": None}, {}, "`list_key`"),
        ({"email": ANNA}, {"list_key": "3z"}, "`contact_email`"),
        ({"contact_email": ANNA, "tags": ["x"]}, {"list_key": "3z"}, "`stream_maps`"),
        ({"contact_email": [ANNA]}, {"list_key": "3z"}, "`stream_maps`"),
        (
            {"contact_email": ANNA, "custom_fields": "planted"},
            {"list_key": "3z"},
            "`custom_fields`",
        ),
    ],
)
def test_a_fault_of_all_records_is_a_setting(
    service: Service,
    told: dict[str, t.Any],
    settings: dict[str, t.Any],
    named: str,
    count: int,
) -> None:
    one = {"type": "RECORD", "stream": "subscribe", "record": told}
    messages = with_states([one] * count)
    for dry_run in (True, False):
        ran = run_target(service, messages, dry_run=dry_run, **settings)
        assert isinstance(ran.error, SettingError)
        assert named in str(ran.error)
        assert "`subscribe`" in str(ran.error)
        assert "planted" not in str(ran.error)
        assert (ran.states, ran.counts(), service.calls) == ([], (0, 0, 0, 0), [])


def test_a_value_that_is_wrong_everywhere_is_told_when_there_are_many(
    service: Service,
) -> None:
    messages = with_states([record("unsubscribe", 17)] * 20)
    ran = run_target(service, messages, list_key="3z")
    assert isinstance(ran.error, SettingError)
    assert "`contact_email` is no address" in str(ran.error)
    assert ran.states == []
    # A few may be wrong by chance, so only they are rejected.
    ran = run_target(service, messages[:-2], list_key="3z")
    assert (ran.error, ran.counts()) == (None, (0, 0, 19, 0))
    assert ran.states[-1] == {"number": 18}


@pytest.mark.parametrize("position", [0, 25, 49])
def test_one_sound_record_shows_that_it_is_the_others(
    service: Service, list_key: str, position: int
) -> None:
    messages = [record("subscribe", None)] * 49
    messages.insert(position, record("subscribe", ANNA))
    other = [record("unsubscribe", None)]
    ran = run_target(service, with_states(messages + other), list_key=list_key)
    assert (ran.error, ran.counts()) == (None, (1, 0, 50, 0))
    assert ran.states[-1] == {"number": 50}


def test_streams_are_judged_apart(service: Service, list_key: str) -> None:
    good = [record("subscribe", ANNA, list_key=list_key)]
    bad = [record("unsubscribe", BERT)] * 3
    ran = run_target(service, with_states(good + bad))
    assert "stream `unsubscribe`" in str(ran.error)
    assert (ran.states, service.calls) == ([], [])


def test_a_boundary_does_not_pass_a_fault_of_all(service: Service) -> None:
    messages = with_states([record("subscribe", ANNA)] * 40)
    ran = run_target(service, messages, most_pending=4)
    assert "`list_key`" in str(ran.error)
    assert (ran.states, ran.counts()) == ([], (0, 0, 0, 0))


def test_a_few_wrong_values_pass_a_boundary(service: Service) -> None:
    messages = with_states([record("unsubscribe", None)] * 9)
    ran = run_target(service, messages, list_key="3z", most_pending=4)
    assert (ran.error, ran.counts()) == (None, (0, 0, 9, 0))


# The file of rejects.


def reject(number: int) -> Reject:
    return Reject(number, "subscribe", "", "x" * 200, {"n": "é" * 3000})


def test_a_device_keeps_its_mode(tmp_path: Path) -> None:
    # As /dev/null does, but a mistake would do no harm.
    other, terminal = os.openpty()
    os.fchmod(terminal, 0o644)
    linked = tmp_path / "linked"
    linked.symlink_to(os.ttyname(terminal))
    for where in (os.ttyname(terminal), str(linked)):
        file = RejectFile(where)
        file.add(Reject(1, "subscribe", "", "x", {}))
        file.add(Reject(2, "subscribe", "", "x", {}))
        assert not file.private
        file.end()
        assert stat.S_IMODE(os.fstat(terminal).st_mode) == 0o644
        told = b""
        # A terminal gives what it has, be it less.
        while told.count(b"\n") < 2:
            told += os.read(other, 1000)
        assert [json.loads(line)["number"] for line in told.splitlines()] == [1, 2]
    os.close(terminal)
    os.close(other)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600])
@pytest.mark.parametrize("linked", [True, False])
def test_a_file_that_was_there_keeps_its_mode(
    service: Service,
    tmp_path: Path,
    logged: pytest.LogCaptureFixture,
    mode: int,
    *,
    linked: bool,
) -> None:
    path = target = tmp_path / "rejects"
    if linked:
        target = tmp_path / "target"
        path.symlink_to(target)
    target.touch()
    target.chmod(mode)
    run_target(service, [record("subscribe", "x")], reject_file=str(path))
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert len(target.read_text().splitlines()) == 1
    readers = "only you" if mode == 0o600 else "others, too,"
    assert f"which {readers} can read." in logged.text


@pytest.mark.parametrize("linked", [True, False])
def test_a_file_that_is_made_is_nobodys_else(tmp_path: Path, *, linked: bool) -> None:
    path = tmp_path / "rejects"
    if linked:
        path.symlink_to(tmp_path / "target")
    before = os.umask(0o277 if not linked else 0)
    try:
        RejectFile(str(path)).add(reject(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pipe_gets_all_lines_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    before = stat.S_IMODE(path.stat().st_mode)
    # Nobody reads it yet: that is an error, not a wait.
    with pytest.raises(SettingError, match="`reject_file`"):
        RejectFile(str(path)).add(reject(0))
    read: list[str] = []

    def watch() -> None:
        with path.open(encoding="utf-8") as lines_of_it:
            read.extend(lines_of_it)

    reader = threading.Thread(target=watch)
    reader.start()
    file = RejectFile(str(path))
    while True:
        try:
            file.add(reject(1))
        except SettingError:
            continue
        break
    file.add(reject(2))
    file.end()
    reader.join()
    assert [json.loads(line)["number"] for line in read] == [1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == before


@pytest.mark.slow
def test_two_processes_add_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    program = (
        "import os, sys, time\n"
        "write = os.write\n"
        # As a disk may: a part at a time.
        "def some(file, text):\n"
        "    time.sleep(0)\n"
        "    return write(file, text[:1000])\n"
        "os.write = some\n"
        "from tests.target.test_faults import reject, RejectFile\n"
        "for number in range(40):\n"
        "    RejectFile(sys.argv[1]).add(reject(number))\n"
    )

    def add(_: int) -> None:
        command = [sys.executable, "-c", program, str(path)]
        subprocess.run(command, check=True, cwd=ROOT)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, range(3)))
    found = path.read_text().splitlines()
    assert sorted(json.loads(line)["number"] for line in found) == sorted(
        [*range(40)] * 3
    )


# What arrives.


@pytest.mark.parametrize("sign", "+%")
@pytest.mark.parametrize("action", ACTIONS)
def test_what_xml_may_change_goes_by_json(
    service: Service, list_key: str, sign: str, action: str
) -> None:
    messages = [
        record(action, f"planted.a{sign}b@example.com", phone="1"),
        record(action, ANNA, phone=f"{sign}49 1"),
        record(action, BERT, phone="49 1", **{f"Size {sign}": "3"}),
        record(action, BAD, phone="49 1"),
    ]
    run_target(service, messages, list_key=list_key, response_format="xml")
    forms = [call.endpoint.partition("/")[0] for call in service.calls]
    # To leave, no more than the address is told.
    signs = 3 if action == "subscribe" else 1
    assert forms == ["json"] * signs + ["xml"] * (4 - signs)
    assert contact(service.calls[0])["Contact Email"] == f"planted.a{sign}b@example.com"


@pytest.mark.parametrize("email", ["planted%41@example.com", "+planted@example.com"])
def test_addresses_that_a_list_may_change_go_alone(
    service: Service, list_key: str, email: str
) -> None:
    messages = [record("subscribe", one) for one in (ANNA, email, BERT)]
    run_target(service, messages, list_key=list_key)
    assert sorted(endpoints(service)) == [BULK, SUBSCRIBE]
    (alone,) = [one for one in service.calls if one.endpoint.endswith(SUBSCRIBE)]
    assert contact(alone) == {"Contact Email": email}
    (group,) = [one for one in service.calls if one.endpoint.endswith(BULK)]
    assert group.params["emailids"] == f"{ANNA},{BERT}"


@pytest.mark.parametrize("nothing", [None, "", float("nan")])
@pytest.mark.parametrize(
    ("value", "null"),
    [
        ({"First Name": "Ann"}, {"first_name": ...}),
        ({"first_name": "Ann"}, {"First Name": ...}),
        ({"custom_fields": {"First Name": "Ann"}}, {"first_name": ...}),
        ({"custom_fields": {"First Name": "Ann"}}, {"First Name": ...}),
        ({"custom_fields": '{"First Name": "Ann"}'}, {"First Name": ...}),
        ({"first_name": "Ann"}, {"custom_fields": {"First Name": ...}}),
        ({"First Name": "Ann"}, {"first name": ..., "FIRST_NAME": ...}),
    ],
)
def test_a_value_wins_over_null(
    service: Service,
    list_key: str,
    value: dict[str, t.Any],
    null: dict[str, t.Any],
    nothing: object,
) -> None:
    null = {
        name: dict.fromkeys(told, nothing) if isinstance(told, dict) else nothing
        for name, told in null.items()
    }
    for fields in (null | value, value | null):
        run_target(service, [record("subscribe", ANNA, **fields)], list_key=list_key)
    for call in service.calls:
        assert contact(call) == {"Contact Email": ANNA, "First Name": "Ann"}
    assert len(service.calls) == 2


def test_a_column_wins_over_a_custom_field(service: Service, list_key: str) -> None:
    fields = {"first_name": "Ann", "custom_fields": {"First Name": "Old", "Age": 3}}
    run_target(service, [record("subscribe", ANNA, **fields)], list_key=list_key)
    assert contact(service.calls[0]) == {
        "Contact Email": ANNA,
        "First Name": "Ann",
        "Age": "3",
    }


@pytest.mark.parametrize("name", ["Contact Email", "contact email", " CONTACT EMAIL"])
def test_no_field_is_another_address(
    service: Service, list_key: str, name: str
) -> None:
    messages = [record("subscribe", ANNA, phone="1", custom_fields={name: BERT})]
    run_target(service, messages, list_key=list_key)
    assert contact(service.calls[0]) == {"Contact Email": ANNA, "Phone": "1"}


def test_custom_fields_may_be_a_text(service: Service, list_key: str) -> None:
    told = ' {"Size": 9007199254740993, "Price": 0.10, "VIP": true, "Note": null} '
    messages = [
        record("subscribe", ANNA, custom_fields=told),
        record("subscribe", BERT, custom_fields=" "),
    ]
    run_target(service, messages, list_key=list_key)
    assert contact(service.calls[0]) == {
        "Contact Email": ANNA,
        "Size": "9007199254740993",
        "Price": "0.10",
        "VIP": "true",
    }
    assert endpoints(service) == [SUBSCRIBE, BULK]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("planted", "`custom_fields` is neither"),
        ('["planted"]', "`custom_fields` is neither"),
        ("1", "`custom_fields` is neither"),
        ("[" * 100_000, "`custom_fields` is neither"),
        ('{"a": ' + "9" * 5000 + "}", "`custom_fields` is neither"),
        (7, "`custom_fields` is neither"),
        ([], "`custom_fields` is neither"),
        ('{"a": {"b": "planted"}}', "object or a list"),
    ],
)
def test_custom_fields_that_are_none_are_rejected(
    service: Service, state_folder: Path, told: object, reason: str
) -> None:
    messages = [record("subscribe", ANNA, custom_fields=told), state(1)]
    ran = run_target(service, messages, list_key="3z")
    assert (ran.error, ran.states, service.calls) == (None, [{"number": 1}], [])
    (line,) = rejected(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
    assert reason in line["reason"]


def test_digits_are_kept(service: Service, list_key: str) -> None:
    numbers = [
        "9007199254740993",
        "1293333000000000051",
        "0.1",
        "1.10",
        "12345.678901234567890123",
    ]
    text = lines(
        [record("subscribe", ANNA, custom_fields={n: f"<{n}>" for n in numbers})]
    )
    for number in numbers:
        text = text.replace(f'"<{number}>"', number)
    run_target(service, text, list_key=list_key)
    assert contact(service.calls[0]) == {n: n for n in numbers} | {
        "Contact Email": ANNA
    }


def test_an_address_of_any_length_is_judged_at_once(
    service: Service, list_key: str, state_folder: Path
) -> None:
    for email in (
        "a" * 60_000,
        "planted@" + "b." * 30_000,
        "a@" * 30_000,
        "planted@" + "b." * 200 + "com",
    ):
        run_target(service, [record("subscribe", email)], list_key=list_key)
    path = state_folder / "tap-zohocampaigns" / "rejected.jsonl"
    assert {line["reason"] for line in rejected(path)} == {
        "`contact_email` is no address."
    }
    assert service.calls == []


# Maps.


@pytest.mark.parametrize(
    "maps",
    [
        {"crm": None},
        {"crm": "__NULL__"},
        {"c*": None},
        {"__else__": None, "subscribe": {"contact_email": "contact_email"}},
        {"__else__": "__NULL__", "subscribe": {"phone": "'1'"}},
        {"crm": None, "unsubscribe": {"__source__": "crm"}},
        {"crm": {"__filter__": "False"}},
    ],
)
def test_maps_may_drop_streams_that_nobody_has_named(
    service: Service, list_key: str, maps: dict[str, t.Any]
) -> None:
    messages = with_states([record("crm", BERT), record("subscribe", ANNA)])
    ran = run_target(service, messages, list_key=list_key, stream_maps=maps)
    assert ran.error is None
    assert ran.states[-1] == {"number": 1}
    assert ran.counts()[0] == 1
    copied = "unsubscribe" in maps
    assert len(service.calls) == 1 + copied


def test_a_stream_without_records_needs_no_name(
    service: Service, list_key: str
) -> None:
    messages = [schema("campaigns"), record("subscribe", ANNA), state(1)]
    ran = run_target(service, messages, list_key=list_key)
    assert (ran.error, ran.states) == (None, [{"number": 1}])


@pytest.mark.parametrize(
    "expression",
    [
        "contact_email + 1",
        "int(contact_email)",
        "contact_email['planted']",
        "record['planted']",
        "nobody",
        "fake.nothing",
        "json.loads(contact_email)",
        "contact_email.planted()",
    ],
)
@pytest.mark.parametrize("name", ["First Name", "__filter__"])
def test_a_map_that_fails_is_told_without_what_it_fails_with(
    service: Service, expression: str, name: str, logged: pytest.LogCaptureFixture
) -> None:
    maps = {"subscribe": {name: expression.replace("planted", "x")}}
    with pytest.raises(MappingError) as raised:
        run_target(service, [record("subscribe", ANNA)], stream_maps=maps)
    told = user_message(raised.value)
    assert "`stream_maps`" in told
    assert "the stream `subscribe`" in told
    assert "planted" not in told
    assert raised.value.__suppress_context__
    assert "planted" not in logged.text


def test_what_a_filter_comes_to_is_not_logged(service: Service, list_key: str) -> None:
    maps = {"subscribe": {"__filter__": "contact_email"}}
    messages = [record("subscribe", ANNA)]
    ran = run_target(service, messages, list_key=list_key, stream_maps=maps)
    # What Zoho is sent is at DEBUG no more than its endpoint.
    assert ran.counts()[0] == 1


# What Zoho repeats of a contact.

ODD = "planted.o'neil&sons@example.com"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("2004", "Not taken"),
        ("7777", "Not taken"),
        ("2202", "Not taken"),
        ("7777", "Retry after sometime"),
    ],
)
@pytest.mark.parametrize(
    "shown",
    [
        ODD,
        ODD.upper(),
        "planted.o'neil",
        "planted.o&#39;neil&amp;sons@example.com",
        "planted.o&apos;neil&amp;amp;sons@example.com",
        "planted.o%27neil%26sons%40example.com",
        "planted.o%2527neil%2526sons%2540example.com",
        "planted.o\\u0027neil\\u0026sons\\u0040example.com",
        "Planted, Anna",
        "planted anna",
        "+49+planted",
        "%2B49%20planted",
    ],
)
def test_what_was_sent_of_a_contact_is_not_shown(  # noqa: PLR0913
    service: Service,
    state_folder: Path,
    form: str,
    *,
    code: str,
    words: str,
    shown: str,
) -> None:
    refuse(service, code, f"{words}: {shown} is wrong.")
    fields = {
        "first_name": "Planted",
        "last_name": "planted anna",
        "phone": "+49 planted",
    }
    more = {"custom_fields": {"Both": "Planted, Anna"}}
    messages = [record("subscribe", ODD, **fields, **more)]
    ran = run_target(service, messages, list_key="3z", response_format=form)
    assert "planted" not in str(ran.error).casefold()
    assert "neil" not in str(ran.error)
    assert bool(ran.error) == (code == "2202" or words == "Retry after sometime")
    if not ran.error:
        (line,) = rejected(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
        assert "planted" not in line["reason"].casefold()
        assert "neil" not in line["reason"]
        assert line["reason"].startswith(f"{words}: ")
        assert "***" in line["reason"]


# Around it.

TARGET = (
    "from tap_zohocampaigns.target.target import TargetZohoCampaigns;"
    "TargetZohoCampaigns.cli()"
)


@pytest.mark.parametrize(
    ("closed", "told"),
    [(">&-", "Stdout is closed"), ("<&-", "Stdin is closed")],
)
def test_a_closed_stream_is_told_before_anything_is_sent(
    service: Service, list_key: str, tmp_path: Path, closed: str, told: str
) -> None:
    config, source = tmp_path / "config", tmp_path / "input"
    settings = service.config | {"dry_run": False, "list_key": list_key}
    config.write_text(json.dumps(settings))
    source.write_text(lines([record("subscribe", ANNA), state(1)]))
    given = "" if closed.startswith("<") else f"< {source}"
    command = f'"{sys.executable}" -c "{TARGET}" --config {config} {given} {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"LOGLEVEL": "DEBUG"},
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "nternal error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert service.calls == []


def test_a_wrong_line_is_an_error_of_the_input(service: Service) -> None:
    ran = run_target(service, '{"type": "RECORD", "stream": 3, "record": {}}\n')
    assert isinstance(ran.error, FatalError)
