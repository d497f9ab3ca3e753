"""Is a stream what its dialect promises? Every violation of the wire grammar, with its place.

The dialects' decoders forgive what real hosts do; their checkers do not. Rules are named, so that
tests and readers can refer to them.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from mux.codecs._check_frames import Fault, Frames, Piece, SseFrames
from mux.ir import JSON, Object
from mux.wire import json

_DONE: Final = b"[DONE]"
_MISSING: Final[Object] = {}
"""Stands for an object that is not there, so that nothing in it is missed as well."""


class Violation(NamedTuple):
    """A broken rule: the byte where its event begins, the event's number from 1, what to do."""

    offset: int
    event: int
    rule: str
    message: str


class Rules:
    """The grammar of one dialect's events. One per stream; subclasses say what is `wrong`.

    After a violation they go on from what the stream said, so that one mistake is told once.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        """rule and message of what the last event broke"""
        self.over = False
        """the terminal event was seen"""

    def frames(self) -> Frames:
        """What cuts the stream into events."""
        return SseFrames()

    def event(self, name: bytes | None, fields: Object) -> None:
        """Look at one event."""
        raise NotImplementedError

    def done_marker(self) -> None:
        """Look at a ``[DONE]``."""
        self.wrong("done-marker", "[DONE] does not exist in this dialect; leave it out")

    def end(self) -> None:
        """Look at the end of the stream."""
        raise NotImplementedError

    def wrong(self, rule: str, message: str) -> None:
        """The event under way breaks `rule`."""
        self.found.append((rule, message))

    def named_by_type(self, name: bytes | None, fields: Object) -> str:
        """The type of an event, which its ``event:`` line must say as well."""
        kind = self.named(fields, "type")
        if name is None:
            self.wrong("event-line", f"no event: line, without which clients drop it; add {kind}")
        elif kind and name.decode("utf-8", "replace") != kind:
            self.wrong("event-line", f"the event: line and the type {kind} differ; make them equal")
        return kind

    # -- fields -----------------------------------------------------------------------------------

    def string(self, fields: Object, key: str, where: str = "") -> str:
        """A string that must be there."""
        value = fields.get(key)
        if isinstance(value, str):
            return value
        self._field(fields, key, where, "a string")
        return ""

    def named(self, fields: Object, key: str, where: str = "") -> str:
        """A string that must be there and hold something."""
        value = fields.get(key)
        if isinstance(value, str) and value:
            return value
        self._field(fields, key, where, "a string that is not empty")
        return ""

    def integer(self, fields: Object, key: str, where: str = "") -> int | None:
        """An integer that must be there."""
        value = fields.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._field(fields, key, where, "an integer")
        return None

    def nested(self, fields: Object, key: str, where: str = "") -> Object:
        """An object that must be there."""
        value = fields.get(key)
        if isinstance(value, dict):
            return value
        self._field(fields, key, where, "an object")
        return _MISSING

    def listed(self, fields: Object, key: str, where: str = "") -> list[JSON]:
        """A list that must be there."""
        value = fields.get(key)
        if isinstance(value, list):
            return value
        self._field(fields, key, where, "a list")
        return []

    def objects(self, fields: Object, key: str, where: str = "") -> list[Object]:
        """A list of objects that must be there."""
        items = self.listed(fields, key, where)
        found = [item for item in items if isinstance(item, dict)]
        if len(found) < len(items):
            self._field(fields, key, where, "a list of objects")
        return found

    def optional_string(self, fields: Object, key: str, where: str = "") -> str:
        """A string, if there is anything."""
        return "" if fields.get(key) is None else self.string(fields, key, where)

    def _field(self, fields: Object, key: str, where: str, what: str) -> None:
        if fields is _MISSING:
            return  # told already
        path = f"{where}.{key}" if where else key
        self.wrong("field", f"{path} must be {what}")


class Sum:
    """A text that comes in pieces and then whole: compared without being kept."""

    __slots__ = ("_differed", "_digest")

    def __init__(self) -> None:
        self._digest = hashlib.blake2b()
        self._differed = False

    def add(self, piece: str) -> None:
        """The next piece."""
        self._digest.update(piece.encode("utf-8", "surrogatepass"))

    def differs(self, whole: str) -> bool:
        """Whether the pieces do not make up `whole`; found out, and told, only once."""
        other = hashlib.blake2b(whole.encode("utf-8", "surrogatepass"))
        if self._differed or self._digest.digest() == other.digest():
            return False
        self._differed = True
        return True


class StreamCheck:
    """Bytes in, violations out; holds one event, never the stream. One per stream."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._frames = rules.frames()
        self._size = 0
        self._told_of_end = False
        self.events = 0
        """how many there were"""

    def feed(self, data: bytes) -> list[Violation]:
        """What is wrong with the events that `data` completes."""
        self._size += len(data)
        return self._judge(self._frames.feed(data))

    def eof(self) -> list[Violation]:
        """What is wrong with the end of the stream."""
        found = self._judge(self._frames.eof())
        self._rules.end()
        return found + self._found(self._size)

    def _judge(self, pieces: list[Piece]) -> list[Violation]:
        out: list[Violation] = []
        for piece in pieces:
            if isinstance(piece, Fault):
                out.append(Violation(piece.offset, self.events + 1, piece.rule, piece.message))
                continue
            self.events += 1
            self._look(piece.name, piece.data)
            out += self._found(piece.offset)
        return out

    def _look(self, name: bytes | None, data: bytes) -> None:
        rules = self._rules
        if data.strip() == _DONE:
            rules.done_marker()
            return
        try:
            value = json.loads(data)
        except json.JsonError as error:
            rules.wrong("json", f"not JSON: {error}")
            return
        if not isinstance(value, dict):
            rules.wrong("json", "not a JSON object")
        elif json.repeats_a_key(data, value):
            rules.wrong("json", "an object with the same key twice, of which readers take either")
        elif rules.over:
            if not self._told_of_end:
                rules.wrong("after-end", "an event after the last one; end the stream before it")
            self._told_of_end = True
        else:
            rules.event(name, value)

    def _found(self, offset: int) -> list[Violation]:
        found, self._rules.found = self._rules.found, []
        return [Violation(offset, self.events, rule, message) for rule, message in found]
