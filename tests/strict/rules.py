"""Rules that several APIs share, told in one way."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAGIC = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "application/pdf": b"%PDF",
}


def names(found: list[str], path: str, legal: re.Pattern[str]) -> list[str]:
    """Tool names: the charset, and that no name is there twice."""
    problems = [
        f"{path}: {name!r} does not match {legal.pattern}"
        for name in found
        if not legal.fullmatch(str(name))
    ]
    twice = [name for name, count in Counter(found).items() if count > 1]
    return problems + [f"{path}: tool names must be unique: {name!r}" for name in twice]


def within(value: Any, low: float, high: float, path: str) -> list[str]:
    """A number and its range; None is no number."""
    if isinstance(value, int | float) and not low <= value <= high:
        return [f"{path}: {value} is not between {low} and {high}"]
    return []


def media_type(data: Any, declared: Any, path: str) -> list[str]:
    """Base64 media whose first bytes are those of another type than was declared."""
    try:
        start = base64.b64decode(str(data)[:24], validate=True)
    except ValueError:
        return [f"{path}: invalid base64 data"]
    actual = next((mime for mime, magic in _MAGIC.items() if start.startswith(magic)), None)
    if actual is not None and declared in _MAGIC and declared != actual:
        return [f"{path}: declared {declared}, but it is {actual}"]
    return []


def data_url(url: Any, path: str) -> list[str]:
    """An image address as OpenAI takes it: https, or a data URL of the right type."""
    head, comma, data = str(url).partition(",")
    if not str(url).startswith("data:"):
        return [] if str(url).startswith(("https://", "http://")) else [f"{path}: no URL"]
    if not comma or not head.endswith(";base64"):
        return [f"{path}: expected a base64 data URL"]
    return media_type(data, head[len("data:") : -len(";base64")], path)


def unanswered(
    calls: Iterable[str], results: Iterable[str], path: str, said: Callable[[str], str]
) -> Iterator[str]:
    """Calls and the results that stand where theirs must: one for each, and none besides."""
    wanted, given = Counter(calls), Counter(results)
    for call_id in wanted:
        if given[call_id] == 0:
            yield f"{path}: {said(call_id)}"
        if given[call_id] > 1:
            yield f"{path}: {call_id!r} is answered {given[call_id]} times"
    for call_id in given:
        if call_id not in wanted:
            yield f"{path}: a result for {call_id!r}, which was not called in the turn before"


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
