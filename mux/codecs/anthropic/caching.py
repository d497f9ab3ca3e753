"""Breakpoints of the prompt cache in a finished body (translation spec section 13).

A client of this dialect sets its own. For any other they are limited to what the API takes, or,
where the model wants it and the client set none, put where agents' prompts stop changing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mux.codecs._runs import Conversation
from mux.codecs.anthropic._own import DIALECT, nested
from mux.codecs.anthropic.blocks_in import THOUGHTS
from mux.ir import JSON, Abilities, Loss, LossKind, Object, Request, Tool
from mux.wire import json

_KEY: Final = "cache_control"
_WORD: Final = b'"cache_control"'
_LIMIT: Final = 4
_LONG: Final = "1h"
_MARKED_USERS: Final = 2


def mark(
    body: Object,
    messages: Conversation,
    request: Request,
    abilities: Abilities,
    losses: list[Loss],
) -> None:
    """Add, limit or remove the breakpoints in `body` and its `messages`, in place.

    What a client of this dialect wrote is part of its request, too, and stays as it is there.
    """
    native = request.origin == DIALECT
    if native and abilities.cache_control:
        return
    hinted = native or _is_hinted(request)
    if not (hinted or abilities.auto_cache):
        return
    tools, system = _list(body, "tools"), _list(body, "system")
    if hinted:
        _open_marked(tools, messages)
    if not abilities.cache_control:
        body.pop(_KEY, None)
        tools[:], system[:] = map(_bare, tools), map(_bare, system)
        for message in messages.last:
            message["content"] = _bare(message["content"])
        return
    marked = [holder for holder in _holders(tools, system, messages.last) if _KEY in holder]
    if marked:
        _limit(marked, losses)
    elif abilities.auto_cache:
        for holder in _stable_ends(tools, system, messages):
            holder[_KEY] = {"type": "ephemeral"}


def _is_hinted(request: Request) -> bool:
    """Whether a client of another dialect set breakpoints."""
    hints = [part.cache for part in request.system]
    hints += [tool.cache for tool in request.tools if isinstance(tool, Tool)]
    hinted = any([hint is not None for hint in hints])
    return hinted or any([message.hinted for message in request.messages])


def _list(body: Object, key: str) -> list[JSON]:
    value = body.get(key)
    return value if isinstance(value, list) else []


def _open_marked(tools: list[JSON], messages: Conversation) -> None:
    """Make objects again of what was written before and holds breakpoints."""
    for place, tool in enumerate(tools):
        if _WORD in (json.text_of(tool) or b""):
            _open(tools, place)
    texts = [json.text_of(earlier) or b"" for earlier in messages.earlier]
    marked = next((place for place, text in enumerate(texts) if _WORD in text), None)
    if marked is not None:
        messages.reopen(marked)


def _open(tools: list[JSON], place: int) -> JSON:
    """The tool at `place`, which is an object from now on."""
    text = json.text_of(tools[place])
    if text is not None:
        tools[place] = json.loads(text)
    return tools[place]


def _bare(blocks: JSON) -> JSON:
    """`blocks` without breakpoints, those inside of blocks included."""
    if isinstance(blocks, dict):
        inner: Object = {"content": _bare(blocks["content"])} if "content" in blocks else {}
        return {key: value for key, value in blocks.items() if key != _KEY} | inner
    return [_bare(block) for block in blocks] if isinstance(blocks, list) else blocks


def _limit(marked: list[Object], losses: list[Loss]) -> None:
    """Keep the last four, all of one lifetime: long ones may not follow short ones."""
    for holder in marked[:-_LIMIT]:
        del holder[_KEY]
        losses.append(Loss(LossKind.DROP, _KEY, f"at most {_LIMIT}"))
    kept = marked[-_LIMIT:]
    if any(nested(holder, _KEY).get("ttl") == _LONG for holder in kept):
        for holder in kept:
            holder[_KEY] = {"type": "ephemeral", "ttl": _LONG}


def _stable_ends(tools: list[JSON], system: list[JSON], messages: Conversation) -> Iterator[Object]:
    """The last tool, the last system text, and the ends of the last two user messages."""
    for place in reversed(range(len(tools))):
        tool = _open(tools, place)
        if isinstance(tool, dict) and not tool.get("defer_loading"):
            yield tool
            break
    yield from _objects(system)[-1:]
    while len(_users(messages)) < _MARKED_USERS and messages.earlier:
        messages.reopen(-1)
    for message in _users(messages)[-_MARKED_USERS:]:
        yield from _objects(message["content"])[-1:]


def _users(messages: Conversation) -> list[Object]:
    return [message for message in messages.last if message.get("role") == "user"]


def _holders(tools: list[JSON], system: list[JSON], messages: list[Object]) -> Iterator[Object]:
    """All that may carry a breakpoint, in the order in which the cache reads it."""
    yield from _objects(tools)
    yield from _objects(system)
    for message in messages:
        for block in _objects(message.get("content")):
            yield block
            yield from _objects(block.get("content"))


def _objects(value: JSON) -> list[Object]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict) and item.get("type") not in THOUGHTS]
