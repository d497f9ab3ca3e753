"""Log lines: one each, whatever a client or an upstream put in it, and without secrets."""

from __future__ import annotations

import logging
import re
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

from mux.config import Settings
from mux.config.mask import Mask
from mux.config.settings import LogFormat
from mux.ir import JSON, Object
from mux.server.console import Console
from mux.server.log_file import Background, LogFile
from mux.wire import json

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_log: Final = logging.getLogger("mux.server")


class Lines(logging.Formatter):
    """Writes control characters as escapes, so that nobody can write lines of their own.

    `mask` takes secrets out, of the traces of crashes too.
    """

    def __init__(self, mask: Mask | None = None) -> None:
        super().__init__("%(message)s")
        self._mask = mask

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record, without its trace."""
        when = f"{_second(int(record.created))},{record.msecs:03.0f}"
        text = f"{when} {record.levelname} {record.name} {record.message}"
        return text if text.isprintable() else _CONTROL.sub(_escaped, text)

    def format(self, record: logging.LogRecord) -> str:
        """All that is written of a record."""
        text = super().format(record)
        return text if self._mask is None else self._mask.text(text)


class JsonLines(logging.Formatter):
    """Writes one JSON object for each record; `time` is in seconds since the epoch.

    The `fields` of a message that has any stand beside it. `mask` as in `Lines`.
    """

    def __init__(self, mask: Mask | None = None) -> None:
        super().__init__("%(message)s")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The object, in one line."""
        text = super().format(record)
        fields: Object = getattr(record.msg, "fields", {})
        told: Object = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": text if self._mask is None else self._mask.text(text),
            **fields,
        }
        line = json.dumps({name: _sayable(value) for name, value in told.items()}).decode()
        return line if self._mask is None else self._mask.text(line)


class ServerLog:
    """The log of this process as the settings in force want it: on the console, and in a file."""

    def __init__(self) -> None:
        self.console = Console()
        self._file: Background | None = None
        logging.basicConfig(handlers=[self.console])
        logging.raiseExceptions = False  # it would print what could not be written, unmasked
        _tell_no_more_than_is_written()

    def apply(self, settings: Settings, folder: Path | None) -> None:
        """Go on as `settings` say, with the file in `folder` if there is one."""
        mask = Mask(settings)
        as_json = settings.log_format is LogFormat.JSON
        self.console.setFormatter(JsonLines(mask) if as_json else Lines(mask))
        logging.getLogger("mux").setLevel(logging.DEBUG if settings.debug else logging.INFO)
        wanted = settings.logging_to_file and folder is not None
        if self._file is not None and not wanted:
            self.close()
        elif self._file is None and wanted and folder is not None:
            self._open(folder / "main.log")
        if self._file is not None:
            self._file.setFormatter(JsonLines(mask))

    def close(self) -> None:
        """Write what waits, and go on without a file."""
        file, self._file = self._file, None
        if file is not None:
            logging.getLogger().removeHandler(file)
            file.close()

    def _open(self, path: Path) -> None:
        try:
            file = LogFile(path)
        except OSError as error:
            _log.error("the log cannot be written to a file: %s", error)
            return
        self._file = Background(file)
        logging.getLogger().addHandler(self._file)


def _tell_no_more_than_is_written() -> None:
    """Spare each line the search for its thread, its process and its place in the source, a third
    of what it costs (the "Optimization" of Python's logging how-to)."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None


@lru_cache(maxsize=1)
def _second(epoch_s: int) -> str:
    """A second as lines begin with it; made once for all that belong to it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))


def _sayable(value: JSON) -> JSON:
    """`value`, lone surrogates in it as escapes: no UTF-8 can hold them."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
