"""Whatever a client asks for, every listed model is asked only for what it accepts.

All models of the catalogue and one nobody knows yet, every client dialect, all efforts and budgets
(translation spec sections 9, 10 and 21; cases F32 and P192 to P200). Limits and budgets of a
client of the model's own dialect are its own affair.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import (
    Effort,
    Message,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Request,
    Role,
    Sampling,
    SamplingRule,
    Text,
)
from mux.models import Catalog

CATALOG = Catalog()
NEW = {"openai": "gpt-9", "anthropic": "claude-opus-9", "gemini": "gemini-9-pro"}
MODELS = [
    (kind, model) for kind, unknown in NEW.items() for model in (*CATALOG.known(kind), unknown)
]
CLIENTS = sorted(CODECS.keys() - {"openai_completions"})
ON, OFF = ReasoningState.ON, ReasoningState.OFF
ASKED = [
    Reasoning(),
    Reasoning(OFF),
    Reasoning(ON),
    *(Reasoning(ON, effort) for effort in Effort),
    *(Reasoning(ON, budget=budget) for budget in (-1, 1, 500, 5_000, 30_000, 1_000_000)),
]


def sent(kind: str, dialect: str, model: str, **fields: Any) -> dict[str, Any]:
    hello = (Message(Role.USER, (Text("hi"),)),)
    request = Request(model, messages=hello, **fields)
    abilities = CATALOG.abilities(kind, model)
    return json.loads(CODECS[dialect].client.encode_request(request, abilities).body)


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_F32_P104_P105_P192_P193_P194_P198_reasoning_in_the_words_of_the_model(kind, model):
    for client in CLIENTS:
        for asked in ASKED:
            for limit in (None, 100, 3_000, 1_000_000):
                fields = {"origin": client, "reasoning": asked, "max_output": limit}
                check = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}[kind]
                check(model, asked, fields)


def _openai(model: str, asked: Reasoning, fields: dict[str, Any]) -> None:
    known = CATALOG.abilities("openai", model)
    accepted = {str(effort) for effort in known.efforts} | ({"none"} if known.effort_off else set())
    chat = sent("openai", "openai_chat", model, **fields)
    effort = chat.get("reasoning_effort")
    assert effort is None or effort in accepted - {"max"}
    assert "max_tokens" not in chat
    if fields["max_output"] is not None:
        assert chat["max_completion_tokens"] <= (known.max_output or 0)
    responses = sent("openai", "openai_responses", model, **fields)
    effort = responses.get("reasoning", {}).get("effort")
    assert effort is None or effort in accepted
    if fields["origin"] != "openai_responses":
        assert 16 <= responses.get("max_output_tokens", 16) <= (known.max_output or 0)
    if known.reasoning is ReasoningMode.NONE:
        assert "reasoning" not in responses
    if asked.state is OFF and known.reasoning is ReasoningMode.DEFAULT:
        assert effort is not None, "it would think"


def _anthropic(model: str, asked: Reasoning, fields: dict[str, Any]) -> None:
    known = CATALOG.abilities("anthropic", model)
    body = sent("anthropic", "anthropic", model, **fields)
    thinking, limit = body.get("thinking", {}), body["max_tokens"]
    assert limit <= (known.max_output or 0)
    if fields["max_output"] is not None:
        assert limit <= fields["max_output"]
    words = {None, "disabled"} if known.effort_off else {None}
    if known.between_tools:
        words |= {"between_tools"}
    if known.form is ReasoningForm.ADAPTIVE:
        words |= {"adaptive"}
    if known.budget_range is not None:
        words |= {"enabled"}
    assert thinking.get("type") in words
    if "budget_tokens" in thinking and fields["origin"] != "anthropic":
        assert 1024 <= thinking["budget_tokens"] < limit
    effort = body.get("output_config", {}).get("effort")
    assert effort is None or effort in known.efforts
    if thinking.get("type") in ("disabled", "between_tools"):
        assert effort not in ("xhigh", "max")
    if asked.state is OFF and known.reasoning is ReasoningMode.DEFAULT:
        assert thinking, "it would think"


def _gemini(model: str, asked: Reasoning, fields: dict[str, Any]) -> None:
    known = CATALOG.abilities("gemini", model)
    config = sent("gemini", "gemini", model, **fields).get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    if known.form is ReasoningForm.LEVEL:
        assert "thinkingBudget" not in thinking
        levels = {effort.upper() for effort in known.efforts}
        assert thinking.get("thinkingLevel") in {None, *levels}
    elif fields["origin"] != "gemini":
        assert "thinkingLevel" not in thinking
        lowest, highest = known.budget_range or (0, 0)
        budget = thinking.get("thinkingBudget")
        off = {0} if known.effort_off else set[int]()
        assert budget in {None, -1, *off} or lowest <= budget <= highest
    if fields["origin"] != "gemini":
        assert config.get("maxOutputTokens", 0) <= (known.max_output or 0)


EVERYTHING = Sampling(1.5, 0.5, 5, 0.1, 2**40, 1.9, 1.9, 1.1, {"1": 1})


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_P81_P199_P200_P209_P210_P211_sampling_as_the_model_takes_it(kind, model):
    known = CATALOG.abilities(kind, model)
    dialects = {"openai": ["openai_chat", "openai_responses"]}.get(kind, [kind])
    for dialect in dialects:
        for client in sorted({*CLIENTS} - {dialect}):
            for reasoning in (Reasoning(), Reasoning(ON), Reasoning(OFF)):
                body = sent(
                    kind, dialect, model, origin=client, reasoning=reasoning, sampling=EVERYTHING
                )
                body |= body.pop("generationConfig", {})
                found = {"temperature", "top_p", "topP", "top_k", "topK"} & body.keys()
                assert not found or known.sampling is not SamplingRule.NO
                assert "logit_bias" not in body, "its numbers are another tokenizer's"
                if not known.penalties:
                    assert not {"presence_penalty", "presencePenalty"} & body.keys()
                assert body.get("seed", 0) < 2**31 or dialect != "gemini"
                if kind == "anthropic":
                    assert body.get("temperature", 0) <= 1
                    both = "temperature" in body and "top_p" in body
                    assert not (both and known.temperature_xor_top_p)
                assert set(sent(kind, dialect, model, origin=client)) <= {
                    "model",
                    "messages",
                    "input",
                    "contents",
                    "max_tokens",
                    "store",
                    "include",
                    "generationConfig",
                }, "nothing is filled in"
