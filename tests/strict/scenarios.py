"""Scripted conversations of programs with strict upstreams, through a real llm-mux."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.contract.processes import llm_mux
from tests.strict.answers import Turn
from tests.strict.captured import Upstream
from tests.strict.programs import PROGRAMS, Result
from tests.strict.upstream import Script, strict_upstream

_TYPES = {"openai_chat": "openai", "openai_responses": "openai"}

UPSTREAMS = (
    Upstream("openai_chat", "openai-compatible", "deepseek-chat"),
    Upstream("openai_chat", "openai", "gpt-5.2"),
    Upstream("openai_responses", "openai", "gpt-5.4"),
    Upstream("anthropic", "anthropic", "claude-sonnet-4-5"),
    Upstream("anthropic", "anthropic", "claude-opus-4-8"),
    Upstream("gemini", "gemini", "gemini-2.5-pro"),
    Upstream("gemini", "gemini", "gemini-3-pro"),
    Upstream("ollama", "ollama", "qwen3-vl"),
)


@dataclass(frozen=True)
class Step:
    """What a program does, and what the upstream answers: a question, or results of tools."""

    answer: Turn
    question: str = ""
    results: tuple[Result, ...] = ()


def _provider(upstream: Upstream, url: str) -> dict[str, Any]:
    openai = upstream.dialect in _TYPES
    provider = {
        "type": _TYPES.get(upstream.dialect, upstream.dialect),
        "name": upstream.model.replace(".", "-"),
        "base-url": f"{url}/v1" if openai else url,
        "models": [{"name": upstream.model, "alias": via(upstream)}],
    }
    if openai:
        # The address is not OpenAI's, so that its models must be told from the compatible ones.
        known = msgspec.to_builtins(upstream.abilities)
        provider["dialect"] = [upstream.dialect]
        provider["abilities"] = {
            name.replace("_", "-"): value for name, value in known.items() if value is not None
        }
    return provider


def via(upstream: Upstream) -> str:
    """The name under which a client asks for the model."""
    return f"via-{upstream.model}"


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The address of a real server whose upstreams are strict and play `script`."""
    with strict_upstream(script) as url:
        config = json.dumps({"providers": [_provider(upstream, url) for upstream in UPSTREAMS]})
        with llm_mux("serve", config=config) as served:
            yield served


@contextmanager
def running(script: Script) -> Iterator[dict[str, Any]]:
    """A program of each kind, calling such a server."""
    with serving(script) as url, ExitStack() as stack:
        yield {name: stack.enter_context(closing(make(url))) for name, make in PROGRAMS.items()}


def converse(program: Any, steps: list[Step], models: list[str], *, stream: bool) -> list[Any]:
    """The replies `program` gets to `steps`, the model of each step in `models`."""
    turns, extra = program.begin()
    replies: list[Any] = []
    for step, model in zip(steps, models, strict=True):
        program.model = model
        if replies:
            turns = [*turns, *program.assistant(replies[-1])]
        if step.results:
            turns = [*turns, *program.results(replies[-1], list(step.results))]
        if step.question:
            turns = [*turns, *program.user(step.question)]
        replies.append(program.ask(model, turns, stream=stream, **extra))
    return replies


def expected(steps: list[Step]) -> list[tuple[Any, ...]]:
    """What the upstream must have been told by the last of `steps`, in the words of `told`."""
    said: list[tuple[Any, ...]] = []
    before = Turn()
    for step in steps:
        for (name, _), result in zip(before.calls, step.results, strict=False):
            said.append(("result", name, result.text, result.error))
        if step.question:
            said.append(("user", step.question))
        if step is not steps[-1]:
            said += [("assistant", step.answer.text)] if step.answer.text else []
            said += [("call", name, arguments) for name, arguments in step.answer.calls]
        before = step.answer
    return said
