"""Requests that cannot be carried whole, each with what its translation has to warn of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mux.ir import Effort, ReasoningForm, ReasoningMode, SamplingRule


@dataclass(frozen=True)
class Lossy:
    """A request and all codes of its ``x-mux-warnings``, at a provider whose model has `abilities`.

    `upstream` is what `fake.gateway` calls a provider.
    """

    codes: str
    client: str
    upstream: str
    body: dict[str, Any]
    abilities: dict[str, object] = field(default_factory=dict)
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.client}-{self.upstream}-{self.codes.replace(' ', ',')}"


PNG = "iVBORw0KGgo="
WAV = "UklGRiQAAABXQVZF"
PLAIN = {"type": "object", "properties": {"a": {"type": "string"}}}
UNION = {
    "anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
    ]
}
DICTIONARY = {"type": "object", "additionalProperties": {"type": "string"}}
BOUNDED = {
    "type": "object",
    "properties": {"a": {"type": "string", "minLength": 2}},
    "required": ["a"],
    "additionalProperties": False,
}
GUARDED = {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 2}}}
DATA_URL = f"data:image/png;base64,{PNG}"
CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
NO_THOUGHT = {"reasoning": ReasoningMode.NONE}
ALWAYS = {"reasoning": ReasoningMode.ALWAYS}
NO_DRAWING = {"sampling": SamplingRule.NO}


def function(name: str = "f", schema: Any = PLAIN, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": schema, **more}}


def flat(name: str = "f", schema: Any = PLAIN, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": schema, "strict": False, **more}


def own(name: str = "f", schema: Any = PLAIN, **more: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": schema, **more}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [*messages] or [HI], **fields}


def messages(*given: Any, **fields: Any) -> dict[str, Any]:
    return {"max_tokens": 100, **chat(*given, **fields)}


def items(*given: Any, **fields: Any) -> dict[str, Any]:
    return {"input": [*given, HI], **fields}


def contents(*given: Any, **fields: Any) -> dict[str, Any]:
    return {"contents": [*given, {"role": "user", "parts": [{"text": "hi"}]}], **fields}


def generated(mime: str, data: str) -> dict[str, Any]:
    """A conversation in which a model of Gemini's has made something."""
    made = {"role": "model", "parts": [{"inlineData": {"mimeType": mime, "data": data}}]}
    return contents({"role": "user", "parts": [{"text": "go"}]}, made)


def schema_format(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **more}}


HI = {"role": "user", "content": "hi"}
THOUGHT = assistant("hello", reasoning_content="hmm")
IMAGE_BLOCK = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
}
IMAGE_RESULT = (
    HI,
    assistant([{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]),
    user({"type": "tool_result", "tool_use_id": "toolu_1", "content": [IMAGE_BLOCK]}),
)
SEARCHED = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "q"},
}
SEARCHED_BY_CLAUDE = (
    HI,
    assistant(
        [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            {"type": "text", "text": "found"},
        ]
    ),
    {"role": "user", "content": "more"},
)
WEB = {"type": "web_search_20250305", "name": "web_search"}
LIMITED_WEB = {
    **WEB,
    "max_uses": 3,
    "user_location": {"type": "approximate", "country": "FR"},
}
BLOCKING_WEB = {**WEB, "blocked_domains": ["a.example"]}
RARE_SAMPLING = {
    "min_p": 0.1,
    "repetition_penalty": 1.1,
    "logit_bias": {"1": 2},
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
}
PENALTIES = "drop:presence_penalty drop:frequency_penalty"
WARMTH = {"temperature": 0.5, "top_p": 0.5, "top_k": 5}
DROPPED_WARMTH = "drop:temperature drop:top_p drop:top_k"
CACHED = {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}

