"""Where the access token is kept, so that all processes use the same one.

Zoho issues at most 10 in 10 minutes for a refresh token, and then none to anybody who
has it. So a request is entered before it is sent, one process asks while others wait,
and what it gets is for all.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import stat
import tempfile
import time
import typing as t
from contextlib import suppress
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.quota.ledger import TICK, Wait
from tap_zohocampaigns.api.quota.stores import REDIS, find_file

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

logger = logging.getLogger("tap-zohocampaigns.tokens")

_MOST, _WINDOW = 10, 600.0
# A token that ends within this time (seconds), or within a quarter of its life, is
# renewed before it is used.
_MARGIN = 60.0
_LONGEST_LIFETIME = 86_400.0
# How often a process that waits for another one looks for the token (seconds).
_POLL = 0.1
# A request takes a minute at most. Who takes longer has been halted.
_PATIENCE = 120.0
_OWN = stat.S_IRWXG | stat.S_IRWXO


class Token(t.NamedTuple):
    """What a call is signed with."""

    text: str
    issue: str = ""
    """Names the request that it came from: the service may give one text twice."""
    seconds: float = 0.0
    """How long it may be used from now on."""


class Entry(msgspec.Struct, frozen=True):
    """What is kept. Times are in seconds, on the clock of the store."""

    token: str = ""
    issue: str = ""
    asked_at: float = 0.0
    lifetime: float = 0.0
    requests: tuple[float, ...] = ()
    """When tokens were asked for within the last ten minutes."""
    rests_until: float = 0.0
    """Until when the service issues none."""


def is_sound(token: object) -> t.TypeGuard[str]:
    """Return whether a value can be sent as a token."""
    return (
        isinstance(token, str)
        and token.isascii()
        and token.isprintable()
        and token != ""
    )


def read(content: bytes) -> Entry:
    """Read what was kept; what is not understood is as if nothing was."""
    try:
        return msgspec.json.decode(content, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Entry()


def _steady(entry: Entry, now: float) -> Entry:
    """Return an entry of which nothing comes from the future, or is long past."""
    # What seems to come from the future was made now at the latest.
    requests = [min(at, now) for at in entry.requests if at > now - _WINDOW]
    rests_until = min(entry.rests_until, now + _WINDOW)
    return msgspec.structs.replace(
        entry, requests=tuple(sorted(requests)), rests_until=rests_until
    )


def _wait(entry: Entry, now: float) -> Wait | None:
    """Return how long the service has to be left alone, if it has."""
    if entry.rests_until > now:
        return Wait(max(entry.rests_until - now, TICK), locked=True)
    if len(entry.requests) >= _MOST:
        left = entry.requests[-_MOST] + _WINDOW - now
        return Wait(max(left, TICK), locked=False)
    return None


class TokenStore:
    """The token in the memory of this process. The others are made from it.

    Not safe for threads: one of them asks for all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a token.

        Args:
            clock: Seconds on a clock that never steps.
        """
        self._clock = clock
        self._entry = Entry()
        self._asked_at = 0.0
        self._waiting_since: float | None = None

    def take(self, refused: Collection[str]) -> Token | Wait | None:
        """Return the token, or how long to wait for it, or None: ask for one.

        After None others wait until `keep`, `rest` or `release`.

        Args:
            refused: The issues of tokens that were not accepted.
        """
        if found := self._find(refused) or self._due():
            return found
        if not self._has_turn():
            return Wait(_POLL, locked=False)
        try:
            # Another process may have got one meanwhile.
            found = self._find(refused) or self._enter()
        except BaseException:
            self._unlock()
            raise
        if found:
            self._unlock()
        return found

    def keep(self, text: str, lifetime: float) -> Token:
        """Keep the token that was issued."""
        lifetime = min(lifetime, _LONGEST_LIFETIME)
        issue = secrets.token_hex(8)
        self._settle(
            token=text, issue=issue, asked_at=self._asked_at, lifetime=lifetime
        )
        return Token(text, issue, lifetime - _margin(lifetime))

    def rest(self) -> Wait:
        """Note that the service issues no token for ten minutes."""
        self._settle(rests=True)
        return Wait(_WINDOW, locked=True)

    def release(self, *, issued: bool) -> None:
        """Let others ask.

        Args:
            issued: Whether the service may have issued a token.
        """
        self._settle(issued=issued)

    def _find(self, refused: Collection[str]) -> Token | None:
        entry, now = self._read()
        if entry.issue in refused or not is_sound(entry.token):
            return None
        lifetime = min(entry.lifetime, _LONGEST_LIFETIME)
        # A clock that was set back makes no token live longer.
        left = min(entry.asked_at + lifetime - now, lifetime) - _margin(lifetime)
        return Token(entry.token, entry.issue, left) if left > 0 else None

    def _has_turn(self) -> bool:
        if self._lock():
            self._waiting_since = None
            return True
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since < _PATIENCE:
            return False
        logger.warning(
            "Another process has been asking for an access token for %.0f s: "
            "not waiting for it any longer.",
            now - self._waiting_since,
        )
        self._waiting_since = None
        return True

    def _due(self) -> Wait | None:
        """Return how long to wait for the service, if it is known without asking."""
        entry, now = self._read()
        steady = _steady(entry, now)
        # What a clock that was set back has left is put right by who has the turn.
        return _wait(steady, now) if steady == entry else None

    def _enter(self) -> Wait | None:
        """Enter a request if it may be sent now, else tell how long to wait."""
        entry, now = self._read()
        entry = _steady(entry, now)
        wait = _wait(entry, now)
        if wait is None:
            entry = msgspec.structs.replace(entry, requests=(*entry.requests, now))
        self._asked_at = now
        self._write(entry)
        return wait

    def _settle(
        self, *, issued: bool = True, rests: bool = False, **token: str | float
    ) -> None:
        entry, now = self._read()
        # The service counts a request when it comes, which is before it is answered.
        requests = (*entry.requests[:-1], *([now] if issued else ()))
        until = now + _WINDOW if rests else entry.rests_until
        self._write(
            msgspec.structs.replace(
                entry, requests=requests, rests_until=until, **token
            )
        )
        self._unlock()

    def _read(self) -> tuple[Entry, float]:
        """Return what is kept, and the time."""
        return self._entry, self._clock()

    def _write(self, entry: Entry) -> None:
        """Keep an entry instead of the one before."""
        self._entry = entry

    def _lock(self) -> bool:
        """Keep other processes from asking; return False if one of them asks now."""
        return True

    def _unlock(self) -> None:
        """Let other processes ask."""


class FileTokens(TokenStore):
    """The token in a file beside the ledger, for all processes of one user.

    Where it can't be kept, this process does without the others.
    """

    def __init__(
        self,
        ledger: Path,
        key: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open nothing yet.

        Args:
            ledger: The file of the ledger.
            key: What the token belongs to, without secrets.
            clock: Seconds on a clock that never steps.
            wall: Seconds of the epoch, which may step.
        """
        super().__init__(clock)
        place = ledger.absolute()
        self._folder = place.parent
        self._path = self._folder / f"{place.name}.token-{key}"
        self._wall = wall
        self._held: sqlite3.Connection | None = None
        self._broken = False

    def _read(self) -> tuple[Entry, float]:
        if self._broken:
            return self._entry, self._wall()
        try:
            return read(_content(self._path)), self._wall()
        except OSError:
            return Entry(), self._wall()

    def _write(self, entry: Entry) -> None:
        super()._write(entry)
        if not self._broken:
            try:
                self._replace(msgspec.json.encode(entry))
            except OSError as error:
                self._give_up(error)

    def _replace(self, content: bytes) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        # A process that was killed may have left it.
        new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(content)
            new.replace(self._path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def _lock(self) -> bool:
        if self._broken:
            return True
        try:
            self._held = self._hold()
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                return False
            self._give_up(error)
        return True

    def _hold(self) -> sqlite3.Connection:
        """Hold a file that nobody writes to; it is let go when this process ends."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path.with_name(f"{self._path.name}.lock")
        # To open and close it would end a hold that this process has.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if not stat.S_ISREG(path.lstat().st_mode):
            msg = "not a file"
            raise FileExistsError(msg)
        db = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("BEGIN EXCLUSIVE")
        except BaseException:
            db.close()
            raise
        return db

    def _unlock(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        self._unlock()
        try:
            tempfile.TemporaryFile(dir=self._folder).close()
        except OSError:
            # The ledger can't be kept there either, and says so.
            return
        logger.warning(
            "The file of the access token, beside that of `rate_limit_ledger`, can't "
            "be used (%s): other processes ask for tokens of their own.",
            getattr(error, "sqlite_errorname", type(error).__name__),
        )


def _content(path: Path) -> bytes:
    """Read a file if it is ours, and nobody else can have read or written it.

    Raises:
        OSError: It is not, or it can't be read.
    """
    # What stands there may be a link, or a pipe that nobody writes to.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
        about = os.fstat(file.fileno())
        if os.name == "posix" and (
            about.st_uid != os.geteuid()
            or about.st_mode & _OWN
            or not stat.S_ISREG(about.st_mode)
        ):
            msg = "not ours"
            raise PermissionError(msg)
        return file.read(1 << 16)


def open_tokens(
    config: Mapping[str, t.Any],
    *,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> TokenStore:
    """Make the store of the access token, where the ledger is. Nothing is opened yet.

    Args:
        config: The settings of OAuth and `rate_limit_ledger`.
        clock: Seconds on a clock that never steps.
        wall: Seconds of the epoch, which may step.

    Raises:
        SettingError: The ledger is a Redis, for which a package is missing.
    """
    where = config.get("rate_limit_ledger")
    if where == "memory":
        return TokenStore(clock)
    secret = [config["client_secret"], config["refresh_token"]]
    # Who has a wrong secret has to be told so, whoever has a token.
    owner = [hosts.find(config).accounts, config["client_id"], *secret]
    key = blake2b(msgspec.json.encode(owner), digest_size=8).hexdigest()
    if name := config.get("account_id"):
        key = f"{name}-{key}"
    if where and where.startswith(REDIS):
        try:
            # The packages are an extra.
            from tap_zohocampaigns.api.tokens.redis import RedisTokens  # noqa: PLC0415
        except ModuleNotFoundError:
            msg = (
                "`rate_limit_ledger` names a Redis, for which a package is missing: "
                "install tap-zohocampaigns[redis]."
            )
            raise SettingError(msg) from None
        return RedisTokens(where, key, msgspec.json.encode(secret), clock=clock)
    file = find_file(where)
    # The ledger has said that there is no place.
    return FileTokens(file, key, clock=clock, wall=wall) if file else TokenStore(clock)


def _margin(lifetime: float) -> float:
    return min(_MARGIN, lifetime / 4)
