"""`login` gets a refresh token in three ways: code, browser and device."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import struct
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
import requests

from tap_zohocampaigns.api import oauth
from tap_zohocampaigns.api.errors import FatalError, SettingError, Transient
from tap_zohocampaigns.commands.login import Login, needed_scopes
from tap_zohocampaigns.commands.loopback import Loopback
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.settings import env_file

if t.TYPE_CHECKING:
    from collections.abc import Iterator

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
SCOPES = ["ZohoCampaigns.contact.READ", "ZohoCampaigns.campaign.READ"]
FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


class Clock:
    """A clock that moves only when something sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(account: LivingAccount, clock: Clock) -> Iterator[Service]:
    with Service(account, monotonic=clock) as service:
        yield service


class Session:
    """A login and the messages that it printed."""

    def __init__(self, service: Service, clock: Clock, **config: str) -> None:
        self.printed: list[str] = []
        settings = {**service.config, **config}
        self.login = Login(
            settings, say=self.printed.append, clock=clock, sleep=clock.sleep
        )


@pytest.fixture
def session(service: Service, clock: Clock) -> Session:
    return Session(service, clock)


def test_code_of_a_self_client_is_exchanged(session: Session, service: Service) -> None:
    grant = session.login.by_code(service.consent.new_code("a.b.READ"))
    assert grant.refresh_token == service.config["refresh_token"]
    assert grant.scopes == {"a.b.READ"}


def test_used_expired_or_wrong_code_is_rejected(
    session: Session, service: Service, clock: Clock
) -> None:
    code = service.consent.new_code()
    session.login.by_code(code)
    expired = service.consent.new_code()
    clock.now += 600
    for invalid_code in (code, expired, "1000.wrong.code"):
        with pytest.raises(SettingError, match="generate a new one") as caught:
            session.login.by_code(invalid_code)
        assert invalid_code not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [("client_id", "check `client_id`"), ("client_secret", "check `client_secret`")],
)
def test_wrong_client_setting_is_named(
    service: Service, clock: Clock, setting: str, sentence: str
) -> None:
    login = Session(service, clock, **{setting: "planted-wrong"}).login
    with pytest.raises(SettingError, match=sentence) as caught:
        login.by_code(service.consent.new_code())
    assert "planted" not in str(caught.value)


def click_through(url: str, decision: str) -> None:
    """Do what a user does in the browser."""
    page = requests.get(url, timeout=30)
    form = dict(FIELD.findall(page.text)) | {"decision": decision}
    requests.post(url.partition("?")[0], form, timeout=30)


@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_browser_login_reads_the_decision_from_the_redirect(
    session: Session, service: Service, decision: str
) -> None:
    urls: list[str] = []
    threads = []

    def open_browser(url: str) -> None:
        urls.append(url)
        threads.append(threading.Thread(target=click_through, args=(url, decision)))
        threads[0].start()

    if decision == "reject":
        with pytest.raises(SettingError, match="consent was denied"):
            session.login.by_browser(SCOPES, 0, open_browser)
    else:
        grant = session.login.by_browser(SCOPES, 0, open_browser)
        assert grant.refresh_token == service.config["refresh_token"]
        assert grant.scopes == {*SCOPES}
    threads[0].join()
    assert service.config["client_secret"] not in urls[0]
    assert any("http://localhost:" in text for text in session.printed)


def test_unused_connection_of_a_browser_delays_no_redirect() -> None:
    with (
        Loopback(0) as loopback,
        socket.create_connection(("127.0.0.1", loopback.port)),
    ):
        requests.get(loopback.url, {"state": "mine", "code": "x"}, timeout=30)
        assert loopback.wait("mine", 30) == {"state": "mine", "code": "x"}


def test_browser_that_is_closed_at_once_brings_the_code() -> None:
    for number in range(10):
        with Loopback(0) as loopback:
            with socket.create_connection(("127.0.0.1", loopback.port)) as browser:
                # Closing resets the connection, so the answer can't be sent.
                linger = struct.pack("ii", 1, 0)
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                request = f"GET /?code=c{number}&state=s HTTP/1.1\r\n\r\n"
                browser.sendall(request.encode())
            assert loopback.wait("s", 60)["code"] == f"c{number}"


