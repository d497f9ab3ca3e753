"""What clients ask: a short question, and what a coding agent sends, in every dialect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from msgspec.structs import replace

from mux.codecs import CODECS
from mux.ir import Abilities, Message, Object, Request, Role, Text, Tool, ToolCall, ToolResult
from mux.wire import json

AGENT_BYTES: Final = 130_000
TURN: Final = b"a new turn."
"""What an agent's request says in its last turn: each time it is sent, that turn is another one."""

_PROSE: Final = "The quick brown fox jumps over the lazy dog, then writes down how it was done. "
_TOOLS: Final = 30
_COMPLETIONS: Final = "openai_completions"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to a gateway that serves `dialect`."""

    dialect: str
    path: str
    body: bytes
    stream: bool


def speaks(client: str, upstream: str) -> bool:
    """Whether a client of one dialect can be answered by the other: completions hold no chat."""
    return upstream != _COMPLETIONS or client in (_COMPLETIONS, "ollama")


@cache
def ask(client: str, upstream: str, model: str, *, stream: bool, agent: bool = False) -> Ask:
    """What a client of one dialect sends to ask a model that speaks the other."""
    if client == "ollama" and upstream == _COMPLETIONS:
        prompt: Object = {"model": model, "prompt": _PROSE, "stream": stream}
        return Ask(client, "/api/generate", json.dumps(prompt), stream)
    base = agent_request() if agent else _SHORT
    if client == _COMPLETIONS:
        base = replace(_LONG_PROMPT if agent else _SHORT, variant="generate")
    request = replace(base, model=model, stream=stream)
    codec = CODECS[client].client
    below = codec.path(request)
    path = f"/v1{below}" if client.startswith("openai") else below
    return Ask(client, path, codec.encode_request(request, Abilities()).body, stream)


def http(host: str, asked: Ask) -> bytes:
    """The bytes of the HTTP request, keys as every dialect carries them."""
    lines = {
        "host": host,
        "content-type": "application/json",
        "authorization": "Bearer sk-bench",
        "x-api-key": "sk-bench",
        "x-goog-api-key": "sk-bench",
        "anthropic-version": "2023-06-01",
        "content-length": str(len(asked.body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {asked.path} HTTP/1.1\r\n{head}\r\n".encode() + asked.body


_SHORT: Final = Request(
    "bench",
    (Message(Role.USER, (Text("Tell me about foxes, in a few words."),)),),
    max_output=1000,
)
_LONG_PROMPT: Final = replace(
    _SHORT,
    messages=(Message(Role.USER, (Text(_PROSE * (AGENT_BYTES // len(_PROSE))),)),),
)
"""what stands for an agent's request where there are no tools and no conversation"""


@cache
def agent_request() -> Request:
    """A coding agent's request in the middle of its work: prompt, tools, turns of tool calls."""
    turns: list[Message] = [Message(Role.USER, (Text(_PROSE * 5),))]
    request = replace(_SHORT, system=(Text(_PROSE * 250),), tools=tuple(map(_tool, range(_TOOLS))))
    empty = len(CODECS["openai_chat"].client.encode_request(request, Abilities()).body)
    per_turn = _size(*_turn(0))
    count = (AGENT_BYTES - empty) // per_turn
    for number in range(count - 1):
        turns += _turn(number)
    turns += _turn(count - 1, TURN.decode())
    return replace(request, messages=tuple(turns))


def _size(*messages: Message) -> int:
    request = replace(_SHORT, system=(), messages=messages)
    return len(CODECS["openai_chat"].client.encode_request(request, Abilities()).body)


def _tool(number: int) -> Tool:
    properties: Object = {
        f"argument_{position}": {"type": "string", "description": _PROSE} for position in range(8)
    }
    schema: Object = {"type": "object", "properties": properties, "required": ["argument_0"]}
    return Tool(f"tool_{number}", description=_PROSE * 6, schema=schema)


def turn(number: int) -> bytes:
    """What stands for `TURN` in the request of that number."""
    return b"%0*d" % (len(TURN), number % 10 ** len(TURN))


def _turn(number: int, mark: str = "") -> tuple[Message, Message]:
    arguments = json.text({"argument_0": f"/src/file_{number}.py", "argument_1": mark or _PROSE})
    call = ToolCall(f"call_{number}", f"tool_{number % _TOOLS}", arguments)
    text = f"{mark}{number}: {_PROSE}\n" * 12
    result = ToolResult(call.id, (Text(text),), name=call.name)
    return Message(Role.ASSISTANT, (Text(_PROSE), call)), Message(Role.TOOL, (result,))
