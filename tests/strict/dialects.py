"""The validators by the name of the dialect: what a strict upstream of each would refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.strict import anthropic, gemini, ollama, openai_chat, openai_responses

VALIDATORS: dict[str, Callable[[str, Any], list[str]]] = {
    "openai_chat": openai_chat.problems,
    "openai_responses": openai_responses.problems,
    "anthropic": anthropic.problems,
    "gemini": gemini.problems,
    "ollama": ollama.problems,
}
