"""Where an HTTP/1.1 body ends that is not sent in chunks (RFC 9112 section 6.3)."""

from __future__ import annotations

from typing import Protocol


class Framing(Protocol):
    """Cuts one body out of the connection's bytes.

    Once `done`, the body is complete and `rest` holds what came behind it.
    """

    done: bool
    rest: bytes

    def feed(self, data: bytes, /) -> bytes:
        """The body bytes in `data`, maybe none."""
        ...


class Length:
    """A body of known length; `due` is what is still to come of it."""

    __slots__ = ("done", "due", "rest")

    def __init__(self, length_bytes: int) -> None:
        self.due = length_bytes
        self.done = not length_bytes
        self.rest = b""

    def feed(self, data: bytes, /) -> bytes:
        """The body bytes in `data`."""
        due = self.due
        self.due = max(0, due - len(data))
        if not self.due:
            self.done = True
            data, self.rest = data[:due], data[due:]
        return data


class UntilClose:
    """A body that the end of the connection ends."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes, /) -> bytes:
        """`data`: all of it is body."""
        return data
