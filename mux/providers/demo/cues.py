"""The cues: plain words by which a user tells the scripted model what to do.

Whoever writes more than `COMMAND_CHARS` is not giving commands, and a cue after "not", "don't",
"never" or "without" is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mux.ir import Object
from mux.wire import json

COMMAND_CHARS: Final = 500
DEFAULT_RATE: Final = 20.0
"""Words per second where a pace is set without a figure."""
_MOST_WORDS: Final = 100_000
_NO: Final = r"(?<!not )(?<!n't )(?<!never )(?<!without )"


def _cue(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b{_NO}{words}\b", re.IGNORECASE)


_RATE: Final = r"(?: at (\d+(?:\.\d+)?)(?: (?:words|tokens))?(?: per second| a second|/s))?"
_THINK: Final = _cue(r"(?:think|reason)")
_REFUSE: Final = _cue("refuse")
_SHORT: Final = _cue("stop short")
_CITE: Final = _cue("cite")
_MIDWAY: Final = _cue("fail midway")
_CUT: Final = _cue("cut the (?:stream|connection)")
_STATUS: Final = _cue(r"fail with (\d{3})")
_COUNT: Final = _cue(rf"count to (\d+){_RATE}")
_STREAM: Final = _cue(rf"stream (\d+) (?:words|tokens){_RATE}")
_ANY_TOOL: Final = _cue("(?:use|call) a tool")
_ALL_TOOLS: Final = _cue("(?:use|call) all (?:the )?tools")


@dataclass(frozen=True, slots=True)
class Cues:
    """What the user asked for. `rate` is in words per second, 0 = as fast as can be."""

    think: bool = False
    refuse: bool = False
    short: bool = False
    cite: bool = False
    midway: bool = False
    cut: bool = False
    status: int = 0
    words: tuple[str, ...] = ()
    rate: float = 0.0
    any_tool: bool = False
    all_tools: bool = False
    tools: tuple[str, ...] = ()
    arguments: Object | None = None


def read(text: str, tools: Sequence[str]) -> Cues:
    """The cues in `text`, where `tools` are the names of those that can be called."""
    if len(text) > COMMAND_CHARS:
        return Cues()
    status = _STATUS.search(text)
    words, rate = _counted(text)
    names, arguments = _named(text, tools)
    return Cues(
        think=_THINK.search(text) is not None,
        refuse=_REFUSE.search(text) is not None,
        short=_SHORT.search(text) is not None,
        cite=_CITE.search(text) is not None,
        midway=_MIDWAY.search(text) is not None,
        cut=_CUT.search(text) is not None,
        status=int(status[1]) if status is not None else 0,
        words=words,
        rate=rate,
        any_tool=_ANY_TOOL.search(text) is not None,
        all_tools=_ALL_TOOLS.search(text) is not None,
        tools=names,
        arguments=arguments,
    )


def _counted(text: str) -> tuple[tuple[str, ...], float]:
    """The words of a long answer and its pace."""
    if (match := _COUNT.search(text)) is not None:
        form = "{}"
    elif (match := _STREAM.search(text)) is not None:
        form = "word{}"
    else:
        return (), 0.0
    number = min(int(match[1][:9]), _MOST_WORDS)
    rate = float(match[2]) if match[2] else DEFAULT_RATE
    return tuple(form.format(each) for each in range(1, number + 1)), rate


def _named(text: str, tools: Sequence[str]) -> tuple[tuple[str, ...], Object | None]:
    """The tools that are called by name, and the arguments that follow ``with``."""
    if not tools:
        return (), None
    ranked = sorted(tools, key=len, reverse=True)
    name = rf"[`'\"]?(?:{'|'.join(map(re.escape, ranked))})(?![\w-])[`'\"]?"
    names = rf"({name}(?:(?:, and |, | and ){name})*)"
    call = re.compile(
        rf"\b{_NO}(?:call (?:the )?(?:tools? )?{names}|use the {names} tools?\b)", re.IGNORECASE
    )
    found: list[str] = []
    arguments: Object | None = None
    for match in call.finditer(text):
        said = re.findall(name, match[1] or match[2], re.IGNORECASE)
        found += [_spelled(each.strip("`'\""), tools) for each in said]
        if arguments is None:
            arguments = _arguments(text[match.end() :])
    return tuple(dict.fromkeys(found)), arguments


def _spelled(name: str, tools: Sequence[str]) -> str:
    """The tool of that name, in its own spelling."""
    if name in tools:
        return name
    return next((tool for tool in tools if tool.lower() == name.lower()), name)


def _arguments(after: str) -> Object | None:
    """The JSON object in `` with {…}`` at the start of `after`, up to its last brace."""
    if not after.startswith(" with {"):
        return None
    return json.load_object(after[len(" with ") : after.rindex("}") + 1] if "}" in after else "")
