"""The quota of the sandbox, its lock, and its connections."""

from __future__ import annotations

import socket
import typing as t
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead

import pytest

from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply, Service, serve
from tap_zohocampaigns.sandbox.world.account import ACTIONS
from tests.sandbox.conftest import NOON
from tests.support.sandbox_client import FORM, Client
from tests.support.service import LISTS, RECIPIENTS, code
from tests.support.still_account import StillAccount

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.server.locks import LockForm
    from tests.sandbox.conftest import Clock


def test_one_call_too_many_locks_one_endpoint(client: Client, clock: Clock) -> None:
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


def test_the_window_slides(clock: Clock) -> None:
    with (
        Service(
            StillAccount(), quota_calls=2, quota_seconds=10, monotonic=clock
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
def test_forms_of_the_lock(form: LockForm, status: int, expected: str) -> None:
    with (
        Service(StillAccount(), quota_calls=0, lock_form=form) as service,
        Client(service) as client,
    ):
        client.sign()
        answer = client.get("getmailinglists", resfmt="JSON")
        assert (answer.status, code(answer.json)) == (status, expected)
        answer = client.get("getmailinglists")
        assert (answer.status, answer.xml.findtext("code")) == (status, expected)


def test_the_lock_of_another_zoho() -> None:
    with (
        Service(StillAccount(), quota_calls=0, lock_form="projects") as service,
        Client(service) as client,
    ):
        answer = client.sign().get("getmailinglists")
    assert answer.status == 400
    error = answer.json["error"]
    assert error["title"] == "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"
    assert error["status_code"] == "400"
    assert "Try again after 30 minutes" in error["details"]["message"]


def test_calls(client: Client, clock: Clock) -> None:
    client.get("getmailinglists", range=1)
    clock.seconds += 5
    client.send("POST", "/api/v1.1/nothing", "a=1&b=", FORM)
    assert client.service.calls == [
        Call("getmailinglists", {"range": "1"}, 1000.0),
        Call("nothing", {"a": "1", "b": ""}, 1005.0),
    ]


def test_intercept() -> None:
    def intercept(call: Call) -> Reply | None:
        if call.endpoint == "getmailinglists":
            return Reply(503, b"<html>", {"Content-Type": "text/html"})
        return None

    with (
        Service(StillAccount(), intercept=intercept, quota_calls=1) as service,
        Client(service) as client,
    ):
        client.sign()
        for _ in range(2):
            answer = client.get("getmailinglists")
            assert (answer.status, answer.kind) == (503, "text/html")
            assert answer.body == b"<html>"
        assert client.json("recentcampaigns")["status"] == "success"
        assert len(service.calls) == 3


def test_a_cut_answer() -> None:
    cut = Reply(200, b'{"status": "succ', cut=True)
    with (
        Service(StillAccount(), intercept=lambda _: cut) as service,
        Client(service) as client,
        pytest.raises(IncompleteRead),
    ):
        client.get("getmailinglists")


def test_latency(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    service.latency = 0.25
    with Client(service) as client:
        client.sign().get("getmailinglists")
    assert slept == [0.25]


def test_many_at_once(living: LivingAccount) -> None:
    campaign = living.campaigns()[5]
    with Service(living) as service, Client(service) as first:
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
            == [len(living.recipients(campaign.key, action)) for action in ACTIONS] * 4
        )
        assert len(service.calls) == 36


def test_connections_are_kept_and_end_with_the_service() -> None:
    service = serve(contacts=10, clock=lambda: NOON)
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", "/")
    connection.getresponse().read()
    kept = connection.sock
    connection.request("GET", "/")
    connection.getresponse().read()
    assert connection.sock is kept
    service.close()
    assert kept.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port))


def test_a_given_port(service: Service) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(port=service.port)
    port = service.port
    service.close()
    with serve(port=port, contacts=10) as again:
        assert again.url == f"http://127.0.0.1:{port}"


def test_config(service: Service) -> None:
    config = service.config
    assert config["api_url"] == config["accounts_url"] == service.url
    assert len({config[name] for name in config if "url" not in name}) == 3
    with serve(contacts=10) as other:
        assert other.config["client_id"] == config["client_id"]
