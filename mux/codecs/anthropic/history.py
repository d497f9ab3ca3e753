"""Messages for an upstream, in the shape and order it accepts (translation spec sections 3, 4, 8).

The request's history was settled before: results follow the calls they answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from msgspec.structs import replace

from mux.codecs import _messages
from mux.codecs._runs import Conversation
from mux.codecs.anthropic._own import DIALECT, extras
from mux.codecs.anthropic.blocks_in import THOUGHTS
from mux.codecs.anthropic.blocks_out import Blocks, text_blocks
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Message,
    Object,
    Part,
    Request,
    Role,
    Text,
    Thinking,
)

ATTRIBUTION: Final = "x-anthropic-billing-header:"
"""How a system text of Claude Code begins that is meant for Anthropic alone; its key in `ext`."""


def encode_messages(request: Request, abilities: Abilities, losses: list[Loss]) -> list[Object]:
    """Entries of ``messages``: one a turn, results first in it, nothing empty."""
    native = request.origin == DIALECT
    blocks = Blocks(abilities, losses, native=native)
    out: list[Object] = []
    for message in _signed(_placed(request.messages, abilities, losses, native=native), losses):
        content = blocks.encode(message.role, message.parts)
        if not content:
            continue
        role, extra = _wire_role(message), extras(message.ext)
        last = out[-1] if out else {}
        if last.get("role") == role and message.role is not Role.SYSTEM:
            out[-1] = {**last, "content": [*_content(last), *content], **extra}
        else:
            out.append({"role": role, "content": [*content], **extra})
    return out


def finish(messages: Conversation, losses: list[Loss], *, native: bool) -> None:
    """Put both ends of `messages` right, in place: the assistant may not speak first."""
    out = messages.last
    _trim_tail(out)
    begun = messages.earlier or (out and out[0]["role"] == Role.USER.value)
    if not (native or begun):
        losses.append(Loss(LossKind.DEGRADE, "first_turn"))
        opening: Object = {"type": "text", "text": "."}
        out.insert(0, {"role": Role.USER.value, "content": [opening]})


_WIRE_ROLES: Final = {role: str(Role.USER if role is Role.TOOL else role) for role in Role}


def _wire_role(message: Message) -> str:
    return _WIRE_ROLES[message.role]


def _placed(
    messages: Sequence[Message], abilities: Abilities, losses: list[Loss], *, native: bool
) -> Iterable[Message]:
    """`messages` with later system messages where the model takes them: right after the user."""
    before: Role | None = None
    for message in messages:
        allowed = abilities.mid_system and (native or before in (Role.USER, Role.TOOL))
        if message.role is Role.SYSTEM and not allowed:
            yield from _messages.remind([message], losses)
            before = Role.USER
        else:
            yield message
            before = message.role


def _signed(messages: Iterable[Message], losses: list[Loss]) -> Iterable[Message]:
    """`messages` with the reasoning of each turn that an upstream of this dialect signed, all of
    it; a turn some of whose reasoning it did not sign is sent without any."""
    for _, run in groupby(messages, key=_wire_role):
        turn = list(run)
        if all([_signature_is_ours(part) for message in turn for part in message.parts]):
            yield from turn
            continue
        losses.append(Loss(LossKind.DROP, "reasoning"))
        for message in turn:
            kept = [part for part in message.parts if not isinstance(part, Thinking)]
            yield replace(message, parts=tuple(kept))


def _signature_is_ours(part: Part) -> bool:
    if not isinstance(part, Thinking):
        return True
    return part.signature is not None and part.signature.dialect == DIALECT


def _trim_tail(messages: list[Object]) -> None:
    """A last message of the assistant neither ends in white space nor holds thoughts alone."""
    if not messages or messages[-1]["role"] != Role.ASSISTANT.value:
        return
    content = _content(messages[-1])
    if all(_kind(block) in THOUGHTS for block in content):
        messages.pop()
        return
    block = content[-1]
    text = block.get("text") if isinstance(block, dict) else None
    if isinstance(block, dict) and isinstance(text, str):
        trimmed: Object = {**block, "text": text.rstrip()}
        messages[-1] = {**messages[-1], "content": [*content[:-1], trimmed]}


def _content(message: Object) -> list[JSON]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _kind(block: JSON) -> JSON:
    return block.get("type") if isinstance(block, dict) else None


def encode_system(request: Request, words: str) -> list[Object]:
    """``system``: Claude Code's attribution, the client's texts, then our own `words`."""
    attribution = request.own(DIALECT).get(ATTRIBUTION)
    first = Text(attribution if isinstance(attribution, str) else "")
    texts = (first, *request.system, Text(words))
    return [block for text in texts for block in text_blocks(text)]