def test_redirect_of_another_request_is_ignored() -> None:
    assert oauth.read_redirect({"state": "other", "code": "x"}, "mine") is None
    assert oauth.read_redirect({"state": "mine", "code": "x"}, "mine") == "x"


@pytest.mark.parametrize(
    ("query", "data_center"),
    [
        ({"location": "eu"}, "eu"),
        ({"accounts-server": "https://accounts.zoho.in"}, "in"),
        ({"location": "mars", "accounts-server": "https://accounts.zoho.com.au"}, "au"),
        ({"location": "mars"}, "jp"),
        ({}, "jp"),
    ],
)
def test_redirect_names_the_data_center(
    query: dict[str, str], data_center: str
) -> None:
    assert oauth.data_center_of(query, "jp") == data_center


@pytest.mark.parametrize("decision", ["accept", "reject", ""])
def test_device_login_polls_until_the_user_decides(
    session: Session, service: Service, clock: Clock, decision: str
) -> None:
    def decide(seconds: float) -> None:
        clock.now += seconds
        clock.slept.append(seconds)
        if decision and len(clock.slept) == 3:
            (url,) = [
                text.split()[-1] for text in session.printed if "user_code=" in text
            ]
            click_through(url, decision)

    session.login._sleep = decide  # noqa: SLF001 (the user decides during a sleep)
    if decision == "accept":
        grant = session.login.by_device(SCOPES)
        assert grant.refresh_token == service.config["refresh_token"]
        assert clock.slept == [30.0] * 3
    else:
        reason = "denied" if decision else "in time"
        with pytest.raises(SettingError, match=reason):
            session.login.by_device(SCOPES)


