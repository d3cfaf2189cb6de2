"""Stream maps of the target."""

from __future__ import annotations

import typing as t

import pytest
from singer_sdk.exceptions import MappingError

from tap_zohocampaigns.singer.user_errors import user_message
from tests.support.target import (
    record,
    run_target,
    schema,
    state,
)
from tests.support.target_cases import (
    with_states,
)
from tests.target.conftest import ANNA, BERT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


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
def test_stream_maps_can_drop_streams_without_an_action(
    service: Service, list_key: str, maps: dict[str, t.Any]
) -> None:
    messages = with_states([record("crm", BERT), record("subscribe", ANNA)])
    result = run_target(service, messages, list_key=list_key, stream_maps=maps)
    assert result.error is None
    assert result.states[-1] == {"number": 1}
    assert result.counts()[0] == 1
    is_copied = "unsubscribe" in maps
    assert len(service.calls) == 1 + is_copied


def test_a_stream_without_records_needs_no_action(
    service: Service, list_key: str
) -> None:
    messages = [schema("campaigns"), record("subscribe", ANNA), state(1)]
    result = run_target(service, messages, list_key=list_key)
    assert (result.error, result.states) == (None, [{"number": 1}])


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
def test_the_error_of_a_failing_map_does_not_show_its_data(
    service: Service, expression: str, name: str, logged: pytest.LogCaptureFixture
) -> None:
    maps = {"subscribe": {name: expression.replace("planted", "x")}}
    with pytest.raises(MappingError) as raised:
        run_target(service, [record("subscribe", ANNA)], stream_maps=maps)
    message = user_message(raised.value)
    assert "`stream_maps`" in message
    assert "the stream `subscribe`" in message
    assert "planted" not in message
    assert raised.value.__suppress_context__
    assert "planted" not in logged.text


def test_the_result_of_a_filter_is_not_logged(service: Service, list_key: str) -> None:
    maps = {"subscribe": {"__filter__": "contact_email"}}
    messages = [record("subscribe", ANNA)]
    result = run_target(service, messages, list_key=list_key, stream_maps=maps)
    # The fixture `logged` fails if the address is in the log.
    assert result.counts()[0] == 1
