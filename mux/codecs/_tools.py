"""Tools under the names and in the forms a target accepts, and the way back.

Namespaced names are flattened, illegal or long names repaired (injectively, by hash suffix),
duplicates collapsed, free-text tools wrapped into functions where the target has none, and
arguments that are no object wrapped into one: translation spec sections 6 and 12. A `ToolMap`
remembers what was done; `ToolRestorer` undoes it in the reply, incrementally.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from mux.codecs import _arguments, _schema
from mux.codecs._free_text import (
    Unwrapper,
    unwrap_text,
    wrap_text,
    wrapped_description,
    wrapped_schema,
)
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    ArgsDelta,
    BlockStart,
    BlockStop,
    ChoiceMode,
    Event,
    Loss,
    LossKind,
    Message,
    Part,
    Request,
    Response,
    ServerTool,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
)
from mux.wire import json

_HASH_CHARS: Final = 8
_OPENAI_MOST: Final = 128


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


def openai_rules(abilities: Abilities, *, namespaces: bool = False) -> ToolRules:
    """What OpenAI's own hosts take, which alone know free-text tools, and all others of its kind.

    `namespaces`: the API has them.
    """
    own_host = abilities.custom_tools
    return ToolRules(
        custom=own_host, namespaces=namespaces and own_host, most=_OPENAI_MOST if own_host else None
    )


def functions(request: Request) -> list[Tool]:
    """The tools the client runs."""
    return [tool for tool in request.tools if isinstance(tool, Tool)]


def server_tools(request: Request) -> list[ServerTool]:
    """The tools a provider runs, and built-ins known by type."""
    return [tool for tool in request.tools if isinstance(tool, ServerTool)]


def described(tool: Tool) -> str:
    """The description, with examples of input in it for targets without a field for them."""
    if not tool.examples:
        return tool.description
    return _noted(tool, "\n".join(["Examples of input:", *map(json.text, tool.examples)]))


def _noted(tool: Tool, note: str) -> str:
    """The description, and `note` after it."""
    return f"{tool.description}\n\n{note}" if tool.description else note


def adapt(request: Request, rules: ToolRules, losses: list[Loss]) -> tuple[Request, ToolMap]:
    """`request` with all tool names such that `rules` accept them, and the way back.

    Raises `Unsupported` for a choice that cannot be kept, and for too many tools.
    """
    names = _Names(rules, functions(request))
    tools: list[Tool | ServerTool] = []
    for tool in _introduced(request.tools, rules):
        if isinstance(tool, ServerTool):
            tools.append(tool)
            continue
        if not names.add(tool):
            losses.append(Loss(LossKind.DROP, "duplicate_tool", tool.name))
            continue
        tools.append(names.tool(tool))
    if rules.most is not None and len(tools) > rules.most:
        raise Unsupported(
            f"This model takes at most {rules.most} tools, the request has {len(tools)}.",
            param="tools",
        )
    adapted = replace(
        request,
        tools=tuple(tools),
        tool_choice=_choice(request.tool_choice, tools, names, losses),
        messages=tuple([_message(message, names) for message in request.messages]),
    )
    return adapted, ToolMap(names.originals)


def _introduced(
    tools: Iterable[Tool | ServerTool], rules: ToolRules
) -> Iterator[Tool | ServerTool]:
    """`tools`; the first of a namespace that `rules` do not know tells what is said of it."""
    told: set[str] = set()
    for tool in tools:
        if isinstance(tool, ServerTool) or rules.namespaces or tool.namespace in told:
            yield tool
            continue
        told.add(tool.namespace)
        said = tool.namespace_description
        note = f"About all tools of {tool.namespace}: {said}"
        yield replace(tool, description=_noted(tool, note)) if said else tool


class _Names:
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


def _message(message: Message, names: _Names) -> Message:
    parts = tuple([_part(part, names) for part in message.parts])
    return message if parts == message.parts else replace(message, parts=parts)


def _part(part: Part, names: _Names) -> Part:
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


def _choice(
    choice: ToolChoice | None,
    tools: list[Tool | ServerTool],
    names: _Names,
    losses: list[Loss],
) -> ToolChoice | None:
    if choice is None:
        return None
    if not tools:
        if choice.mode in (ChoiceMode.REQUIRED, ChoiceMode.NAMED, ChoiceMode.ALLOWED_REQUIRED):
            raise Unsupported(
                "tool_choice asks for a tool call, but the request has no tools",
                param="tool_choice",
            )
        return None
    if not choice.names:
        return choice
    wire = tuple(names.wire("", name) for name in choice.names)
    known = {tool.name for tool in tools}
    if choice.mode is ChoiceMode.NAMED and wire[0] not in known:
        raise Unsupported(
            f"tool_choice names {choice.names[0]!r}, which is not among the tools",
            param="tool_choice",
        )
    kept = tuple(name for name in wire if name in known)
    if len(kept) < len(wire):
        losses.append(Loss(LossKind.DROP, "tool_choice", "unknown names in allowed tools"))
    if kept:
        return replace(choice, names=kept)
    if choice.mode is ChoiceMode.ALLOWED_REQUIRED:
        raise Unsupported("tool_choice allows none of the tools", param="tool_choice")
    return ToolChoice(ChoiceMode.NONE)


class ToolRestorer:
    """Gives tool calls in a reply the client's names and forms back. One per response."""

    __slots__ = ("_args", "_originals")

    def __init__(self, tools: ToolMap) -> None:
        self._originals = tools.originals
        self._args: Unwrapper | _Value | None = None

    def events(self, events: list[Event]) -> list[Event]:
        """`events` with calls restored; a wrapped tool's text is unwrapped as it arrives."""
        out: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is BlockStart:
                out.append(self._start(event))  # type: ignore[arg-type]
            elif self._args is not None and isinstance(event, ArgsDelta):
                if text := self._args.feed(event.arguments):
                    out.append(ArgsDelta(event.index, text))
            elif self._args is not None and isinstance(event, BlockStop):
                if text := self._args.eof():
                    out.append(ArgsDelta(event.index, text))
                self._args = None
                out.append(event)
            else:
                out.append(event)
        return out

    def response(self, response: Response) -> Response:
        """A whole response with calls restored."""
        answers = tuple(
            replace(answer, parts=tuple(self._part(part) for part in answer.parts))
            for answer in response.answers
        )
        return replace(response, answers=answers)

    def _start(self, event: BlockStart) -> BlockStart:
        part = event.part
        if not isinstance(part, ToolCall) or part.name not in self._originals:
            return event
        original = self._originals[part.name]
        self._args = _unwrapper(part, original)
        if self._args is not None and part.arguments:
            part = replace(part, arguments=self._args.feed(part.arguments))
        return BlockStart(event.index, _renamed(part, original))

    def _part(self, part: Part) -> Part:
        if not isinstance(part, ToolCall) or part.name not in self._originals:
            return part
        original = self._originals[part.name]
        if original.kind is ToolKind.CUSTOM and part.kind is ToolKind.FUNCTION:
            part = replace(part, arguments=unwrap_text(part.arguments))
        elif original.valued:
            part = replace(part, arguments=_arguments.unwrap_value(part.arguments))
        return _renamed(part, original)


def _unwrapper(call: ToolCall, original: Original) -> Unwrapper | _Value | None:
    """What reads the arguments of `call`, None where they are as the client wants them."""
    if original.kind is ToolKind.CUSTOM and call.kind is ToolKind.FUNCTION:
        return Unwrapper()
    return _Value() if original.valued else None


class _Value:
    """Reads the member ``value`` of arguments when they are complete."""

    __slots__ = ("_all",)

    def __init__(self) -> None:
        self._all: list[str] = []

    def feed(self, fragment: str) -> str:
        """Nothing yet."""
        self._all.append(fragment)
        return ""

    def eof(self) -> str:
        """The value's text."""
        return _arguments.unwrap_value("".join(self._all))


def _renamed(call: ToolCall, original: Original) -> ToolCall:
    return replace(call, name=original.name, namespace=original.namespace, kind=original.kind)
