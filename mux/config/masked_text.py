"""Secrets in the text of a configuration, masked for the eye and put back.

Whoever sends back what was shown to him means it unchanged: a mask is then replaced by what it
stood for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mux.config import _tree
from mux.config.secret import Secret
from mux.config.values import ProxyUrl
from mux.ir import JSON

MARK: Final = "…"
"""What every mask has and no key does."""

_KEYS: Final = frozenset({"api-key", "api-keys", "key"})
_ADDRESSES: Final = frozenset({"proxy-url", "dsn"})
"""Secret where they hold a password."""

_REFERENCE: Final = re.compile(r"\$\{\w+\}")
_LOOSE: Final = re.compile(r"\b(?:sk|pk|rk|xai|gsk|ghp|AIza|eyJ)[-_]?[A-Za-z0-9_.-]{12,}")
"""What looks like a key wherever it stands: in a comment, or under a misspelt name."""


class Pair(NamedTuple):
    """A mask, and what it stands for."""

    mask: str
    text: str


Pairs: TypeAlias = Sequence[Pair]
"""In the order in which they stand in the text."""


def mask(text: str) -> tuple[str, Pairs]:
    """`text` with all secrets masked, and what the masks stand for. Raises `NotYaml`."""
    root = _tree.parse(text)
    spans = {} if root is None else dict(_secrets(root, ()))
    found = sorted({**{m.start(): m.end() for m in _LOOSE.finditer(text)}, **spans}.items())
    pairs: list[Pair] = []
    out: list[str] = []
    done = 0
    for start, end in found:
        if start < done:
            continue
        secret = text[start:end]
        quote = secret[:1] if secret[:1] in ("'", '"') else ""
        shown = f"{quote}{Secret(secret.strip(quote) if quote else secret)}{quote}"
        pairs.append(Pair(shown, secret))
        out += [text[done:start], shown]
        done = end
    return "".join([*out, text[done:]]), pairs


def restore(text: str, pairs: Pairs) -> str:
    """`text` with what its masks stand for.

    A mask that stands for several secrets is told by the order; if that has changed it stays, and
    what cannot be a key is found when the text is validated.
    """
    for shown in dict.fromkeys(pair.mask for pair in pairs):
        secrets = [pair.text for pair in pairs if pair.mask == shown]
        pieces = re.split(_alone(shown), text)
        if len(set(secrets)) == 1:
            secrets = secrets[:1] * (len(pieces) - 1)
        if len(pieces) - 1 == len(secrets):
            text = "".join(
                piece + secret for piece, secret in zip(pieces, [*secrets, ""], strict=True)
            )
    return text


def _alone(shown: str) -> str:
    """A pattern for a mask that is no part of a longer one."""
    return rf"(?<![\w-]){re.escape(shown)}(?![\w-])"


def _secrets(node: Node, path: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the secrets below `node` begin and end."""
    if isinstance(node, MappingNode):
        for key, member in node.value:
            yield from _secrets(member, (*path, str(key.value)))
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _secrets(item, path)
    elif isinstance(node, ScalarNode) and _is_secret(path, node.value):
        yield node.start_mark.index, node.end_mark.index


def _is_secret(path: tuple[str, ...], value: str) -> bool:
    if not path or not value or _REFERENCE.fullmatch(value) or path[-2:] == ("tls", "key"):
        return False
    if path[-1] in _ADDRESSES:
        return "@" in value
    return path[-1] in _KEYS or "headers" in path[-2:-1]


class Masks:
    """What the masked values in a JSON tree stand for. `tree` is what the file holds."""

    def __init__(self, tree: JSON, environ: Mapping[str, str]) -> None:
        self._sources: dict[str, set[str]] = {}
        self._environ = environ
        for text in _texts(tree):
            for shown in self._shown(text):
                self._sources.setdefault(shown, set()).add(text)
        for name, value in environ.items():
            if name.endswith("_API_KEY"):
                self._sources.setdefault(str(Secret(value)), set()).add(f"${{{name}}}")

    def restored(self, new: JSON, old: JSON) -> JSON:
        """`new` with what its masks stand for; `old` is what was in its place."""
        if isinstance(new, dict):
            was = old if isinstance(old, dict) else {}
            return {key: self.restored(value, was.get(key)) for key, value in new.items()}
        if isinstance(new, list):
            before = old if isinstance(old, list) else []
            before = before + [None] * (len(new) - len(before))
            return [self.restored(item, was) for item, was in zip(new, before, strict=False)]
        if not isinstance(new, str):
            return new
        if isinstance(old, str) and new in self._shown(old):
            return old
        sources = self._sources.get(new, set())
        return next(iter(sources)) if len(sources) == 1 else new

    def _shown(self, text: str) -> tuple[str, ...]:
        """The forms in which `text` may have been shown."""
        value = _REFERENCE.sub(lambda found: self._environ.get(found[0][2:-1], ""), text)
        if "://" not in text:
            return (str(Secret(value)),) if value else ()
        return (str(Secret(value)), str(ProxyUrl(value))) if "@" in value else ()


def _texts(tree: JSON) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _texts(item)
    elif isinstance(tree, str):
        yield tree
