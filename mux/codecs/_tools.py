"""Tools under the names and in the forms a target accepts, and the way back.

Namespaced names are flattened, illegal or long names repaired (injectively, by hash suffix),
duplicates collapsed, and free-text tools wrapped into functions where the target has none:
translation spec section 6. A `ToolMap` remembers what was done; `ToolRestorer` undoes it in the
reply, incrementally.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from mux.errors import Unsupported
from mux.ir import (
    JSON,
    ArgsDelta,
    BlockStart,
    BlockStop,
    ChoiceMode,
    Event,
    Loss,
    LossKind,
    Message,
    Object,
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


@dataclass(frozen=True, slots=True)
class Original:
    """What the client calls a tool that goes by another name upstream."""

    name: str
    namespace: str = ""
    kind: ToolKind = ToolKind.FUNCTION


@dataclass(frozen=True, slots=True)
class ToolMap:
    """Upstream name to the client's tool; only tools that were changed are in it."""

    originals: Mapping[str, Original] = field(default_factory=dict[str, Original])


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What a target accepts. `illegal` matches every character a name may not hold."""

    illegal: re.Pattern[str] = re.compile(r"[^A-Za-z0-9_-]")
    max_length: int = 64
    letter_first: bool = False
    custom: bool = False
    namespaces: bool = False


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
    note = "\n".join(["Examples of input:", *map(json.text, tool.examples)])
    return f"{tool.description}\n\n{note}" if tool.description else note


def adapt(request: Request, rules: ToolRules, losses: list[Loss]) -> tuple[Request, ToolMap]:
    """`request` with all tool names such that `rules` accept them, and the way back."""
    names = _Names(rules)
    tools: list[Tool | ServerTool] = []
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            tools.append(tool)
            continue
        if not names.add(tool):
            losses.append(Loss(LossKind.DROP, "duplicate_tool", tool.name))
            continue
        tools.append(names.tool(tool))
    adapted = replace(
        request,
        tools=tuple(tools),
        tool_choice=_choice(request.tool_choice, tools, names, losses),
        messages=tuple(_message(message, names) for message in request.messages),
    )
    return adapted, ToolMap(names.originals)


class _Names:
    """The two-way table of one request."""

    def __init__(self, rules: ToolRules) -> None:
        self._rules = rules
        self._wire: dict[tuple[str, str], str] = {}
        self._taken: set[tuple[str, str]] = set()
        self.originals: dict[str, Original] = {}

    def add(self, tool: Tool) -> bool:
        """Take `tool` into the table; False if its name was there already."""
        if (tool.namespace, tool.name) in self._wire:
            return False
        wire = self.wire(tool.namespace, tool.name)
        if wire != tool.name or self.wraps(tool.kind):
            self.originals[wire] = Original(tool.name, tool.namespace, tool.kind)
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
        home = namespace if self._rules.namespaces else ""
        flat = name if home == namespace else f"{namespace}__{name}"
        known = self._repair(home, flat)
        self._wire[namespace, name] = known
        self._taken.add((home, known))
        if known != name:
            self.originals[known] = Original(name, namespace)
        return known

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
            return replace(tool, name=wire, namespace=namespace)
        return replace(
            tool,
            name=wire,
            namespace=namespace,
            kind=ToolKind.FUNCTION,
            description=_wrapped_description(tool),
            schema=_wrapped_schema(),
            strict=None,
            grammar=None,
        )

    def _repair(self, home: str, name: str) -> str:
        rules = self._rules
        fixed = rules.illegal.sub("_", name) or "_"
        if rules.letter_first and not (fixed[0].isalpha() or fixed[0] == "_"):
            fixed = f"_{fixed}"
        if len(fixed) <= rules.max_length and (home, fixed) not in self._taken:
            return fixed
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{fixed[: rules.max_length - _HASH_CHARS - 1]}_{digest[:_HASH_CHARS]}"


def _wrapped_schema() -> Object:
    return {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The raw text input"}},
        "required": ["input"],
        "additionalProperties": False,
    }


def _wrapped_description(tool: Tool) -> str:
    note = "Input is raw text, given as the string `input`."
    if tool.grammar is not None:
        syntax, definition = tool.grammar
        note += f" It must match this {syntax} grammar:\n```{syntax}\n{definition}\n```"
    return f"{tool.description}\n\n{note}" if tool.description else note


def wrap_text(text: str) -> str:
    """Free text as the arguments of a wrapped tool."""
    return json.text({"input": text})


def unwrap_text(arguments: str) -> str:
    """The free text in a wrapped tool's arguments; the arguments themselves if they hold none."""
    fields = json.load_object(arguments)
    value: JSON = fields.get("input") if fields is not None else None
    return value if isinstance(value, str) else arguments


