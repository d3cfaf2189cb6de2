"""`tap-zohocampaigns login`: from a client to a refresh token."""

from __future__ import annotations

import secrets
import time
import typing as t
import webbrowser
from pathlib import Path

import click

from tap_zohocampaigns.api import hosts, oauth
from tap_zohocampaigns.api.endpoints import ENDPOINTS, WRITES
from tap_zohocampaigns.api.errors import FatalError, SettingError, Transient
from tap_zohocampaigns.api.oauth import Grant
from tap_zohocampaigns.api.transport import TOKEN_PATH, Transport
from tap_zohocampaigns.commands.loopback import Loopback
from tap_zohocampaigns.commands.options import config_option, given_config
from tap_zohocampaigns.settings import env_file
from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_TIMEOUT = 60.0
_CONSENT_SECONDS = 300.0
_PREFIXES = {False: "TAP_ZOHOCAMPAIGNS_", True: "TARGET_ZOHOCAMPAIGNS_"}


def needed_scopes(*, target: bool, more: Iterable[str] = ()) -> list[str]:
    """Return the scopes to ask for.

    Args:
        target: Whether they are those of the target, or of the streams that the tap
            reads by default.
        more: Scopes to add.
    """
    if target:
        rows = [*WRITES.values()]
    else:
        rows = [
            ENDPOINTS[stream.endpoint]
            for stream in STREAMS
            if stream.endpoint and stream.selected_by_default
        ]
    return [*dict.fromkeys([*(row.scope for row in rows), *more])]


