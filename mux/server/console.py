"""The log on the console, made and written by a thread: the lines of some milliseconds at once.

A write to a file that others are writing beside takes a tenth of a millisecond, and one to a pipe
that nobody empties takes forever. Neither is for the event loop to wait for.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

_TOGETHER_S: Final = 0.02
_MOST_WAITING: Final = 10_000
_PLAIN: Final = logging.Formatter()
_FAREWELL_S: Final = 1.0
"""How long whoever reads the console has for what is left at the end."""


class Console(logging.StreamHandler[TextIO]):
    """Writes to stderr: at once, and within `behind` from a thread.

    There lines are lost that nobody takes for long; their number is told with the next.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._waiting: deque[tuple[logging.LogRecord, logging.Formatter]] = deque()
        """with what says how to write it: settings that follow know other secrets"""
        self._lost = 0
        self._come = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, or let it wait for the thread."""
        if self._thread is None:
            super().emit(record)
        elif len(self._waiting) >= _MOST_WAITING:
            self._lost += 1
        else:
            self._waiting.append((record, self.formatter or _PLAIN))
            if not self._come.is_set():
                self._come.set()

    @contextmanager
    def behind(self) -> Generator[None]:
        """Let a thread write, in this process; afterwards all that waited is written."""
        self._ended.clear()
        self._thread = thread = threading.Thread(target=self._run, name="console", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._thread = None
            self._ended.set()
            self._come.set()
            thread.join(_FAREWELL_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._come.wait()
            self._ended.wait(_TOGETHER_S)
            self._come.clear()  # before looking: what comes after is written the next time
            self._write()

    def _write(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        lines = [_line(record, formatter) for record, formatter in waiting]
        if self._lost:
            lost, self._lost = self._lost, 0
            text = f"{lost} lines were lost, because whoever reads them could not keep up"
            fields = {"name": "mux.server", "levelname": "WARNING", "msg": text}
            lines.append(self.format(logging.makeLogRecord(fields)))
        with suppress(OSError, ValueError):  # the console is gone: there is nobody to be told
            self.stream.write("".join([f"{line}\n" for line in lines]))
            self.flush()


def _line(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    try:
        return formatter.format(record)
    except Exception:  # a bug of ours, and no reason to write no more
        return f"a line of {record.name} cannot be written: {record.msg!r}"
