"""The log as a file: private, rotated, and written by a thread of its own."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from mux.server.complaint import Complaint

_FILE_BYTES: Final = 10_000_000
_OLD_FILES: Final = 5
_MOST_WAITING: Final = 10_000

_log: Final = logging.getLogger("mux.server")


class LogFile(RotatingFileHandler):
    """`path`, its owner's alone, and up to `_OLD_FILES` that were full before it.

    Other processes may write to it and rotate it too. A disk that takes no more costs lines, told
    of once a minute, and nothing else. Raises `OSError` if it cannot even be opened.
    """

    def __init__(self, path: Path) -> None:
        self._complaint = Complaint(_log)
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8")

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """Whether `record` needs a new file; another process may have begun it."""
        if self.stream is not None and self._is_old(self.stream):
            self.stream.close()
            self.stream = self._open()
        return bool(super().shouldRollover(record))

    def handleError(self, record: logging.LogRecord) -> None:
        """Tell of what kept `record` from being written, and begin anew with the next one."""
        with suppress(OSError):
            if self.stream is not None:
                self.stream.close()
        self.stream = None
        self._complaint.lose(f"the log file cannot be written: {sys.exception()}")

    def _is_old(self, stream: TextIOWrapper) -> bool:
        try:
            return not os.path.samestat(os.stat(self.baseFilename), os.fstat(stream.fileno()))
        except FileNotFoundError:
            return True

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


class Background(QueueHandler):
    """Lets `handler` write in a thread, so that the event loop never waits for it.

    What it cannot keep up with is lost, and counted. `close` waits until everything is written.
    """

    def __init__(self, handler: logging.Handler) -> None:
        self._queue: SimpleQueue[object] = SimpleQueue()
        super().__init__(self._queue)
        self._complaint = Complaint(_log)
        self._handler = handler
        self._listener: QueueListener | None = QueueListener(self._queue, handler)
        self._listener.start()

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Let `handler` write what follows as `fmt` says."""
        self._handler.setFormatter(fmt)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """`record` as it is: the thread writes it out."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Let `record` wait for the thread."""
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put(record)
        elif record.name != _log.name:  # the complaint itself would be one more
            self._complaint.lose("the log file cannot keep up")

    def close(self) -> None:
        """Write what waits, and close the file."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
            self._handler.close()
        super().close()