TO_ANTHROPIC = (
    Lossy(
        f"drop:min_p drop:repeat_penalty drop:logit_bias drop:seed {PENALTIES}",
        "openai_chat",
        "anthropic",
        chat(**RARE_SAMPLING),
    ),
    Lossy(DROPPED_WARMTH, "openai_chat", "anthropic", chat(**WARMTH), NO_DRAWING),
    Lossy("degrade:temperature", "openai_chat", "anthropic", chat(temperature=1.5)),
    Lossy(
        "drop:top_p",
        "openai_chat",
        "anthropic",
        chat(temperature=0.5, top_p=0.5),
        {"temperature_xor_top_p": True},
    ),
    Lossy(
        "degrade:max_output",
        "openai_chat",
        "anthropic",
        chat(max_tokens=500),
        {"max_output": 100},
    ),
    Lossy("degrade:stop", "openai_chat", "anthropic", chat(stop=[" "])),
    Lossy(
        "drop:logprobs drop:verbosity drop:metadata drop:service_tier",
        "openai_chat",
        "anthropic",
        chat(logprobs=True, verbosity="low", metadata={"a": "b"}, service_tier="fast"),
    ),
    Lossy("degrade:first_turn", "openai_chat", "anthropic", chat(assistant("hello"), HI)),
    Lossy("degrade:assistant_tail", "openai_chat", "anthropic", chat(HI, assistant("hello"))),
    Lossy("drop:reasoning", "openai_chat", "anthropic", chat(HI, THOUGHT, HI)),
    Lossy("drop:thinking", "openai_chat", "anthropic", chat(reasoning_effort="high"), NO_THOUGHT),
    Lossy("degrade:thinking", "openai_chat", "anthropic", chat(reasoning_effort="none"), ALWAYS),
    Lossy(
        "degrade:response_format",
        "openai_chat",
        "anthropic",
        chat(response_format={"type": "json_object"}),
    ),
    Lossy(
        "degrade:response_format",
        "openai_chat",
        "anthropic",
        chat(response_format=schema_format(BOUNDED)),
    ),
    Lossy(
        "degrade:strict",
        "openai_chat",
        "anthropic",
        chat(tools=[function(schema=BOUNDED, strict=True)]),
    ),
    Lossy("degrade:tool_schema", "openai_chat", "anthropic", chat(tools=[function(schema=UNION)])),
    Lossy(
        "degrade:tool_choice",
        "openai_chat",
        "anthropic",
        chat(tools=[function()], tool_choice="required"),
        {"forced_tool_choice": False, "mid_system": True},
    ),
    Lossy(
        "degrade:mid_system",
        "openai_chat",
        "anthropic",
        chat(HI, assistant("hello"), {"role": "system", "content": "s"}, HI),
    ),
    Lossy("drop:cache_control", "openai_chat", "anthropic", chat(user(*[CACHED] * 5))),
    Lossy("degrade:assistant_image", "gemini", "anthropic", generated("image/png", PNG)),
    Lossy("degrade:assistant_audio", "gemini", "anthropic", generated("audio/wav", WAV)),
    Lossy(
        "drop:server_call.web_search drop:server_result.web_search",
        "openai_responses",
        "anthropic",
        items(HI, SEARCHED),
    ),
    Lossy(
        "drop:opaque",
        "openai_responses",
        "anthropic",
        items({"type": "compaction", "id": "cmp_1", "encrypted_content": "e"}),
    ),
    Lossy(
        "drop:effort",
        "anthropic",
        "anthropic",
        messages(*IMAGE_RESULT, output_config={"effort": "low"}),
        {"tool_media": False, "form": ReasoningForm.BUDGET},
    ),
    Lossy(
        "drop:tool.file_search",
        "openai_responses",
        "anthropic",
        items(tools=[flat(), {"type": "file_search", "vector_store_ids": ["v"]}]),
    ),
    Lossy(
        "drop:truncation drop:context_management",
        "openai_responses",
        "anthropic",
        items(truncation="auto", context_management=[{"type": "compaction"}]),
    ),
)