class Login:
    """The ways to a refresh token. All I/O but the browser's goes over one method."""

    def __init__(
        self,
        config: Mapping[str, t.Any],
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the client.

        Args:
            config: `client_id`, `client_secret`, `data_center`, and `accounts_url` if
                it is set.
            say: Shows a sentence to the user.
            clock: Returns the seconds of a monotonic clock.
            sleep: Waits for some seconds.

        Raises:
            SettingError: There is no such data center.
        """
        self._config = {"data_center": "us", **config}
        if self._config["data_center"] not in hosts.DATA_CENTERS:
            # The secret must not go to another data center than the user meant.
            msg = (
                "Setting `data_center` must be the account's own for `login`: "
                f"{', '.join(hosts.DATA_CENTERS)}."
            )
            raise SettingError(msg)
        self._client = {
            name: str(config[name]) for name in ("client_id", "client_secret")
        }
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self.data_center = str(self._config["data_center"])
        """The data center of the account, if Zoho has named it."""

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (self._client["client_secret"],)

    def known_scopes(self) -> list[str]:
        """Return the scopes of the configured refresh token, if Zoho names them."""
        token = self._config.get("refresh_token")
        if not token:
            return []
        form = {"grant_type": "refresh_token", "refresh_token": token, **self._client}
        return oauth.read_scopes(*self._post(TOKEN_PATH, form), (*self._secrets, token))

    def by_code(self, code: str, redirect_uri: str | None = None) -> Grant:
        """Exchange a code for a refresh token."""
        form = oauth.code_form(self._client, code, redirect_uri)
        return oauth.read_grant(*self._post(TOKEN_PATH, form), (*self._secrets, code))

    def by_device(self, scopes: Iterable[str]) -> Grant:
        """Let the user enter a code on another machine.

        Raises:
            SettingError: The user denied consent, or let the code expire.
        """
        form = oauth.device_form(self._client["client_id"], scopes)
        device = oauth.read_device(*self._post(oauth.DEVICE_CODE_PATH, form))
        self._say(f"Open {device.url} and enter the code {device.user_code}.")
        if device.direct_url:
            self._say(f"Or open {device.direct_url}")
        ends = self._clock() + device.lifetime
        while self._clock() < ends:
            self._sleep(device.interval)
            form = oauth.poll_form(self._client, device.code)
            try:
                reply = self._post(oauth.DEVICE_TOKEN_PATH, form)
                answer = oauth.read_poll(*reply, (*self._secrets, device.code))
            except Transient as error:
                # The user may be about to enter the code.
                self._say(f"{error} Asking again.")
                continue
            if isinstance(answer, Grant):
                return answer
            if answer.data_center:
                self._move(answer.data_center)
        msg = "Nobody entered the code in time: run `login` again."
        raise SettingError(msg)

    def by_browser(
        self,
        scopes: Iterable[str],
        port: int,
        open_browser: Callable[[str], object] = webbrowser.open,
    ) -> Grant:
        """Open Zoho's consent page, and wait for the redirect.

        Raises:
            SettingError: The user denied consent, or the port is in use.
            FatalError: No redirect came.
        """
        state = secrets.token_urlsafe(24)
        with Loopback(port) as loopback:
            url = oauth.consent_url(
                self._accounts, self._client["client_id"], scopes, loopback.url, state
            )
            self._say(f"The client needs the redirect address {loopback.url}")
            self._say(f"Opening {url}")
            open_browser(url)
            query = loopback.wait(state, _CONSENT_SECONDS)
        code = oauth.read_redirect(query, state)
        if not code:
            msg = "Zoho's redirect has no code: run `login` again."
            raise FatalError(msg)
        self._move(oauth.data_center_of(query, self.data_center))
        return self.by_code(code, loopback.url)

    def _move(self, data_center: str) -> None:
        if data_center != self.data_center:
            self._say(f"The account is in the data center {data_center}.")
            self.data_center = data_center
            # A host that the settings name stays.
            self._config["data_center"] = data_center

    @property
    def _accounts(self) -> str:
        return hosts.find(self._config).accounts

    def _post(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        transport = Transport(hosts.find(self._config), _TIMEOUT, 1, self._clock)
        reply = transport.send("POST", self._accounts, path, form)
        return reply.status, reply.content


@click.command()
@config_option
@click.option("--code", help="Code of a self client, from the API console.")
@click.option("--device", is_flag=True, help="For machines without a browser.")
@click.option("--target", is_flag=True, help="Ask for the scopes of the target.")
@click.option("--add-scope", multiple=True, help="Ask for one more scope.")
@click.option("--data-center", type=click.Choice([*hosts.DATA_CENTERS]))
@click.option("--port", default=8765, show_default=True, help="Port of the redirect.")
@click.option("--env-file", default=".env", show_default=True, type=click.Path())
@click.option("--print", "prints", is_flag=True, help="Print the settings instead.")
@click.pass_context
def command(ctx: click.Context, /, **options: t.Any) -> None:
    """Get a refresh token, and write it into `.env`.

    Without an option it opens Zoho's consent page, for a server-based client. `--code`
    is for a self client, `--device` for a non-browser client.
    """
    config = _client_settings(ctx, options)
    login = Login(config, say=lambda text: click.echo(text, err=True))
    more = list(options["add_scope"])
    if more:
        # What the token has stays.
        more = [*login.known_scopes(), *more]
    scopes = needed_scopes(target=options["target"], more=more)
    if options["code"]:
        grant = login.by_code(options["code"])
    elif options["device"]:
        grant = login.by_device(scopes)
    else:
        grant = login.by_browser(scopes, options["port"])
    prefix = _PREFIXES[options["target"]]
    values = {
        f"{prefix}CLIENT_ID": str(config["client_id"]),
        f"{prefix}CLIENT_SECRET": str(config["client_secret"]),
        f"{prefix}REFRESH_TOKEN": grant.refresh_token,
        f"{prefix}DATA_CENTER": login.data_center,
    }
    # Hosts that the settings name go with the credentials.
    values |= {
        f"{prefix}{name.upper()}": config[name]
        for name in ("api_url", "accounts_url")
        if config.get(name)
    }
    if options["prints"]:
        for name, value in values.items():
            click.echo(env_file.assignment(name, value))
    else:
        path = Path(options["env_file"])
        env_file.write(path, values)
        click.echo(f"Wrote {', '.join(values)} into {path}.", err=True)
    if grant.scopes:
        click.echo(f"Scopes: {', '.join(sorted(grant.scopes))}", err=True)


def _client_settings(ctx: click.Context, options: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings of the client; ask for those that are missing."""
    config = given_config(ctx, options["config"])
    if options["data_center"]:
        config["data_center"] = options["data_center"]
    for name in ("client_id", "client_secret"):
        if not config.get(name):
            # A secret never comes as an option, which other users could see.
            config[name] = click.prompt(
                name, hide_input=name == "client_secret", err=True
            )
    return config
