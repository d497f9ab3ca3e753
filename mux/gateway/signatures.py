"""Signatures of reasoning: whose they are, and a memory for clients that cannot carry them.

Translation spec section 8. Everything an upstream signs is marked with the provider it came from
and is never shown to another one. What belongs to a turn with tool calls is also remembered for a
while under the ids of its calls, for clients that send back the calls alone; a miss is no error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import is_
from typing import Final, TypeAlias

from msgspec.structs import replace

from mux.gateway.bounded import Bounded
from mux.ir import (
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    Finish,
    Message,
    Part,
    Request,
    Role,
    Signature,
    SignatureDelta,
    Start,
    Text,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
    fold,
    sign,
)
from mux.wire import Shared, json
from mux.wire.memo import Memo

TTL_S: Final = 6 * 3600.0
LIMIT_ENTRIES: Final = 10_000
LIMIT_BYTES: Final = 64 * 1024 * 1024

_FOUND_BYTES: Final = 4 * 1024 * 1024
"""What is kept of messages and keys that were found out, of each; they can be again."""
_ENTRY_BYTES: Final = 500
"""What an entry of them takes beside its text, roughly."""

_Signable: TypeAlias = Thinking | ToolCall | Text


@dataclass(frozen=True, slots=True)
class _Turn:
    """The reasoning and the signed calls of one assistant turn, in their order."""

    parts: tuple[Thinking | ToolCall, ...]


class SignatureMemory:
    """Turns by the ids of their calls. One per process; bounded in time, number and size."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._turns = Bounded[bytes, _Turn](
            clock, ttl_s=TTL_S, entries=LIMIT_ENTRIES, size_bytes=LIMIT_BYTES
        )

    def remember(self, client: str, parts: tuple[Part, ...]) -> None:
        """Keep what `parts`, a whole turn, hold that `client` may not be able to send back."""
        kept = tuple(part for part in parts if isinstance(part, Thinking | ToolCall))
        calls = [part for part in kept if isinstance(part, ToolCall)]
        if not calls or all(part.signature is None for part in kept):
            return
        slim = tuple(
            replace(part, arguments="") if isinstance(part, ToolCall) else part for part in kept
        )
        turn, size_bytes = _Turn(slim), sum(map(_size_bytes, slim))
        for call in calls:
            for key in _keys(client, call):
                self._turns.put(key, turn, size_bytes)

    def restore(self, client: str, request: Request) -> Request:
        """`request` with what is remembered of its turns put back where nothing came back."""
        if not self._turns:
            return request
        messages = [
            self._restored(client, message)
            if message.role is Role.ASSISTANT and ToolCall in message.kinds and not message.routes
            else message
            for message in request.messages
        ]
        same = all(map(is_, messages, request.messages))
        return request if same else replace(request, messages=tuple(messages))

    def _restored(self, client: str, message: Message) -> Message:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        found = [(call, self._find(client, call)) for call in calls]
        turn = next((turn for _, turn in found if turn is not None), None)
        if turn is None:
            return message
        ours = [call for call, theirs in found if theirs is turn]
        objects = message, turn, *ours
        restored = _CHANGED.find(objects)
        if restored is None:
            restored = replace(message, parts=_put_back(message.parts, ours, turn))
            _CHANGED.keep(objects, restored)
        return restored

    def _find(self, client: str, call: ToolCall) -> _Turn | None:
        for key in _keys(client, call):
            turn = self._turns.get(key)
            if turn is not None:
                self._turns.touch(key)
                return turn
        return None


class Signed:
    """A filter over the events of one response: marks signatures, and remembers the turn.

    `route` names the provider, `model` its model. Only what may be needed is kept until the end.
    """

    __slots__ = ("_client", "_inside", "_kept", "_memory", "_model", "_route")

    def __init__(self, memory: SignatureMemory, client: str, route: str, model: str) -> None:
        self._memory = memory
        self._client = client
        self._route = route
        self._model = model
        self._kept: list[Event] = []
        self._inside = False
        """whether the open block is one to be kept"""

    def events(self, events: list[Event]) -> list[Event]:
        """`events` with all signatures marked."""
        for place, event in enumerate(events):
            if type(event) in _TOLD:
                self._keep(marked := self._marked(event))
                if marked is not event:
                    events = [*events[:place], marked, *events[place + 1 :]]
        return events

    def _keep(self, event: Event) -> None:
        if self._kept and isinstance(event, Finish):
            parts = fold([Start(), *self._kept, event]).parts
            self._memory.remember(self._client, parts)
        if isinstance(event, BlockStart):
            self._inside = isinstance(event.part, Thinking | ToolCall)
        if isinstance(event, Finish | Failure | Choice):
            self._kept = []
        elif self._inside:
            self._kept.append(event)

    def _marked(self, event: Event) -> Event:
        match event:
            case SignatureDelta(signature=signature):
                return replace(event, signature=self._mark(signature))
            case BlockStart(part=part):
                marked = self._part(part)
                return event if marked is part else replace(event, part=marked)
            case _:
                return event

    def _part(self, part: Part) -> Part:
        signature = signature_of(part)
        return part if signature is None else sign(part, self._mark(signature))

    def _mark(self, signature: Signature) -> Signature:
        return replace(signature, route=self._route, model=signature.model or self._model)


