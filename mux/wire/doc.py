"""A typed cursor over request JSON: every 400 names its field, and no unknown field is lost.

Absent and ``null`` mean the same. A `Doc` remembers which of its members were asked for, so that
`rest` can hand the others on untouched.
"""

from __future__ import annotations

from typing import cast

from mux.errors import InvalidRequest
from mux.ir.jsontypes import JSON, Object
from mux.wire import json
from mux.wire.outline import LONG_BYTES, Unread
from mux.wire.skim import skim


class Doc:
    """One value inside a request body, with the path that leads to it."""

    __slots__ = ("_key", "_parent", "_seen", "value")

    def __init__(self, value: JSON, parent: Doc | None = None, key: str | int = "") -> None:
        self.value = value
        self._parent = parent
        self._key = key
        self._seen: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: bytes, *lists: str) -> Doc:
        """The JSON object in `body`. Raises `InvalidRequest`.

        Elements of its members `lists` may be left unread until they are looked into, which every
        one of them must be; only then may they turn out to be wrong.
        """
        if lists and len(body) >= LONG_BYTES and (fields := skim(body, lists)) is not None:
            return cls(fields)
        value = _read(body)
        if not isinstance(value, dict):
            raise InvalidRequest("The request body must be a JSON object", code="invalid_json")
        return cls(value)

    @property
    def path(self) -> str:
        """Where we are, as ``messages[2].role``; empty at the top."""
        if self._parent is None:
            return ""
        above = self._parent.path
        if isinstance(self._key, int):
            return f"{above}[{self._key}]"
        return f"{above}.{self._key}" if above else self._key

    def error(self, problem: str) -> InvalidRequest:
        """The error to raise about this field."""
        path = self.path
        return InvalidRequest(f"{path}: {problem}" if path else problem, param=path or None)

    # -- members of an object ---------------------------------------------------------------

    def get(self, *keys: str) -> Doc | None:
        """The member under the first of `keys` that is present and not null."""
        # hot: hundreds of times a request (bench.codec), and most of what is asked for is absent.
        fields = self.value if type(self.value) is dict else self.mapping()
        for key in keys:
            value = fields.get(key)
            if value is not None:
                self._seen += keys
                return Doc(value, self, key)
        return None

    def holds(self, names: frozenset[str]) -> bool:
        """Whether there is a member under any of `names`: one look instead of a `get` for each."""
        return not names.isdisjoint(self.mapping())

    def need(self, *keys: str) -> Doc:
        """As `get`, but absence is an error that names the first of `keys`."""
        found = self.get(*keys)
        if found is None:
            raise Doc(None, self, keys[0]).error("this field is required")
        return found

    def need_str(self, key: str) -> str:
        """A string member that must be there."""
        value = self.mapping().get(key)
        if not isinstance(value, str):
            return self.need(key).string()
        self._seen += (key,)
        return value

    def rest(self) -> Object:
        """The members nobody asked for, nulls left out."""
        return {
            key: value
            for key, value in self.mapping().items()
            if key not in self._seen and value is not None
        }

    # -- the value itself, as a type --------------------------------------------------------

    def mapping(self) -> Object:
        """The value as an object."""
        if not isinstance(self.value, dict):
            raise self._expected("an object")
        return self.value

    def items(self) -> list[Doc]:
        """The elements of a list."""
        if not isinstance(self.value, list):
            raise self._expected("a list")
        return [self.item(place) for place in range(len(self.value))]

    def item(self, place: int) -> Doc:
        """The element at `place` of the value, which is a list."""
        if isinstance(self.value, Unread):
            return Piece(cast("Unread", self.value)[place], self, place)
        return Doc(cast("list[JSON]", self.value)[place], self, place)

    def string(self) -> str:
        """The value as a string."""
        if not isinstance(self.value, str):
            raise self._expected("a string")
        return self.value

    def integer(self) -> int:
        """The value as an integer; an integral float is one."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._expected("an integer")
        return value

    def number(self) -> float:
        """The value as a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._expected("a number")
        try:
            return float(self.value)
        except OverflowError:
            raise self.error("the number is too large") from None

    def flag(self) -> bool:
        """The value as a boolean."""
        if not isinstance(self.value, bool):
            raise self._expected("true or false")
        return self.value

    def strings(self) -> tuple[str, ...]:
        """A list of strings, or one string alone."""
        if isinstance(self.value, str):
            return (self.value,)
        return tuple(item.string() for item in self.items())

    def one_of(self, *allowed: str) -> str:
        """A string out of a closed set."""
        value = self.string()
        if value not in allowed:
            raise self.error(f"must be one of {', '.join(allowed)}, not {value[:40]!r}")
        return value

    # -- members that may be absent, in one step --------------------------------------------

    def get_str(self, *keys: str) -> str:
        """A string member, empty if absent."""
        found = self.get(*keys)
        return found.string() if found is not None else ""

    def get_int(self, *keys: str) -> int | None:
        """An integer member, None if absent."""
        found = self.get(*keys)
        return found.integer() if found is not None else None

    def get_float(self, *keys: str) -> float | None:
        """A number member, None if absent."""
        found = self.get(*keys)
        return found.number() if found is not None else None

    def get_bool(self, *keys: str) -> bool | None:
        """A boolean member, None if absent."""
        found = self.get(*keys)
        return found.flag() if found is not None else None

    def get_items(self, *keys: str) -> list[Doc]:
        """The elements of a list member, empty if absent."""
        found = self.get(*keys)
        return found.items() if found is not None else []

    def get_object(self, *keys: str) -> Object | None:
        """An object member as it is, None if absent."""
        found = self.get(*keys)
        return found.mapping() if found is not None else None

    def _expected(self, what: str) -> InvalidRequest:
        match self.value:
            case None:
                got = "null"
            case bool():
                got = "a boolean"
            case str():
                got = "a string"
            case list():
                got = "a list"
            case dict():
                got = "an object"
            case _:
                got = "a number"
        return self.error(f"expected {what}, got {got}")


class Piece(Doc):
    """An element of a list that is still `text`: its `value` is read when it is first needed."""

    __slots__ = ("text",)

    def __init__(self, text: bytes, parent: Doc, key: int) -> None:
        self.text = text
        self._parent = parent
        self._key = key
        self._seen = ()

    def __getattr__(self, name: str) -> JSON:
        if name != "value":
            raise AttributeError(name)
        self.value = value = _read(self.text)
        return value

    def read(self) -> Doc:
        """The same as all other documents are, which are the faster to look into."""
        return Doc(self.value, self._parent, self._key)


def _read(text: bytes) -> JSON:
    """The JSON in `text`, a request's body or a piece of one. Raises `InvalidRequest`."""
    try:
        value = json.loads(text)
    except json.JsonError as error:
        raise InvalidRequest(
            f"The request body is not valid JSON: {error}", code="invalid_json"
        ) from None
    if json.repeats_a_key(text, value):
        raise InvalidRequest(
            "An object in the request body has the same key twice; send each once",
            code="invalid_json",
        )
    return value
