"""The request every client dialect decodes to and every upstream dialect is encoded from."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from mux.ir.content import (
    CacheHint,
    Media,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
)
from mux.ir.jsontypes import JSON, Ext, Object


class Struct(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of the request's parts; change one with `msgspec.structs.replace`."""


class Role(StrEnum):
    """Who speaks. Tool results are parts of a `TOOL` message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


R = TypeVar("R")


class _Fact(Generic[R]):
    """What a message's method finds, once. `functools.cached_property` takes a lock before 3.12."""

    def __init__(self, find: Callable[[Message], R]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __get__(self, message: Message, owner: type[Message]) -> R:
        # Only asked as long as the message has no such attribute of its own.
        found = vars(message)[self._find.__name__] = self._find(message)
        return found


class Message(Struct, frozen=True, dict=True):
    """One turn, or a piece of one. `phase` is Responses' commentary or final_answer.

    What passes over a whole conversation look for is found out once: agents' messages are shared
    by all requests they come with.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    phase: str = ""
    ext: Ext | None = None

    @_Fact
    def kinds(self) -> frozenset[type[Part]]:
        """The types of its parts, and of what its results hold."""
        kinds = frozenset(map(type, self.parts))
        return kinds | set(map(type, self._inside())) if ToolResult in kinds else kinds

    @_Fact
    def routes(self) -> frozenset[str]:
        """The providers that signed parts of it, empty for one that is not known."""
        return frozenset(
            [
                part.signature.route
                for part in self.parts
                if isinstance(part, Text | Thinking | ToolCall) and part.signature is not None
            ]
        )

    @_Fact
    def hinted(self) -> bool:
        """Whether a prompt cache is to reach up to some part of it."""
        for part in (*self.parts, *self._inside()):
            if isinstance(part, Text | Media | ToolCall | ToolResult) and part.cache is not None:
                return True
        return False

    def _inside(self) -> list[Part]:
        """What its results hold."""
        results = [part for part in self.parts if isinstance(part, ToolResult)]
        return [piece for result in results for piece in result.content]


class Tool(Struct, frozen=True):
    """A tool the client can run.

    `schema` is JSON Schema as the client wrote it (None: no arguments declared); `strict` None
    means the client did not say; `grammar` (syntax, definition) belongs to custom tools.
    """

    name: str
    kind: ToolKind = ToolKind.FUNCTION
    namespace: str = ""
    description: str = ""
    schema: JSON = None
    strict: bool | None = None
    grammar: tuple[str, str] | None = None
    examples: tuple[JSON, ...] = ()
    deferred: bool = False
    cache: CacheHint | None = None
    ext: Ext | None = None
    namespace_description: str = ""


class ServerTool(Struct, frozen=True):
    """A tool a provider runs itself, or a client built-in known by its type alone.

    `kind` as in `ServerCall.kind`, or ``bash text_editor memory shell local_shell apply_patch``
    for built-ins the client executes; `raw` is the native declaration.
    """

    kind: str
    dialect: str
    raw: Object
    name: str = ""
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    max_uses: int | None = None
    user_location: Object | None = None


class ChoiceMode(StrEnum):
    """What the model may do about tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"
    ALLOWED_AUTO = "allowed_auto"
    ALLOWED_REQUIRED = "allowed_required"


class ToolChoice(Struct, frozen=True):
    """`names` holds the one name of `NAMED` or those of `ALLOWED_*`."""

    mode: ChoiceMode
    names: tuple[str, ...] = ()
    kind: ToolKind = ToolKind.FUNCTION
    ext: Ext | None = None


class Sampling(Struct, frozen=True):
    """None means the client did not say, and then nothing is sent."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    logit_bias: Object | None = None


class ReasoningState(StrEnum):
    """Whether the client asked for reasoning."""

    UNSET = "unset"
    OFF = "off"
    ON = "on"


class Effort(StrEnum):
    """The ladder of translation spec section 9, lowest first."""

    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class Visibility(StrEnum):
    """Whether the client wants to see the reasoning."""

    UNSET = "unset"
    HIDDEN = "hidden"
    SUMMARY = "summary"
    FULL = "full"


class Reasoning(Struct, frozen=True):
    """`budget` is in tokens, -1 = the model decides."""

    state: ReasoningState = ReasoningState.UNSET
    effort: Effort | None = None
    budget: int | None = None
    visible: Visibility = Visibility.UNSET
    ext: Ext | None = None


class FormatKind(StrEnum):
    """What the visible answer must look like."""

    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


class ResponseFormat(Struct, frozen=True):
    """`schema` as the client wrote it."""

    kind: FormatKind = FormatKind.TEXT
    name: str = ""
    schema: JSON = None
    strict: bool | None = None
    description: str = ""


class Request(Struct, frozen=True):
    """One generation asked for, in no dialect.

    `origin` is the dialect it was decoded from and `variant` tells its endpoints apart (Ollama
    ``generate``, Gemini ``array``: a stream without ``alt=sse``). `logprobs` is the number of
    alternatives wanted, 0 = the chosen token only. `continuation` is set where an upstream is asked
    to go on with an answer it cut: its token, or empty where the answer itself is the last message.
    `ext[origin]` keeps what no other dialect knows.
    """

    model: str
    messages: tuple[Message, ...] = ()
    system: tuple[Text, ...] = ()
    tools: tuple[Tool | ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    sampling: Sampling = Sampling()
    max_output: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    reasoning: Reasoning = Reasoning()
    response_format: ResponseFormat = ResponseFormat()
    logprobs: int | None = None
    modalities: tuple[str, ...] = ()
    service_tier: str = ""
    verbosity: str = ""
    user_id: str = ""
    safety_id: str = ""
    cache_key: str = ""
    metadata: Object | None = None
    store: bool | None = None
    previous_id: str = ""
    continuation: str | None = None
    suffix: str = ""
    origin: str = ""
    variant: str = ""
    ext: Ext | None = None

    def own(self, dialect: str) -> Object:
        """The fields only `dialect` knows, empty if the request came from another one."""
        return (self.ext or {}).get(dialect, {})
