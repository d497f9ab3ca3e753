"""Which repair a refusal calls for, what it changes, and how long it is remembered."""

from __future__ import annotations

import pytest

from mux.errors import InvalidRequest, RateLimited
from mux.gateway import repairs
from mux.gateway.repairs import REMEMBERED_S, Lessons
from mux.ir import (
    Abilities,
    Message,
    Reasoning,
    Request,
    Role,
    Sampling,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Visibility,
)

REFUSALS = [
    (
        "Unsupported parameter: 'temperature' is not supported with this model.",
        ["temperature"],
    ),
    (
        "`temperature` and `top_p` cannot both be specified for this model. Use only one.",
        ["temperature", "top_p"],
    ),
    ("top_k: Extra inputs are not permitted", ["top_k"]),
    ("output_config.effort: Extra inputs are not permitted", ["reasoning"]),
    (
        'Invalid JSON payload received. Unknown name "thinkingLevel" at '
        "'generation_config.thinking_config': Cannot find field.",
        ["reasoning"],
    ),
    ("Penalty is not enabled for this model", ["penalties"]),
    ("Unrecognized request argument supplied: parallel_tool_calls", ["parallel_tool_calls"]),
    ("property 'reasoning_effort' is unsupported", ["reasoning"]),
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        ["max_tokens", "max_completion_tokens"],
    ),
    ("max_tokens is too large: 200000. This model supports at most 16384 tokens", []),
    ("stop: Input should be a valid list", []),
    ("tools.0.name: String should match pattern", []),
    (
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        ["reasoning_history"],
    ),
    ("Corrupted thought signature.", ["reasoning_history"]),
    ("thinking blocks are bound to a different conversation", ["reasoning_history"]),
]


@pytest.mark.parametrize(("message", "names"), REFUSALS)
def test_a_refusal_names_its_repairs(message: str, names: list[str]):
    assert [repair.name for repair in repairs.find(InvalidRequest(message))] == names


def test_the_field_an_error_names_comes_first():
    error = InvalidRequest(
        "Your organization must be verified to generate reasoning summaries.",
        param="reasoning.summary",
        code="unsupported_value",
    )
    assert next(iter(repairs.find(error))).name == "reasoning_summary"


def test_only_refused_requests_are_repaired():
    assert not list(repairs.find(RateLimited("temperature is not supported right now")))


def test_what_a_repair_takes_away_is_a_loss():
    request = Request("m", sampling=Sampling(temperature=0.5, top_p=0.9))
    (repair,) = repairs.find(InvalidRequest("`temperature` is not supported"))
    changed, _, losses = repairs.apply([repair], request, Abilities())
    assert changed.sampling == Sampling(top_p=0.9)
    assert [loss.code for loss in losses] == ["drop:temperature"]
    assert repairs.apply([repair], changed, Abilities())[2] == []


def test_what_an_encoder_can_tell_of_is_an_ability():
    (repair,) = repairs.find(InvalidRequest("'stop' is not supported with this model"))
    request, abilities, losses = repairs.apply([repair], Request("m", stop=("x",)), Abilities())
    assert (request.stop, abilities.stop, losses) == (("x",), False, [])


def test_P203_a_refused_summary_leaves_the_effort():
    error = InvalidRequest("must be verified", param="reasoning.summary")
    reasoning = Reasoning(visible=Visibility.SUMMARY, budget=7)
    request, _, _ = repairs.apply(
        repairs.find(error), Request("m", reasoning=reasoning), Abilities()
    )
    assert request.reasoning == Reasoning(visible=Visibility.HIDDEN, budget=7)


def test_P67_P97_reasoning_that_is_not_accepted_leaves_text_and_calls():
    signature = Signature("openai_responses", "x", "enc")
    turn = Message(
        Role.ASSISTANT,
        (
            Thinking(("hm",), signature=signature),
            Text("I look", signature=signature),
            ToolCall("c", "f", "{}", signature=signature),
        ),
    )
    error = InvalidRequest("could not be verified", code="invalid_encrypted_content")
    request, _, losses = repairs.apply(repairs.find(error), Request("m", (turn,)), Abilities())
    assert request.messages[0].parts == (Text("I look"), ToolCall("c", "f", "{}"))
    assert [loss.code for loss in losses] == ["drop:reasoning_history"]


def test_lessons_are_about_one_model_and_end():
    now = 1000.0
    lessons = Lessons(lambda: now)
    found = [*repairs.find(InvalidRequest("'seed' is not supported"))]
    found += repairs.find(InvalidRequest("Corrupted thought signature"))
    lessons.learn("p", "m", found)
    assert [repair.name for repair in lessons.of("p", "m")] == ["seed"]
    assert lessons.of("p", "other") == ()
    assert lessons.of("q", "m") == ()
    now += REMEMBERED_S
    assert lessons.of("p", "m") == ()
