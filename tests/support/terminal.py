"""A terminal, with what a program shows on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import threading
import typing as t

if t.TYPE_CHECKING:
    from types import TracebackType

# Long enough for a machine that is busy; nobody waits for it where all is well.
PATIENCE = 120
_PIECES = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")
HIDE_CURSOR = "\x1b[?25l"


def screen(written: str) -> list[str]:
    """Return the lines that a terminal shows after all that was written."""
    lines, row, column = [""], 0, 0
    for number, command, control, text in _PIECES.findall(written):
        if text:
            lines[row] = lines[row][:column].ljust(column) + text
            column += len(text)
        elif control == "\n":
            row += 1
            lines.extend([""] * (row == len(lines)))
        elif control == "\r":
            column = 0
        elif command == "A":
            row = max(row - int(number or 1), 0)
        elif command == "K":
            assert number == "2"
            lines[row] = ""
        else:
            # Colours.
            assert command == "m", command
    return [line.rstrip() for line in lines if line.strip()]


class Terminal:
    """A terminal of a given size; a thread reads what is written to it."""

    def __init__(self, lines: int = 50, columns: int = 250) -> None:
        self.written = ""
        self._changed = threading.Condition()
        self._master, self.slave = pty.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)
        self._gone = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> t.Self:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hand_over()
        self._reader.join(PATIENCE)

    def hand_over(self) -> None:
        """Close the program's side here, so that its end is the end of the terminal."""
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1

    def wait_for(self, text: str) -> None:
        """Wait until a text was written, at any time."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.written, PATIENCE), (
                self.written
            )

    def go_away(self) -> None:
        """Close the terminal, so that nothing can be written to it any more."""
        self._gone.set()
        self._reader.join(PATIENCE)

    def rest(self) -> str:
        """Wait until the program has ended; return all that was written."""
        self.hand_over()
        self._reader.join(PATIENCE)
        return self.written

    def _read(self) -> None:
        piece, pending = b" ", b""
        while piece and not self._gone.is_set():
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self._master, 65536)
            except OSError:
                # No program has it open any more.
                piece = b""
            with self._changed:
                # A piece may end within a character.
                pending += piece
                text = pending.decode(errors="ignore")
                pending = pending[len(text.encode()) :]
                self.written += text
                self._changed.notify_all()
        os.close(self._master)
