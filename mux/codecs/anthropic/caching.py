"""Breakpoints of the prompt cache in a finished body (translation spec section 13).

A client of this dialect sets its own. For any other they are limited to what the API takes, or,
where the model wants it and the client set none, put where agents' prompts stop changing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mux.codecs.anthropic._own import nested
from mux.codecs.anthropic.blocks_in import THOUGHTS
from mux.ir import JSON, Abilities, Loss, LossKind, Object

_KEY: Final = "cache_control"
_LIMIT: Final = 4
_LONG: Final = "1h"


def mark(body: Object, abilities: Abilities, losses: list[Loss], *, native: bool) -> None:
    """Add, limit or remove the breakpoints in `body`, in place.

    What a client of this dialect wrote is part of its request, too, and stays as it is there.
    """
    if not abilities.cache_control:
        body.pop(_KEY, None)
        body |= {key: _bare(body[key]) for key in ("tools", "system") if key in body}
        for message in _objects(body.get("messages")):
            message["content"] = _bare(message["content"])
    elif not native:
        marked = [holder for holder in _holders(body) if _KEY in holder]
        if marked:
            _limit(marked, losses)
        elif abilities.auto_cache:
            for holder in _stable_ends(body):
                holder[_KEY] = {"type": "ephemeral"}


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


def _stable_ends(body: Object) -> list[Object]:
    """The last tool, the last system text, and the ends of the last two user messages."""
    tools = [tool for tool in _objects(body.get("tools")) if not tool.get("defer_loading")]
    users = [message for message in _objects(body.get("messages")) if message.get("role") == "user"]
    runs = [tools, _objects(body.get("system"))]
    runs += [_objects(message.get("content")) for message in users[-2:]]
    return [run[-1] for run in runs if run]


def _holders(body: Object) -> Iterator[Object]:
    """All that may carry a breakpoint, in the order in which the cache reads it."""
    yield from _objects(body.get("tools"))
    yield from _objects(body.get("system"))
    for message in _objects(body.get("messages")):
        for block in _objects(message.get("content")):
            yield block
            yield from _objects(block.get("content"))


def _objects(value: JSON) -> list[Object]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict) and item.get("type") not in THOUGHTS]
