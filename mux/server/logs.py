"""Log lines: one each, whatever a client or an upstream put in it, and without secrets."""

from __future__ import annotations

import logging
import re
from typing import Final

from mux.config.mask import Mask

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


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


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
