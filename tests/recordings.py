"""The recorded provider traffic, one exchange at a time, in our words for dialects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.conftest import SHARED

CORPUS = SHARED / "corpus"
DIALECTS = {
    "openai-chat": "openai_chat",
    "openai-completions": "openai_completions",
    "openai-responses": "openai_responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
}
"""The corpus's name of a dialect to ours."""

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the recorded traffic (../shared/corpus) is not here"
)


@cache
def _load(name: str) -> tuple[dict[str, Any], ...]:
    path = CORPUS / f"{name}.jsonl"
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="\n") as lines:
        return tuple(json.loads(line) for line in lines)


def exchanges(dialect: str, *, kind: str = "generate") -> Iterator[dict[str, Any]]:
    """The exchanges of one dialect (our name for it), in a stable order."""
    name = next(theirs for theirs, ours in DIALECTS.items() if ours == dialect)
    for exchange in _load(name):
        if exchange["kind"] == kind:
            yield exchange


def variant(exchange: dict[str, Any]) -> str:
    """The variant of the endpoint an exchange was recorded at."""
    if exchange["dialect"] == "ollama":
        return "generate" if exchange["path"].endswith("/generate") else "chat"
    return "array" if exchange["framing"] == "json-array" else ""


def model(exchange: dict[str, Any]) -> str | None:
    """The model in the path, for the dialect that has it there."""
    if exchange["dialect"] != "gemini":
        return None
    tail = exchange["path"].rpartition("/models/")[2]
    return tail.rpartition(":")[0] or tail


def answer(exchange: dict[str, Any]) -> bytes:
    """The answer's bytes as they came over the wire."""
    if exchange["stream"]:
        return exchange["body"].encode()
    return json.dumps(exchange["response"], ensure_ascii=False).encode()
