"""The quota of the sandbox, its lock, its latency and its connections."""

from __future__ import annotations

import socket
import typing as t
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead

import pytest

from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply, Service, serve
from tap_zohocampaigns.sandbox.world.account import ACTIONS
from tests.sandbox.conftest import NOON
from tests.support.fixed_account import FixedAccount
from tests.support.sandbox_client import FORM, Client
from tests.support.service import LISTS, RECIPIENTS, code

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.server.locks import LockForm
    from tests.sandbox.conftest import Clock


def test_exceeding_the_quota_locks_only_that_endpoint(
    client: Client, clock: Clock
) -> None:
    service = client.service
    for _ in range(500):
        assert client.json("getmailinglists")["status"] == "success"
    clock.seconds += 299
    locked = client.get("getmailinglists", resfmt="JSON")
    assert locked.status == 200
    assert locked.json == {
        "status": "error",
        "code": "Z101",
        "message": "",
        "version": "1.1",
        "uri": LISTS,
    }
    assert client.json("recentcampaigns")["status"] == "success"
    clock.seconds += 1799
    assert client.json("getmailinglists")["code"] == "Z101"
    clock.seconds += 1
    assert client.json("getmailinglists")["status"] == "success"
    assert len(service.calls) == 504


def test_the_window_of_the_quota_slides(clock: Clock) -> None:
    with (
        Service(
            FixedAccount(), quota_calls=2, quota_seconds=10, monotonic=clock
        ) as service,
        Client(service) as client,
    ):
        client.sign()
        for seconds in (0, 9, 1, 9):
            clock.seconds += seconds
            assert client.json("recentcampaigns")["status"] == "success"
        assert client.json("recentcampaigns")["code"] == "Z101"


@pytest.mark.parametrize(
    ("form", "status", "expected"),
    [
        ("Z101", 200, "Z101"),
        ("Z101-400", 400, "Z101"),
        ("429", 429, "429"),
        ("2008", 200, "2008"),
    ],
)
def test_the_lock_is_answered_in_each_form(
    form: LockForm, status: int, expected: str
) -> None:
    with (
        Service(FixedAccount(), quota_calls=0, lock_form=form) as service,
        Client(service) as client,
    ):
        client.sign()
        answer = client.get("getmailinglists", resfmt="JSON")
        assert (answer.status, code(answer.json)) == (status, expected)
        answer = client.get("getmailinglists")
        assert (answer.status, answer.xml.findtext("code")) == (status, expected)


def test_the_lock_can_look_like_that_of_zoho_projects() -> None:
    with (
        Service(FixedAccount(), quota_calls=0, lock_form="projects") as service,
        Client(service) as client,
    ):
        answer = client.sign().get("getmailinglists")
    assert answer.status == 400
    error = answer.json["error"]
    assert error["title"] == "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"
    assert error["status_code"] == "400"
    assert "Try again after 30 minutes" in error["details"]["message"]


def test_calls_are_recorded_with_parameters_and_time(
    client: Client, clock: Clock
) -> None:
    client.get("getmailinglists", range=1)
    clock.seconds += 5
    client.send("POST", "/api/v1.1/nothing", "a=1&b=", FORM)
    assert client.service.calls == [
        Call("getmailinglists", {"range": "1"}, 1000.0),
        Call("nothing", {"a": "1", "b": ""}, 1005.0),
    ]


def test_intercepted_calls_are_recorded_but_do_not_count_for_the_quota() -> None:
    def intercept(call: Call) -> Reply | None:
        if call.endpoint == "getmailinglists":
            return Reply(503, b"<html>", {"Content-Type": "text/html"})
        return None

    with (
        Service(FixedAccount(), intercept=intercept, quota_calls=1) as service,
        Client(service) as client,
    ):
        client.sign()
        for _ in range(2):
            answer = client.get("getmailinglists")
            assert (answer.status, answer.kind) == (503, "text/html")
            assert answer.body == b"<html>"
        assert client.json("recentcampaigns")["status"] == "success"
        assert len(service.calls) == 3


def test_a_cut_answer_is_an_incomplete_read() -> None:
    cut = Reply(200, b'{"status": "succ', cut=True)
    with (
        Service(FixedAccount(), intercept=lambda _: cut) as service,
        Client(service) as client,
        pytest.raises(IncompleteRead),
    ):
        client.get("getmailinglists")


def test_latency_delays_each_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    service.latency = 0.25
    with Client(service) as client:
        client.sign().get("getmailinglists")
    assert slept == [0.25]


def test_concurrent_calls_get_complete_answers(living_account: LivingAccount) -> None:
    campaign = living_account.campaigns()[5]
    with Service(living_account) as service, Client(service) as first:
        headers = first.sign().headers

        def read(action: str) -> int:
            with Client(service, headers) as client:
                page = client.json(
                    RECIPIENTS, campaignkey=campaign.key, action=action, range=500
                )
            return len(page["list_of_details"])

        with ThreadPoolExecutor(9) as pool:
            numbers = list(pool.map(read, ACTIONS * 4))
        assert (
            numbers
            == [
                len(living_account.recipients(campaign.key, action))
                for action in ACTIONS
            ]
            * 4
        )
        assert len(service.calls) == 36


def test_connections_are_kept_alive_until_the_service_closes() -> None:
    service = serve(contacts=10, clock=lambda: NOON)
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", "/")
    connection.getresponse().read()
    first_socket = connection.sock
    connection.request("GET", "/")
    connection.getresponse().read()
    assert connection.sock is first_socket
    service.close()
    assert first_socket.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port))


def test_a_busy_port_is_an_error_and_a_free_one_is_used(service: Service) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(port=service.port)
    port = service.port
    service.close()
    with serve(port=port, contacts=10) as second_service:
        assert second_service.url == f"http://127.0.0.1:{port}"


def test_the_config_has_urls_and_stable_credentials(service: Service) -> None:
    config = service.config
    assert config["api_url"] == config["accounts_url"] == service.url
    assert len({config[name] for name in config if "url" not in name}) == 3
    with serve(contacts=10) as other:
        assert other.config["client_id"] == config["client_id"]
