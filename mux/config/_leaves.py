"""Text to values of the types settings are made of."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, get_args, get_origin

import msgspec

from mux.config.secret import Secret
from mux.config.values import HostName, HttpUrl, Seconds, Size, WebOrigin

_FLAGS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_LONGEST_WORD: Final = 20
"""What is quoted of a word that is none: over this it may be a key in the wrong place."""


def read(kind: object, text: str) -> object:
    """`text` as a value of `kind`. Raises `ValueError` that says what was expected.

    Only short words in the place of a closed set are quoted: anything else might be a secret.
    """
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if base is str:
        return text
    if base is bool:
        return _flag(text)
    if base is int or base is float:
        return _number(kind, text)
    if base is Path:
        return Path(text).expanduser()
    if isinstance(base, type) and issubclass(base, StrEnum):
        return _word(base, text)
    if isinstance(base, type) and issubclass(
        base, Secret | Size | Seconds | HttpUrl | HostName | WebOrigin
    ):
        return base.parse(text)
    raise TypeError(f"settings of type {kind} cannot be read")


def _flag(text: str) -> bool:
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise ValueError("expected true or false")
    return flag


def _number(kind: object, text: str) -> object:
    """A number within the bounds that `kind` is annotated with."""
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        bound = str(error).partition("` ")[2]
        raise ValueError(f"must be {bound}" if bound else "expected a number") from None


def _word(kind: type[StrEnum], text: str) -> StrEnum:
    """A word out of a closed set; hyphens and underscores are the same."""
    for known in kind:
        if text.lower().replace("-", "_") == known.value.replace("-", "_"):
            return known
    near = get_close_matches(text, list(kind), 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    shown = repr(text) if len(text) <= _LONGEST_WORD else "that"
    raise ValueError(f"{shown} is none of {', '.join(kind)}{hint}")
