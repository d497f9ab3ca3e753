"""Log lines: one each, whatever a client or an upstream put in it, and without secrets."""

from __future__ import annotations

import logging
import math
import os
import re
import sys
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from mux.config.mask import Mask
from mux.ir import JSON, Object
from mux.wire import json

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FILE_BYTES: Final = 10_000_000
_OLD_FILES: Final = 5
_WARN_S: Final = 60.0
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"

_log: Final = logging.getLogger("mux.server")


class Lines(logging.Formatter):
    """Writes control characters as escapes, so that nobody can write lines of their own.

    `mask` takes secrets out, of the traces of crashes too; give it with every new configuration.
    """

    def __init__(self) -> None:
        super().__init__(_FORMAT)
        self.mask: Mask | None = None

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record, without its trace."""
        return _CONTROL.sub(_escaped, super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """All that is written of a record."""
        text = super().format(record)
        return text if self.mask is None else self.mask.text(text)


class JsonLines(logging.Formatter):
    """Writes one JSON object for each record; `time` is in seconds since the epoch.

    A record's `fields`, if it has any, stand beside its message. `mask` as in `Lines`.
    """

    def __init__(self) -> None:
        super().__init__("%(message)s")
        self.mask: Mask | None = None

    def format(self, record: logging.LogRecord) -> str:
        """The object, in one line."""
        text = super().format(record)
        fields: Object = getattr(record, "fields", {})
        told: Object = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": text if self.mask is None else self.mask.text(text),
            **fields,
        }
        line = json.dumps({name: _sayable(value) for name, value in told.items()}).decode()
        return line if self.mask is None else self.mask.text(line)


class LogFile(RotatingFileHandler):
    """`path`, its owner's alone, and up to `_OLD_FILES` that were full before it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8")
        self._told_s = -math.inf

    def handleError(self, record: logging.LogRecord) -> None:
        """Tell, at most once a minute, that lines are missing: the disk may be full."""
        if time.monotonic() - self._told_s > _WARN_S:
            self._told_s = time.monotonic()
            _log.warning("lines are missing in %s: %s", self.baseFilename, sys.exc_info()[1])

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def _sayable(value: JSON) -> JSON:
    """`value`, lone surrogates in it as escapes: no UTF-8 can hold them."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
