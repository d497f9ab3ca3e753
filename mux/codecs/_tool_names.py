"""The names and forms by which a target knows tools (translation spec sections 6 and 12).

Namespaced names are flattened, illegal or long names repaired (injectively, by hash suffix),
free-text tools wrapped into functions where the target has none, and arguments that are no object
wrapped into one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from mux.codecs import _arguments, _schema
from mux.codecs._free_text import wrap_text, wrapped_description, wrapped_schema
from mux.ir import Message, Part, Request, Tool, ToolCall, ToolKind, ToolResult

_HASH_CHARS: Final = 8


@dataclass(frozen=True, slots=True)
class Original:
    """What the client calls a tool that goes by another name upstream."""

    name: str
    namespace: str = ""
    kind: ToolKind = ToolKind.FUNCTION
    valued: bool = False
    """its arguments are no object and travel as the member ``value`` of one"""


@dataclass(frozen=True, slots=True)
class ToolMap:
    """Upstream name to the client's tool; only tools that were changed are in it."""

    originals: Mapping[str, Original] = field(default_factory=dict[str, Original])


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What a target accepts.

    `illegal` matches every character a name may not hold; `reserved` are names that tools of the
    target's own go by.
    """

    illegal: re.Pattern[str] = re.compile(r"[^A-Za-z0-9_-]")
    max_length: int = 64
    letter_first: bool = False
    custom: bool = False
    namespaces: bool = False
    reserved: frozenset[str] = frozenset()
    most: int | None = None
    """how many tools one request may have"""


class Names:
    """The two-way table of one request. Names that need no repair are nobody else's."""

    def __init__(self, rules: ToolRules, tools: Iterable[Tool]) -> None:
        self._rules = rules
        self._wire: dict[tuple[str, str], str] = {}
        self._taken: set[tuple[str, str]] = {("", name) for name in rules.reserved}
        self._legal: set[tuple[str, str]] = set()
        self._valued: set[str] = set()
        self._fits: dict[str, str] = {}
        for tool in tools:
            home, flat = self._flat(tool.namespace, tool.name)
            if self._fitted(flat) == flat:
                self._legal.add((home, flat))
        self.originals: dict[str, Original] = {}

    def copy(self) -> Names:
        """A table of the same names, which may get others."""
        other = copy(self)
        other._wire, other._taken = self._wire.copy(), self._taken.copy()
        other._fits, other.originals = self._fits.copy(), self.originals.copy()
        return other

    @property
    def map(self) -> ToolMap:
        """The way back."""
        return ToolMap(self.originals)

    @property
    def changes(self) -> Hashable:
        """What is another tool upstream than it is for the client; all others keep their names."""
        return tuple(self.originals.items())

    def use(self, names: Iterable[tuple[str, str]]) -> None:
        """Take `names`, each with its namespace, into the table in the order of their use."""
        for namespace, name in dict.fromkeys(names):
            self.wire(namespace, name)

    def messages(self, request: Request) -> Request:
        """`request` with its messages calling tools by these names."""
        if all([message.kinds.isdisjoint(_USES) for message in request.messages]):
            return request
        messages = tuple([_message(message, self) for message in request.messages])
        return replace(request, messages=messages)

    def add(self, tool: Tool) -> bool:
        """Take `tool` into the table; False if its name was there already."""
        if (tool.namespace, tool.name) in self._wire:
            return False
        wire = self._claim(tool.namespace, tool.name)
        valued = tool.kind is ToolKind.FUNCTION and _schema.object_around(tool.schema) is not None
        if valued:
            self._valued.add(wire)
        if wire != tool.name or valued or self.wraps(tool.kind):
            self.originals[wire] = Original(tool.name, tool.namespace, tool.kind, valued)
        return True

    def wire(self, namespace: str, name: str) -> str:
        """The upstream name, made on first use. A bare name finds its tool in any namespace."""
        known = self._wire.get((namespace, name))
        if known is not None:
            return known
        if not namespace:
            for (space, bare), wire in self._wire.items():
                if bare == name and space:
                    return wire
        return self._claim(namespace, name)

    def _claim(self, namespace: str, name: str) -> str:
        wire = self._repair(namespace, name)
        self._wire[namespace, name] = wire
        self._taken.add((self.space(namespace), wire))
        if wire != name:
            self.originals[wire] = Original(name, namespace)
        return wire

    def valued(self, wire: str) -> bool:
        """Whether the arguments of the tool that goes by `wire` must be wrapped into an object."""
        return wire in self._valued

    def wraps(self, kind: ToolKind) -> bool:
        """Whether free text must be wrapped into an object for this target."""
        return kind is ToolKind.CUSTOM and not self._rules.custom

    def space(self, namespace: str) -> str:
        """The namespace the target sees."""
        return namespace if self._rules.namespaces else ""

    def tool(self, tool: Tool) -> Tool:
        """`tool` as the target may see it."""
        wire, namespace = self.wire(tool.namespace, tool.name), self.space(tool.namespace)
        if not self.wraps(tool.kind):
            schema = _schema.object_around(tool.schema) if self.valued(wire) else tool.schema
            if (wire, namespace) == (tool.name, tool.namespace) and schema is tool.schema:
                return tool
            return replace(tool, name=wire, namespace=namespace, schema=schema)
        return replace(
            tool,
            name=wire,
            namespace=namespace,
            kind=ToolKind.FUNCTION,
            description=wrapped_description(tool),
            schema=wrapped_schema(),
            strict=None,
            grammar=None,
        )

    def _flat(self, namespace: str, name: str) -> tuple[str, str]:
        """The namespace a name keeps, and the name with the one it loses in front."""
        home = self.space(namespace)
        return home, name if home == namespace else f"{namespace}__{name}"

    def _fitted(self, name: str) -> str:
        """`name` with legal characters, still too long perhaps."""
        fitted = self._fits.get(name)
        if fitted is None:
            fitted = self._rules.illegal.sub("_", name) or "_"
            if self._rules.letter_first and not (fitted[0].isalpha() or fitted[0] == "_"):
                fitted = f"_{fitted}"
            self._fits[name] = fitted
        return fitted

    def _repair(self, namespace: str, name: str) -> str:
        home, flat = self._flat(namespace, name)
        fitted = self._fitted(flat)
        others = self._taken if fitted == flat else self._taken | self._legal
        if len(fitted) <= self._rules.max_length and (home, fitted) not in others:
            return fitted
        seed = flat
        while True:
            digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()
            head = fitted[: self._rules.max_length - _HASH_CHARS - 1]
            made = f"{head}_{digest[:_HASH_CHARS]}"
            if (home, made) not in self._taken | self._legal:
                return made
            seed = f"{namespace}\x1f{name}\x1f{made}"


def _message(message: Message, names: Names) -> Message:
    if message.kinds.isdisjoint(_USES):
        return message
    parts = tuple([_part(part, names) for part in message.parts])
    return message if parts == message.parts else replace(message, parts=parts)


_USES: Final = frozenset({ToolCall, ToolResult})


def _part(part: Part, names: Names) -> Part:
    match part:
        case ToolCall():
            name, namespace = names.wire(part.namespace, part.name), names.space(part.namespace)
            same = (name, namespace) == (part.name, part.namespace)
            adapted = part if same else replace(part, name=name, namespace=namespace)
            if names.wraps(part.kind):
                text = wrap_text(part.arguments)
                return replace(adapted, kind=ToolKind.FUNCTION, arguments=text)
            if names.valued(adapted.name):
                return replace(adapted, arguments=_arguments.wrap_value(part.arguments))
            return adapted
        case ToolResult():
            kind = ToolKind.FUNCTION if names.wraps(part.kind) else part.kind
            name = names.wire("", part.name) if part.name else ""
            same = name == part.name and kind is part.kind
            return part if same else replace(part, name=name, kind=kind)
        case _:
            return part
