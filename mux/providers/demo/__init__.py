"""The demo: a scripted model that needs no key and no network, and answers in any dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mux.providers.demo.script import Cut, Refuse, Say, Step, count, play

__all__ = ["DIALECTS", "Cut", "Refuse", "Say", "Step", "count", "play"]

DIALECTS: Final[Mapping[str, str]] = {
    "demo": "openai_chat",
    "demo-chat": "openai_chat",
    "demo-responses": "openai_responses",
    "demo-anthropic": "anthropic",
    "demo-gemini": "gemini",
    "demo-ollama": "ollama",
    "demo-completions": "openai_completions",
}
"""The models, and the dialect in which each is asked and answers."""
