"""What the catalogue says of models, row by row against the vendors' tables."""

from __future__ import annotations

import json

import pytest

from mux.ir import Effort, ReasoningForm, ReasoningMode, SamplingRule
from mux.models import Catalog, Price
from mux.models.catalog import _table
from tests.conftest import ROOT

CATALOG = Catalog()


def test_every_row_can_be_read_and_says_where_it_is_from():
    table = _table()
    assert len(table.models) > 60
    for row in table.models:
        assert row.type in table.defaults
        assert row.source
        assert row.date
        CATALOG.abilities(row.type, row.match)
        for name in row.listed:
            assert name.startswith(row.match)


@pytest.mark.parametrize(
    ("model", "reasoning", "efforts", "sampling"),
    [
        ("gpt-4o-2024-08-06", ReasoningMode.NONE, (), SamplingRule.YES),
        ("gpt-5-mini", ReasoningMode.ALWAYS, "minimal low medium high", SamplingRule.NO),
        ("gpt-5.1-2025-11-13", ReasoningMode.OPT_IN, "low medium high", "when_reasoning_off"),
        ("gpt-5.4", ReasoningMode.OPT_IN, "low medium high xhigh", "when_reasoning_off"),
        ("gpt-5.5-pro", ReasoningMode.ALWAYS, "medium high xhigh", SamplingRule.NO),
        ("gpt-5.6-sol", ReasoningMode.DEFAULT, "low medium high xhigh max", "when_reasoning_off"),
        ("gpt-6-luna", ReasoningMode.DEFAULT, "low medium high xhigh max", SamplingRule.NO),
        ("gpt-6.1-sol", ReasoningMode.ALWAYS, "low medium high xhigh max", SamplingRule.NO),
        ("o4-mini", ReasoningMode.ALWAYS, "low medium high", SamplingRule.NO),
    ],
)
def test_openai(model, reasoning, efforts, sampling):
    known = CATALOG.abilities("openai", model)
    assert known.reasoning is reasoning
    assert known.efforts == tuple(Effort(word) for word in efforts.split()) if efforts else True
    assert known.sampling == sampling
    assert known.max_tokens_field == "max_completion_tokens"


@pytest.mark.parametrize(
    "model", ["gpt-5.4", "gpt-5.5", "gpt-5.6-luna", "gpt-6-sol", "gpt-6.1-sol"]
)
def test_P187_models_that_need_the_responses_api(model):
    assert CATALOG.abilities("openai", model).needs_responses


@pytest.mark.parametrize(
    ("model", "form", "reasoning", "off", "sampling", "forced", "limit"),
    [
        ("claude-sonnet-4-20250514", "budget", "opt_in", True, "yes", True, 64000),
        ("claude-opus-4-1-20250805", "budget", "opt_in", True, "yes", True, 32000),
        ("claude-opus-4-5", "budget_and_effort", "opt_in", True, "yes", True, 64000),
        ("claude-sonnet-4-6", "adaptive", "opt_in", True, "yes", True, 128000),
        ("claude-opus-4-8", "adaptive", "opt_in", True, "no", True, 128000),
        ("claude-opus-5", "adaptive", "default", True, "no", True, 128000),
        ("claude-opus-5-5", "adaptive", "always", False, "no", False, 128000),
        ("claude-fable-5", "adaptive", "always", False, "no", True, 128000),
        ("claude-fable-5-2", "adaptive", "always", False, "no", False, 128000),
    ],
)
def test_anthropic(model, form, reasoning, off, sampling, forced, limit):
    known = CATALOG.abilities("anthropic", model)
    assert known.form == ReasoningForm(form)
    assert known.reasoning == reasoning
    assert known.effort_off is off
    assert known.sampling == sampling
    assert known.forced_tool_choice is forced
    assert known.max_output == limit