def test_outage_during_polling_does_not_end_the_login(
    session: Session, clock: Clock
) -> None:
    post, answers = session.login._post, iter([None, (503, b""), (429, b"{}")])  # noqa: SLF001 (fakes an outage)

    def fail(path: str, form: t.Any) -> tuple[int, bytes]:
        return next(answers, None) or post(path, form)

    def decide(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 3:
            (url,) = [
                text.split()[-1] for text in session.printed if "user_code=" in text
            ]
            click_through(url, "accept")

    session.login._post = fail  # type: ignore[method-assign]  # noqa: SLF001 (fakes an outage)
    session.login._sleep = decide  # noqa: SLF001 (the user decides during a sleep)
    assert session.login.by_device(SCOPES).refresh_token
    assert any("HTTP 503" in text for text in session.printed)


@pytest.mark.parametrize("data_center", ["sandbox", "mars", ""])
def test_login_requires_a_known_data_center(data_center: str) -> None:
    config = {"client_id": "1", "client_secret": "planted", "data_center": data_center}
    with pytest.raises(SettingError, match="data_center") as caught:
        Login(config, say=print)
    assert "planted" not in str(caught.value)


def test_account_of_another_data_center_is_polled_there() -> None:
    body = json.dumps({"error": "other_dc", "user_location": "eu"}).encode()
    assert oauth.read_poll(200, body, ()) == oauth.Pending("eu")
    with pytest.raises(SettingError, match="data_center"):
        oauth.read_poll(200, b'{"error":"other_dc"}', ())


@pytest.mark.parametrize(
    ("interval", "lifetime", "seconds"),
    [
        (5, 300, (30.0, 300.0)),
        (30000, 300000, (30.0, 300.0)),
        (60, 900, (60.0, 900.0)),
        ("x", None, (30.0, 300.0)),
        (-1, 0, (30.0, 300.0)),
    ],
)
def test_device_times_may_be_seconds_or_milliseconds(
    interval: object, lifetime: object, seconds: tuple[float, float]
) -> None:
    body = {"user_code": "AB", "device_code": "1000.x", "verification_url": "https://z"}
    body |= {"interval": interval, "expires_in": lifetime}  # type: ignore[dict-item]
    device = oauth.read_device(200, json.dumps(body).encode())
    assert (device.interval, device.lifetime) == seconds


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (200, {"access_token": "1000.a.b"}, SettingError, "consent was given before"),
        (200, {"error": "invalid_redirect_uri"}, SettingError, "redirect address"),
        (200, {"error": "redirect_uri_mismatch"}, SettingError, "redirect address"),
        (200, {"error": "invalid_scope"}, SettingError, "--add-scope"),
        (200, {"error": "invalid_client_type"}, SettingError, "another type"),
        (200, {"error": "access_denied"}, SettingError, "denied"),
        (
            400,
            {"error": "Access Denied", "error_description": "too many requests"},
            Transient,
            "later",
        ),
        (200, {"error": "new_error"}, FatalError, "new_error"),
        (200, {}, FatalError, "no refresh token"),
        (200, ["x"], SettingError, "data_center"),
        (503, {}, Transient, "HTTP 503"),
    ],
)
def test_each_refusal_has_a_message_with_a_fix(
    status: int, body: object, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        oauth.read_grant(status, json.dumps(body).encode(), ())


def test_needed_scopes_cover_streams_and_target() -> None:
    tap_scopes = needed_scopes(target=False)
    assert {*SCOPES} <= {*tap_scopes}
    assert needed_scopes(target=True) == [
        "ZohoCampaigns.contact.UPDATE",
        "ZohoCampaigns.contact.CREATE",
    ]
    assert needed_scopes(target=True, more=["a.b.READ"])[-1] == "a.b.READ"


@pytest.mark.parametrize("tells_scopes", [True, False])
def test_scopes_of_the_configured_token_are_known(
    account: LivingAccount, clock: Clock, *, tells_scopes: bool
) -> None:
    scopes = ["a.b.READ", "c.d.READ"]
    with Service(
        account, monotonic=clock, scopes=scopes, tells_scopes=tells_scopes
    ) as service:
        login = Session(service, clock).login
        assert login.known_scopes() == (scopes if tells_scopes else [])
        revoked = Session(service, clock, refresh_token="planted-revoked").login
        with pytest.raises(SettingError) as caught:
            revoked.known_scopes()
        assert "planted" not in str(caught.value)
        config = {
            name: value
            for name, value in service.config.items()
            if name != "refresh_token"
        }
        assert Login(config, say=print).known_scopes() == []


def test_env_file_keeps_its_other_lines_and_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nOTHER=1\nexport A=old\nA=older\n")
    path.chmod(0o644)
    env_file.write(path, {"A": "new", "B": "it's # 1"})
    assert path.read_text() == "# mine\nOTHER=1\nA=new\nB='it\\'s # 1'\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_pipes_and_devices_stay_what_they_are(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / ".env"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(SettingError, match="--env-file"):
            env_file.write(path, {"A": "1"})
    assert pipe.is_fifo()


def test_unwritable_env_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--env-file"):
        env_file.write(tmp_path / "nowhere" / ".env", {"A": "1"})


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("prints", [True, False])
def test_command_writes_settings_for_the_tap(
    tmp_path: Path, account: LivingAccount, *, prints: bool
) -> None:
    with Service(account) as service:
        config = tmp_path / "config.json"
        config.write_text(json.dumps(service.config))
        code = service.consent.new_code()
        done = subprocess.run(
            [
                TAP,
                "login",
                f"--config={config}",
                f"--code={code}",
                "--data-center=eu",
                *["--print"][: int(prints)],
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        text = done.stdout if prints else (tmp_path / ".env").read_text()
        settings = dict(line.split("=", 1) for line in text.splitlines())
        assert settings == {
            "TAP_ZOHOCAMPAIGNS_CLIENT_ID": service.config["client_id"],
            "TAP_ZOHOCAMPAIGNS_CLIENT_SECRET": service.config["client_secret"],
            "TAP_ZOHOCAMPAIGNS_REFRESH_TOKEN": service.config["refresh_token"],
            "TAP_ZOHOCAMPAIGNS_DATA_CENTER": "eu",
            "TAP_ZOHOCAMPAIGNS_API_URL": service.url,
            "TAP_ZOHOCAMPAIGNS_ACCOUNTS_URL": service.url,
        }
        for secret in ("client_secret", "refresh_token"):
            assert service.config[secret] not in done.stderr
        assert code not in done.stderr