_TOLD: Final = frozenset(
    {
        BlockStart,
        BlockStop,
        ThinkingDelta,
        ThinkingBreak,
        ArgsDelta,
        SignatureDelta,
        Choice,
        Finish,
        Failure,
    }
)
"""All events of a turn but those of its text, which clients send back themselves."""


def keep_own(request: Request, route: str) -> Request:
    """`request` without signatures known to come from another provider than `route`."""
    known = frozenset({"", route})
    if all([message.routes <= known for message in request.messages]):
        return request
    messages = [
        message if message.routes <= known else _kept_own(message, route)
        for message in request.messages
    ]
    return replace(request, messages=tuple(messages))


def _kept_own(message: Message, route: str) -> Message:
    kept = _CHANGED.find((message,), route)
    if kept is None:
        parts = [sign(part, None) if _foreign(part, route) else part for part in message.parts]
        kept = replace(message, parts=tuple(parts))
        _CHANGED.keep((message,), kept, route)
    return kept


_CHANGED: Final = Shared[Message](_FOUND_BYTES)
"""Messages as upstreams may see them, so that an agent's are the same with each of its requests."""


def _foreign(part: Part, route: str) -> bool:
    signature = signature_of(part)
    return signature is not None and signature.route not in ("", route)


def signature_of(part: Part) -> Signature | None:
    """What vouches for `part`, if anything does."""
    return part.signature if isinstance(part, _Signable) else None


def _put_back(parts: tuple[Part, ...], calls: list[ToolCall], turn: _Turn) -> tuple[Part, ...]:
    """`parts` with the turn's reasoning in front of the calls it came before.

    What came before the first call goes before everything: models think before they speak.
    """
    before: list[list[Thinking]] = [[]]
    signed: list[ToolCall] = []
    for theirs in turn.parts:
        if isinstance(theirs, ToolCall):
            signed.append(theirs)
            before.append([])
        else:
            before[-1].append(theirs)
    places = {call.id: place for place, call in enumerate(signed)}
    out: list[Part] = [*before[0]]
    seen = 0
    for part in parts:
        if isinstance(part, Thinking):
            continue  # it came back without its signature; the turn has it whole
        if isinstance(part, ToolCall) and part in calls:
            place = min(places.get(part.id, seen), len(signed) - 1)
            out += before[place] if place else ()
            out.append(replace(part, signature=signed[place].signature))
            seen += 1
        else:
            out.append(part)
    return tuple(out)


def _keys(client: str, call: ToolCall) -> tuple[bytes, ...]:
    """Under what a call is found: its id and name, since hosts give ids like ``call_0`` again and
    again, and for clients that keep no ids what it says."""
    asked = client, call.id, call.name, call.arguments
    found = _KEYS.get(asked)
    if found is not None:
        return found[0]
    keys = tuple(_digests(client, call))
    _KEYS.put(asked, keys, len(call.arguments) + _ENTRY_BYTES)
    return keys


_KEYS: Final = Memo[tuple[bytes, ...]](_FOUND_BYTES)


def _digests(client: str, call: ToolCall) -> Iterator[bytes]:
    if call.id:
        yield _digest(client, "id", call.id, call.name)
    arguments = json.load_object(call.arguments.encode("utf-8", "surrogatepass"))
    said = json.dumps(dict(sorted(arguments.items()))).decode() if arguments else call.arguments
    yield _digest(client, "says", call.name, said)


def _digest(*words: str) -> bytes:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()


def _size_bytes(part: Thinking | ToolCall) -> int:
    texts = sum(map(len, part.texts)) if isinstance(part, Thinking) else len(part.id)
    return texts + (len(part.signature.value) if part.signature is not None else 0) + 200