def test_P107_mid_conversation_system_messages():
    honouring = ("claude-opus-4-8", "claude-opus-5", "claude-sonnet-5-5", "claude-haiku-5-5")
    assert all(CATALOG.abilities("anthropic", model).mid_system for model in honouring)
    for model in ("claude-sonnet-5", "claude-opus-4-7", "claude-sonnet-4-5"):
        assert not CATALOG.abilities("anthropic", model).mid_system


@pytest.mark.parametrize(
    ("model", "form", "budget", "efforts"),
    [
        ("gemini-2.5-pro", "budget", (128, 32768), ""),
        ("gemini-2.5-flash-preview-09-2025", "budget", (0, 24576), ""),
        ("gemini-2.5-flash-lite", "budget", (512, 24576), ""),
        ("gemini-3-pro-preview", "level", None, "low high"),
        ("gemini-3.1-pro-preview", "level", None, "low medium high"),
        ("gemini-3-flash-preview", "level", None, "minimal low medium high"),
    ],
)
def test_gemini(model, form, budget, efforts):
    known = CATALOG.abilities("gemini", model)
    assert known.form == ReasoningForm(form)
    assert known.budget_range == budget
    assert known.efforts == tuple(Effort(word) for word in efforts.split())
    assert known.signature_required is model.startswith("gemini-3")


def test_P200_claude_before_4_7_takes_temperature_or_top_p():
    for model in ("claude-opus-4-1", "claude-sonnet-4-5", "claude-opus-4-6", "claude-sonnet-4-6"):
        assert CATALOG.abilities("anthropic", model).temperature_xor_top_p, model
    assert not CATALOG.abilities("anthropic", "claude-sonnet-4-20250514").temperature_xor_top_p


@pytest.mark.parametrize(
    ("model", "accepted"), [("gpt-5.4", True), ("gpt-5.6-luna", True), ("gpt-5", False)]
)
def test_penalties_are_sampling_and_go_with_it(model, accepted):
    known = CATALOG.abilities("openai", model)
    assert (known.penalties, known.logit_bias) == (accepted, accepted)
    assert not known.stop


def test_a_short_answer_stays_short_where_only_the_responses_api_has_a_minimum():
    assert CATALOG.abilities("openai", "gpt-4o").min_output is None


@pytest.mark.parametrize("model", ["gpt-4o-mini-search-preview", "gpt-4o-search-preview"])
def test_search_models(model):
    known = CATALOG.abilities("openai", model)
    assert known.web_search
    assert not known.tools
    assert known.sampling is SamplingRule.NO


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-3.1-flash-image-preview"])
def test_image_models_do_not_think(model):
    assert CATALOG.abilities("gemini", model).reasoning is ReasoningMode.NONE


@pytest.mark.parametrize(
    ("model", "reasoning", "form", "vision"),
    [
        ("gpt-oss:20b", ReasoningMode.ALWAYS, ReasoningForm.EFFORT, False),
        ("qwen3:8b", ReasoningMode.DEFAULT, ReasoningForm.SWITCH, False),
        ("qwen3.6:latest", ReasoningMode.DEFAULT, ReasoningForm.SWITCH, True),
        ("llama3.2", ReasoningMode.NONE, None, False),
        ("llama3.2-vision:11b", ReasoningMode.NONE, None, True),
        ("my-own-model:latest", ReasoningMode.UNKNOWN, None, True),
    ],
)
def test_P163_ollama_s_models_are_told_to_think_only_if_they_can(model, reasoning, form, vision):
    known = CATALOG.abilities("ollama", model)
    assert (known.reasoning, known.form, known.vision) == (reasoning, form, vision)


def test_names_may_carry_their_vendor():
    bare = CATALOG.abilities("anthropic", "claude-opus-5")
    assert CATALOG.abilities("anthropic", "anthropic/claude-opus-5") == bare


def test_a_compatible_host_is_asked_for_nothing_special():
    known = CATALOG.abilities("openai-compatible", "gpt-5.6-sol")
    assert known.max_tokens_field == "max_tokens"
    assert not known.developer_role
    assert known.reasoning is ReasoningMode.UNKNOWN