def _message(message: Message, names: _Names) -> Message:
    parts = tuple(_part(part, names) for part in message.parts)
    return message if parts == message.parts else replace(message, parts=parts)


def _part(part: Part, names: _Names) -> Part:
    match part:
        case ToolCall():
            adapted = replace(
                part,
                name=names.wire(part.namespace, part.name),
                namespace=names.space(part.namespace),
            )
            if not names.wraps(part.kind):
                return adapted
            return replace(adapted, kind=ToolKind.FUNCTION, arguments=wrap_text(part.arguments))
        case ToolResult():
            kind = ToolKind.FUNCTION if names.wraps(part.kind) else part.kind
            name = names.wire("", part.name) if part.name else ""
            return replace(part, name=name, kind=kind)
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
    return replace(choice, names=kept)


class ToolRestorer:
    """Gives tool calls in a reply the client's names and forms back. One per response."""

    __slots__ = ("_args", "_originals")

    def __init__(self, tools: ToolMap) -> None:
        self._originals = tools.originals
        self._args: _Unwrapper | None = None

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
        if original.kind is ToolKind.CUSTOM:
            self._args = _Unwrapper()
        return BlockStart(event.index, _renamed(part, original))

    def _part(self, part: Part) -> Part:
        if not isinstance(part, ToolCall) or part.name not in self._originals:
            return part
        original = self._originals[part.name]
        if original.kind is ToolKind.CUSTOM and part.kind is ToolKind.FUNCTION:
            part = replace(part, arguments=unwrap_text(part.arguments))
        return _renamed(part, original)


def _renamed(call: ToolCall, original: Original) -> ToolCall:
    return replace(call, name=original.name, namespace=original.namespace, kind=original.kind)


_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_HEAD_CHARS: Final = 64
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SPECIAL: Final = re.compile(r'["\\]')


class _Unwrapper:
    """Reads the string in ``{"input":"…"}`` while it is still being written."""

    __slots__ = ("_all", "_inside", "_sent", "_tail")

    def __init__(self) -> None:
        self._all: list[str] = []
        self._tail = ""
        self._inside: bool | None = None
        """None before the string, True in it, False after it or where there is none"""
        self._sent = False

    def feed(self, fragment: str) -> str:
        """The text that `fragment` completes."""
        self._all.append(fragment)
        if self._inside is False:
            return ""
        self._tail += fragment
        if self._inside is None:
            match = _HEAD.match(self._tail)
            if match is None:
                if len(self._tail) > _HEAD_CHARS:
                    self._inside = False
                return ""
            self._inside = True
            self._tail = self._tail[match.end() :]
        text = self._string()
        self._sent = self._sent or bool(text)
        return text

    def eof(self) -> str:
        """What is left at the end: everything, if the arguments were not of the wrapped form."""
        if self._sent:
            return ""
        return unwrap_text("".join(self._all))

    def _string(self) -> str:
        out: list[str] = []
        position, tail = 0, self._tail
        while True:
            special = _SPECIAL.search(tail, position)
            if special is None:
                out.append(tail[position:])
                position = len(tail)
                break
            out.append(tail[position : special.start()])
            position = special.start()
            if tail[position] == '"':
                self._inside = False
                break
            length = _escape_length(tail, position)
            if length == 0:
                break
            out.append(_unescape(tail[position : position + length]))
            position += length
        self._tail = tail[position:]
        return "".join(out)


def _escape_length(text: str, position: int) -> int:
    """Characters of the escape at `position`, 0 if more of it is still to come."""
    rest = len(text) - position
    if rest < 2:
        return 0
    if text[position + 1] != "u":
        return 2
    if rest < 6:
        return 0
    high = text[position + 2 : position + 3].lower() == "d" and text[position + 3] in "89abAB"
    if not high:
        return 6
    return 12 if rest >= 12 else 0


def _unescape(escape: str) -> str:
    if escape[1] != "u":
        return _SIMPLE.get(escape[1], escape[1])
    try:
        value = json.loads(f'"{escape}"')
    except json.JsonError:
        return "\ufffd"
    return value if isinstance(value, str) else "\ufffd"