TO_CHAT = (
    Lossy(
        "drop:top_k drop:min_p drop:repetition_penalty",
        "ollama",
        "openai",
        chat(options={"top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1}),
    ),
    Lossy(
        "drop:temperature drop:top_p drop:presence_penalty drop:frequency_penalty drop:logprobs",
        "ollama",
        "openai",
        chat(
            logprobs=True,
            options={
                "temperature": 0.5,
                "top_p": 0.5,
                "presence_penalty": 0.5,
                "frequency_penalty": 0.5,
            },
        ),
        NO_DRAWING,
    ),
    Lossy("drop:seed", "ollama", "openai", chat(options={"seed": 7}), {"seed": False}),
    Lossy(
        "drop:logit_bias",
        "openai_completions",
        "openai_chat",
        {"prompt": "hi", "logit_bias": {"1": 2}},
    ),
    Lossy("degrade:max_tokens", "anthropic", "openai", messages(), {"max_output": 50}),
    Lossy(
        "degrade:stop",
        "anthropic",
        "openai",
        messages(stop_sequences=[*"abcde"]),
        {"stop_limit": 4},
    ),
    Lossy(
        "drop:verbosity drop:service_tier drop:metadata",
        "openai_responses",
        "openai_chat",
        items(text={"verbosity": "low"}, service_tier="flex", metadata={"a": "b"}),
    ),
    Lossy(
        "drop:service_tier drop:metadata",
        "openai_responses",
        "openai_chat",
        items(service_tier="ultrafast", metadata={"a": "b"}),
        {"openai_extras": True},
    ),
    Lossy("drop:reasoning", "ollama", "openai", chat(think=True), NO_THOUGHT),
    Lossy("drop:reasoning", "ollama", "openai", chat(think=False)),
    Lossy("degrade:reasoning", "ollama", "openai", chat(think=False), ALWAYS),
    Lossy(
        "degrade:reasoning_effort", "ollama", "openai", chat(think="max"), {"openai_extras": True}
    ),
    Lossy(
        "degrade:response_format",
        "anthropic",
        "openai",
        messages(output_config={"format": {"type": "json_schema", "schema": DICTIONARY}}),
    ),
    Lossy(
        "degrade:response_format",
        "anthropic",
        "openai",
        messages(output_config={"format": {"type": "json_schema", "schema": PLAIN}}),
        {"structured": False},
    ),
    Lossy(
        "degrade:strict",
        "openai_responses",
        "openai_chat",
        items(
            text={"format": {"type": "json_schema", "name": "n", "schema": PLAIN, "strict": True}}
        ),
    ),
    Lossy("drop:strict", "anthropic", "openai", messages(tools=[own(strict=True)])),
    Lossy("degrade:tool_schema", "anthropic", "openai", messages(tools=[own(schema=UNION)])),
    Lossy("drop:duplicate_tool", "anthropic", "openai", messages(tools=[own(), own()])),
    Lossy(
        "drop:tool_choice",
        "openai_responses",
        "openai_chat",
        items(
            tools=[flat()],
            tool_choice={
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
            },
        ),
    ),
    Lossy(
        "degrade:tool_choice",
        "anthropic",
        "openai",
        messages(tools=[own()], tool_choice={"type": "any"}),
        {"forced_tool_choice": False},
    ),
    Lossy(
        "drop:parallel_tool_calls",
        "openai_responses",
        "openai_chat",
        items(tools=[flat()], parallel_tool_calls=False),
        {"parallel_tools": False},
    ),
    Lossy("drop:tool.web_search", "anthropic", "openai", messages(tools=[own(), WEB])),
    Lossy(
        "drop:max_uses drop:allowed_domains",
        "anthropic",
        "openai",
        messages(tools=[{**WEB, "max_uses": 3, "allowed_domains": ["a.example"]}]),
        {"web_search": True},
    ),
    Lossy(
        "drop:blocked_domains",
        "anthropic",
        "openai",
        messages(tools=[BLOCKING_WEB]),
        {"web_search": True},
    ),
    Lossy(
        "degrade:orphan_tool_result",
        "openai_chat",
        "anthropic",
        chat(HI, {"role": "tool", "tool_call_id": "call_9", "content": "r"}),
    ),
    Lossy(
        "degrade:missing_tool_result",
        "openai_chat",
        "anthropic",
        chat(HI, assistant(None, tool_calls=[CHAT_CALL]), HI, tools=[function()]),
    ),
    Lossy("degrade:prefill", "anthropic", "openai", messages(HI, assistant("{"))),
    Lossy("degrade:tool_result_media", "anthropic", "openai", messages(*IMAGE_RESULT)),
    Lossy("drop:image", "anthropic", "openai", messages(*IMAGE_RESULT), {"vision": False}),
    Lossy("drop:server_tool_history", "anthropic", "openai", messages(*SEARCHED_BY_CLAUDE)),
    Lossy(
        "drop:part",
        "anthropic",
        "openai",
        messages(user({"type": "something_new"}, {"type": "text", "text": "hi"})),
    ),
    Lossy("drop:assistant_image", "gemini", "openai", generated("image/png", PNG)),
    Lossy("drop:assistant_audio", "gemini", "openai", generated("audio/wav", WAV)),
    Lossy(
        "drop:context_management drop:fallbacks drop:mcp_servers",
        "anthropic",
        "openai",
        messages(
            context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
            fallbacks=[{"model": "n"}],
            mcp_servers=[{"type": "url", "url": "https://a.example", "name": "a"}],
        ),
    ),
    Lossy(
        "drop:fallback_credit_token",
        "anthropic",
        "openai",
        messages(fallback_credit_token="t"),
    ),
    Lossy("drop:multi_agent", "openai_responses", "openai_chat", items(multi_agent={"a": 1})),
    Lossy(
        "drop:responseMimeType drop:mediaResolution drop:speechConfig",
        "gemini",
        "openai",
        contents(
            generationConfig={
                "responseMimeType": "text/x.enum",
                "mediaResolution": "MEDIA_RESOLUTION_LOW",
                "speechConfig": {"languageCode": "en"},
            }
        ),
    ),
    Lossy("drop:context drop:template", "ollama", "openai", chat(context=[1], template="t")),
    Lossy("degrade:raw", "ollama", "openai", {"prompt": "hi", "raw": True}, variant="generate"),
)

TO_RESPONSES = (
    Lossy(
        f"{DROPPED_WARMTH} drop:min_p drop:repeat_penalty drop:logit_bias drop:seed {PENALTIES}",
        "openai_chat",
        "openai_responses",
        chat(**WARMTH, **RARE_SAMPLING),
        NO_DRAWING,
    ),
    Lossy(
        "drop:top_p",
        "openai_chat",
        "openai_responses",
        chat(temperature=0.5, top_p=0.5),
        {"temperature_xor_top_p": True},
    ),
    Lossy(
        "degrade:max_tokens",
        "openai_chat",
        "openai_responses",
        chat(max_tokens=500),
        {"max_output": 100},
    ),
    Lossy("degrade:stop", "openai_chat", "openai_responses", chat(stop="a")),
    Lossy(
        "drop:logprobs",
        "openai_chat",
        "openai_responses",
        chat(logprobs=True),
        {"logprobs": False},
    ),
    Lossy("drop:service_tier", "openai_chat", "openai_responses", chat(service_tier="odd")),
    Lossy("drop:name", "openai_chat", "openai_responses", chat({**HI, "name": "Ada"})),
    Lossy(
        "drop:modalities",
        "gemini",
        "openai_responses",
        contents(generationConfig={"responseModalities": ["TEXT", "IMAGE"]}),
    ),
    Lossy("drop:reasoning", "openai_chat", "openai_responses", chat(HI, THOUGHT, HI)),
    Lossy(
        "drop:reasoning",
        "openai_chat",
        "openai_responses",
        chat(reasoning_effort="high"),
        NO_THOUGHT,
    ),
    Lossy(
        "degrade:reasoning",
        "openai_chat",
        "openai_responses",
        chat(reasoning_effort="none"),
        ALWAYS,
    ),
    Lossy(
        "degrade:reasoning_effort",
        "openai_chat",
        "openai_responses",
        chat(reasoning_effort="xhigh"),
        {"efforts": (Effort.LOW, Effort.HIGH)},
    ),
    Lossy(
        "degrade:response_format",
        "anthropic",
        "openai_responses",
        messages(output_config={"format": {"type": "json_schema", "schema": PLAIN}}),
    ),
    Lossy(
        "degrade:response_format",
        "openai_chat",
        "openai_responses",
        chat(response_format=schema_format(UNION)),
    ),
    Lossy("degrade:strict", "openai_chat", "openai_responses", chat(tools=[function(strict=True)])),
    Lossy(
        "degrade:tool_schema",
        "openai_chat",
        "openai_responses",
        chat(tools=[function(schema=UNION)]),
    ),
    Lossy("drop:max_uses", "anthropic", "openai_responses", messages(tools=[LIMITED_WEB])),
    Lossy(
        "drop:blocked_domains",
        "anthropic",
        "openai_responses",
        messages(tools=[BLOCKING_WEB]),
    ),
    Lossy(
        "drop:server_tool_history",
        "anthropic",
        "openai_responses",
        messages(*SEARCHED_BY_CLAUDE),
    ),
    Lossy("drop:assistant_image", "gemini", "openai_responses", generated("image/png", PNG)),
    Lossy("drop:assistant_audio", "gemini", "openai_responses", generated("audio/wav", WAV)),
)

TO_GEMINI = (
    Lossy(
        f"drop:min_p drop:repeat_penalty drop:logit_bias drop:seed {PENALTIES} {DROPPED_WARMTH}",
        "openai_chat",
        "gemini",
        chat(**WARMTH, **RARE_SAMPLING),
        {**NO_DRAWING, "seed": False},
    ),
    Lossy("degrade:temperature", "openai_chat", "gemini", chat(temperature=2.5)),
    Lossy(
        "degrade:max_tokens",
        "openai_chat",
        "gemini",
        chat(max_tokens=5000),
        {"max_output": 2000},
    ),
    Lossy(
        "risk:thinking_budget",
        "openai_chat",
        "gemini",
        chat(max_tokens=100),
        {"reasoning": ReasoningMode.DEFAULT},
    ),
    Lossy("degrade:stop", "openai_chat", "gemini", chat(stop=[*"abcdef"])),
    Lossy(
        "drop:logprobs drop:verbosity drop:service_tier drop:metadata",
        "openai_chat",
        "gemini",
        chat(logprobs=True, verbosity="low", service_tier="scale", metadata={"a": "Two words"}),
        {"logprobs": False},
    ),
    Lossy(
        "drop:detail",
        "openai_chat",
        "gemini",
        chat(
            user(
                {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "high"}},
            )
        ),
    ),
    Lossy("degrade:first_message", "openai_chat", "gemini", chat(assistant("hello"), HI)),
    Lossy("drop:reasoning", "openai_chat", "gemini", chat(reasoning_effort="high"), NO_THOUGHT),
    Lossy(
        "degrade:reasoning",
        "openai_chat",
        "gemini",
        chat(reasoning_effort="none"),
        {**ALWAYS, "form": ReasoningForm.BUDGET, "budget_range": (128, 32768)},
    ),
    Lossy(
        "degrade:reasoning",
        "openai_chat",
        "gemini",
        chat(reasoning_effort="none"),
        {**ALWAYS, "form": ReasoningForm.LEVEL},
    ),
    Lossy(
        "degrade:tool_schema",
        "openai_chat",
        "gemini",
        chat(tools=[function(schema=GUARDED)]),
        {"json_schema_tools": False},
    ),
    Lossy(
        "degrade:response_format",
        "openai_chat",
        "gemini",
        chat(response_format=schema_format(GUARDED)),
        {"json_schema_tools": False},
    ),
    Lossy(
        "degrade:response_format",
        "openai_chat",
        "gemini",
        chat(tools=[function()], response_format={"type": "json_object"}),
        {"structured_with_tools": False},
    ),
    Lossy(
        "drop:strict",
        "openai_chat",
        "gemini",
        chat(tools=[function(strict=True), function("g")]),
    ),
    Lossy(
        "drop:parallel_tool_calls",
        "openai_chat",
        "gemini",
        chat(tools=[function()], parallel_tool_calls=False),
    ),
    Lossy(
        "degrade:tool_choice drop:tool.web_search.max_uses drop:tool.web_search.user_location",
        "anthropic",
        "gemini",
        messages(tools=[LIMITED_WEB], tool_choice={"type": "any"}),
    ),
    Lossy(
        "drop:tool.web_search.allowed_domains",
        "openai_responses",
        "gemini",
        items(tools=[{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}]),
    ),
    Lossy(
        "drop:tool.web_search.blocked_domains",
        "anthropic",
        "gemini",
        messages(tools=[BLOCKING_WEB]),
    ),
    Lossy(
        "drop:tool.web_search",
        "anthropic",
        "gemini",
        messages(tools=[own(), WEB]),
        {"builtin_with_functions": False},
    ),
    Lossy("drop:server_tool_history", "anthropic", "gemini", messages(*SEARCHED_BY_CLAUDE)),
)

TO_OLLAMA = (
    Lossy("drop:logit_bias", "openai_chat", "ollama", chat(logit_bias={"1": 2})),
    Lossy(
        "drop:verbosity drop:service_tier drop:metadata",
        "openai_chat",
        "ollama",
        chat(verbosity="low", service_tier="priority", metadata={"a": "b"}),
    ),
    Lossy(
        "drop:modalities",
        "gemini",
        "ollama",
        contents(generationConfig={"responseModalities": ["TEXT", "IMAGE"]}),
    ),
    Lossy("drop:strict", "openai_chat", "ollama", chat(tools=[function(strict=True)])),
    Lossy("degrade:tool_schema", "openai_chat", "ollama", chat(tools=[function(schema=GUARDED)])),
    Lossy(
        "drop:parallel_tool_calls degrade:tool_choice",
        "openai_chat",
        "ollama",
        chat(tools=[function()], parallel_tool_calls=False, tool_choice="required"),
    ),
    Lossy("drop:reasoning", "openai_chat", "ollama", chat(reasoning_effort="high"), NO_THOUGHT),
    Lossy("degrade:reasoning", "openai_chat", "ollama", chat(reasoning_effort="none"), ALWAYS),
    Lossy("drop:server_tool_history", "anthropic", "ollama", messages(*SEARCHED_BY_CLAUDE)),
)

TO_COMPLETIONS = (
    Lossy(
        "drop:top_k drop:min_p drop:repetition_penalty drop:reasoning",
        "ollama",
        "openai_completions",
        {
            "prompt": "hi",
            "think": True,
            "options": {"top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1},
        },
        variant="generate",
    ),
)

LOSSY = (
    *TO_ANTHROPIC,
    *TO_CHAT,
    *TO_RESPONSES,
    *TO_GEMINI,
    *TO_OLLAMA,
    *TO_COMPLETIONS,
)