def test_listings_describe_what_is_known_and_guess_modestly():
    info = CATALOG.describe("anthropic", "claude-opus-5")
    assert (info.display_name, info.context) == ("Claude Opus 5", 1_000_000)
    assert info.capabilities == ("completion", "tools", "vision", "thinking")
    assert CATALOG.describe("openai-compatible", "openai/gpt-5").context == 272_000
    assert CATALOG.describe("ollama", "nobody:7b").display_name == "nobody:7b"


def test_what_is_listed():
    assert "claude-sonnet-4-20250514" in CATALOG.known("anthropic")
    assert "demo" in CATALOG.known("demo")
    assert CATALOG.known("openai-compatible") == []


@pytest.mark.parametrize(
    ("kind", "model", "price"),
    [
        ("anthropic", "claude-sonnet-4-20250514", Price(3, 15, 0.3, 3.75)),
        ("anthropic", "anthropic/claude-opus-4-5", Price(5, 25, 0.5, 6.25)),
        ("openai", "gpt-5-mini-2025-08-07", Price(0.25, 2, 0.025)),
        ("openai", "gpt-4o-2024-05-13", Price(5, 15)),
        ("openai", "gpt-4o-2024-11-20", Price(2.5, 10, 1.25)),
        ("gemini", "models/gemini-2.5-pro", Price(1.25, 10, 0.125)),
        ("gemini", "gemini-2.0-flash-001", Price(0.1, 0.4, 0.025)),
    ],
)
def test_the_price_of_a_model_and_of_its_editions(kind, model, price):
    found = CATALOG.price(kind, model)
    assert found is not None
    assert (found.input, found.output, found.cache_read, found.cache_write) == (
        price.input,
        price.output,
        price.cache_read,
        price.cache_write,
    )


@pytest.mark.parametrize("model", ["gpt-5-mini-turbo", "gpt-5-min", "nobody", ""])
def test_a_model_that_is_not_on_the_list_has_no_price(model):
    assert CATALOG.price("openai", model) is None
    assert CATALOG.price("openai-compatible", "gpt-5-mini") is None, "another host, another price"


def test_the_list_says_whose_it_is_and_has_each_model_once():
    table = json.loads((ROOT / "mux" / "models" / "prices.json").read_text(encoding="utf-8"))
    assert table["source"]
    assert table["date"] > "2026"
    names = [(row["type"], name) for row in table["prices"] for name in row["models"]]
    assert len(names) == len(set(names))
    for row in table["prices"]:
        assert 0 < row["input"] <= row["output"]
        assert 0 < row.get("cache-read", row["input"]) <= row["input"]


def test_models_nobody_knows_are_asked_for_what_all_of_their_family_take():
    for kind, model in (("openai", "gpt-9"), ("anthropic", "claude-9"), ("gemini", "gemini-9")):
        known = CATALOG.abilities(kind, model)
        assert known.sampling is SamplingRule.NO
        assert not known.effort_off
        assert known.reasoning in (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)
    assert CATALOG.abilities("openai", "gpt-9").needs_responses
    assert not CATALOG.abilities("anthropic", "claude-9").forced_tool_choice
    assert CATALOG.abilities("gemini", "gemini-9").signature_required


@pytest.mark.parametrize("model", ["deepseek-chat", "kimi-k2-thinking", "glm-4.7", "MiniMax-M2"])
def test_P205_hosts_that_need_their_reasoning_back(model):
    assert CATALOG.abilities("openai-compatible", model).echo_reasoning == "reasoning_content"


def test_P106_the_model_that_only_thinks_between_tools():
    assert CATALOG.abilities("anthropic", "claude-sonnet-5-5").between_tools
    assert not CATALOG.abilities("anthropic", "claude-opus-5-5").between_tools


def test_listings_of_a_model_served_elsewhere_describe_it_by_its_closest_name():
    assert CATALOG.describe("openai-compatible", "gpt-oss-120b").display_name == "gpt-oss"
