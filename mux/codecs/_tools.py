"""Tools in the forms a target accepts, and the way back (translation spec sections 6 and 12).

Duplicates are collapsed, and each tool goes by the name that `Names` has for it. A `ToolMap`
remembers what was done; `ToolRestorer` undoes it in the reply, incrementally.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from msgspec.structs import replace

from mux.codecs import _arguments
from mux.codecs._free_text import Unwrapper
from mux.codecs._tool_names import Names, Original, ToolMap, ToolRules
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    ArgsDelta,
    BlockStart,
    BlockStop,
    ChoiceMode,
    Event,
    Loss,
    LossKind,
    Object,
    Request,
    Response,
    ServerTool,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    fold,
    unfold,
)
from mux.wire import Shared, json, stand_in

T = TypeVar("T", bound=Tool | ServerTool)

MANY: Final = 8
"""Fewer tools are written in less time than it takes to find out that they were written before."""

_LIMIT_BYTES: Final = 4 * 1024 * 1024
_OPENAI_MOST: Final = 128


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


def adapt(request: Request, rules: ToolRules, losses: list[Loss]) -> tuple[Request, Names]:
    """`request` with tools and choice such that `rules` accept them, and the names they go by.

    Its messages are not adapted yet. Raises `Unsupported` for a choice that cannot be kept, and for
    too many tools.
    """
    if not request.tools and request.tool_choice is None:
        return request, Names(rules, ())
    tools, names, lost = _named(request.tools, rules)
    if rules.most is not None and len(tools) > rules.most:
        raise Unsupported(
            f"This model takes at most {rules.most} tools, the request has {len(tools)}.",
            param="tools",
        )
    losses += lost
    choice = _choice(request.tool_choice, tools, names, losses)
    return replace(request, tools=tools, tool_choice=choice), names


_Named: TypeAlias = tuple[tuple[Tool | ServerTool, ...], Names, tuple[Loss, ...]]


def _named(tools: tuple[Tool | ServerTool, ...], rules: ToolRules) -> _Named:
    """`tools` under names of their own, the names, and what is lost of them.

    Many tools are an agent's, who sends the same ones again.
    """
    if len(tools) < MANY:
        return _name(tools, rules)
    found = _NAMED.find(tools, rules)
    if found is None:
        found = _name(tools, rules)
        _NAMED.keep(tools, found, rules)
    named, names, losses = found
    return named, names.copy(), losses


def _name(tools: tuple[Tool | ServerTool, ...], rules: ToolRules) -> _Named:
    names = Names(rules, [tool for tool in tools if isinstance(tool, Tool)])
    named: list[Tool | ServerTool] = []
    losses: list[Loss] = []
    for tool in _introduced(tools, rules):
        if isinstance(tool, ServerTool):
            named.append(tool)
        elif names.add(tool):
            named.append(names.tool(tool))
        else:
            losses.append(Loss(LossKind.DROP, "duplicate_tool", tool.name))
    return tuple(named), names, tuple(losses)


def written(
    tools: Sequence[T], write: Callable[[T, list[Loss]], Object], key: Hashable, losses: list[Loss]
) -> list[JSON]:
    """Each of `tools` as `write` declares it, who depends on nothing but the tool and `key`.

    Of many tools the declarations are texts, and none is written twice.
    """
    if len(tools) < MANY:
        return [write(tool, losses) for tool in tools]
    objects, how = tuple(tools), stand_in(key)
    found = _WRITTEN.find(objects, how)
    if found is None:
        lost: list[Loss] = []
        found = [json.written(json.dumps(write(tool, lost))) for tool in tools], tuple(lost)
        _WRITTEN.keep(objects, found, how)
    texts, again = found
    losses += again
    return texts.copy()


_NAMED: Final = Shared[_Named](_LIMIT_BYTES)
_WRITTEN: Final = Shared[tuple[list[JSON], tuple[Loss, ...]]](_LIMIT_BYTES)


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


def _choice(
    choice: ToolChoice | None,
    tools: tuple[Tool | ServerTool, ...],
    names: Names,
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
        return fold(self.events(unfold(response)))

    def _start(self, event: BlockStart) -> BlockStart:
        part = event.part
        if not isinstance(part, ToolCall) or part.name not in self._originals:
            return event
        original = self._originals[part.name]
        self._args = _unwrapper(part, original)
        if self._args is not None and part.arguments:
            part = replace(part, arguments=self._args.feed(part.arguments))
        return BlockStart(event.index, _renamed(part, original))


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
