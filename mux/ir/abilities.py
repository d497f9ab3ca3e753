"""Abilities: what a model at a provider can do, as data that encoders consult.

The catalogue fills them in; a codec asks them and never asks for a model's name. The defaults are
those of an unknown OpenAI-compatible host: everything is passed through (translation spec
section 21).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from mux.ir.request import Effort


class ReasoningMode(StrEnum):
    """Whether a model reasons."""

    NONE = "none"
    OPT_IN = "opt_in"
    DEFAULT = "default"
    """on unless switched off"""
    ALWAYS = "always"
    UNKNOWN = "unknown"
    """pass on what the client asked for"""


class ReasoningForm(StrEnum):
    """How a request for reasoning is spelled where one dialect has several spellings."""

    EFFORT = "effort"
    BUDGET = "budget"
    ADAPTIVE = "adaptive"
    BUDGET_AND_EFFORT = "budget_and_effort"
    LEVEL = "level"
    SWITCH = "switch"
    """a boolean only (Ollama)"""


class SamplingRule(StrEnum):
    """Whether temperature and its kin are accepted."""

    YES = "yes"
    WHEN_REASONING_OFF = "when_reasoning_off"
    NO = "no"


class Abilities(msgspec.Struct, frozen=True):
    """What one model accepts. ``None`` limits are unknown and therefore not enforced."""

    context: int | None = None
    max_output: int | None = None
    min_output: int | None = None
    default_output: int | None = None
    """Anthropic: the limit to send for a client that set none; None = `max_output`"""
    reasoning: ReasoningMode = ReasoningMode.UNKNOWN
    form: ReasoningForm | None = None
    efforts: tuple[Effort, ...] = ()
    """accepted efforts, lowest first; empty = all"""
    effort_off: bool = False
    """``none`` (OpenAI), ``disabled`` (Anthropic), budget 0 (Gemini) is accepted"""
    between_tools: bool = False
    """Anthropic: thinking cannot be off, but limited to updates between tool calls"""
    budget_range: tuple[int, int] | None = None
    sampling: SamplingRule = SamplingRule.YES
    temperature_xor_top_p: bool = False
    stop: bool = True
    stop_limit: int | None = None
    penalties: bool = True
    logit_bias: bool = True
    seed: bool = True
    logprobs: bool = True
    n: bool = True
    needs_responses: bool = False
    """OpenAI: only the Responses API serves the model in full (tools together with reasoning)"""
    tools: bool = True
    forced_tool_choice: bool = True
    forced_with_thinking: bool = True
    parallel_tools: bool = True
    custom_tools: bool = False
    """free-text tools are native (OpenAI's own hosts)"""
    builtin_with_functions: bool = True
    drop_server_tools: bool = False
    """a tool its provider runs, and this model has none like, is left out rather than refused"""
    prefill: bool = False
    mid_system: bool = True
    structured: bool = True
    structured_with_tools: bool = True
    tool_media: bool = True
    vision: bool = True
    image_url: bool = True
    pdf: bool = True
    audio: bool = False
    video: bool = False
    signature_required: bool = False
    echo_reasoning: str = ""
    """the field under which reasoning text must be sent back (``reasoning_content``), or empty"""
    thinking_field: str = ""
    """chat: what switches thinking on and off, ``thinking`` (an object with a type) or
    ``enable_thinking`` (a boolean); empty = ``reasoning_effort`` alone"""
    developer_role: bool = False
    max_tokens_field: str = "max_tokens"
    ask_usage: bool = True
    """send ``stream_options.include_usage`` to chat upstreams"""
    openai_extras: bool = False
    """chat: fields that only OpenAI's own hosts take (``verbosity``, ``prompt_cache_key``,
    ``service_tier``, ``user`` …) are sent for clients of other dialects too"""
    cache_breakpoints: bool = False
    """OpenAI 5.6 and later: ``prompt_cache_breakpoint`` on parts is accepted"""
    web_search: bool = False
    """chat: ``web_search_options`` is accepted (search models)"""
    json_schema_tools: bool = True
    """Gemini: ``parametersJsonSchema`` is accepted"""
    strict_tools: bool = True
    cache_control: bool = True
    auto_cache: bool = False
    """add Anthropic cache breakpoints where the client set none"""
    think_tags: bool = False
    """content may begin with ``<think>…</think>``, which is reasoning"""
